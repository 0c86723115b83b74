// The rows of signed heads: sealing the end of a chain, and finding the newest head.
import type { JWK } from 'jose';
import { headHash, signHead } from '../../protocol/audit-head.ts';
import type { ExportedHead } from '../../protocol/audit-head.ts';
import { auditSealMs } from '../../protocol/limits.ts';
import type { SigningKey, SigningKeys } from '../secrets/signing-keys.ts';
import { step } from '../store/step.ts';
import type { AuditHeadsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { Chain } from './chain.ts';

export interface Heads {
  /**
   * Signs the end of the chain of each organization whose newest head is behind and older than `auditSealMs`, or of
   * all that are behind when `now`. Resolves with how many were signed.
   */
  seal(options?: { readonly now?: boolean }): Promise<number>;
  /** The newest head of an organization, to be kept elsewhere; null before the first. */
  newest(organization: string): Promise<ExportedHead | null>;
}

/** A head that was just signed. */
export interface SealedHead {
  readonly organization: string;
  readonly number: number;
  readonly jws: string;
}

export interface HeadsDeps {
  readonly store: Store;
  readonly chain: Chain;
  readonly signingKeys: SigningKeys;
  readonly clock: { now(): number };
  /** Told of each head that this process has signed. */
  readonly sealed?: (head: SealedHead) => void;
}

export function openHeads(deps: HeadsDeps): Heads {
  const { store, clock } = deps;
  let key: SigningKey | null = null;
  const sealOne = async (organization: string): Promise<boolean> => {
    key ??= await deps.signingKeys.ensure({ purpose: 'audit' });
    const end = await deps.chain.end(organization);
    if (end === null || end.position === 0) return false;
    const [last] = await store.read(newestOf(store));
    const place = {
      number: (last?.number ?? 0) + 1,
      organization,
      position: end.position,
      hash: end.hash,
      at: clock.now(),
    };
    const previous = last === undefined ? null : headHash(last.jws);
    const jws = await signHead({ ...place, previous, store_incarnation: store.incarnation }, key);
    // Another process that takes the same number makes this one fail; the next round seals what is still behind.
    const insert = store.db
      .insertInto('audit_heads')
      .values({ ...place, jws })
      .onConflict((conflict) => conflict.doNothing());
    const [result] = await store.write([step(insert)]);
    if (result?.changes !== 1) return false;
    deps.sealed?.({ organization, number: place.number, jws });
    return true;
  };
  return {
    seal: async (options = {}) => {
      const before = options.now === true ? clock.now() : clock.now() - auditSealMs;
      let count = 0;
      for (const organization of await behind(store, before)) {
        if (await sealOne(organization)) count += 1;
      }
      return count;
    },
    newest: async (organization) => {
      const [row] = await store.read(newestOf(store, organization));
      if (row === undefined) return null;
      const keys = await auditKeys(deps.signingKeys);
      const jwk = keys.get(kidOf(row.jws));
      if (jwk === undefined) return null;
      return { jws: row.jws, key: { kty: 'EC', crv: 'P-256', x: jwk.x ?? '', y: jwk.y ?? '' } };
    },
  };
}

/** Public keys that ever signed heads, by their ids. */
export async function auditKeys(signingKeys: SigningKeys): Promise<ReadonlyMap<string, JWK>> {
  const keys = await signingKeys.list('audit', { retired: true });
  return new Map(keys.map((key) => [key.kid, key.publicJwk]));
}

function newestOf(store: Store, organization?: string) {
  let query = store.db.selectFrom('audit_heads').selectAll();
  if (organization !== undefined) query = query.where('organization', '=', organization);
  return query.orderBy('number', 'desc').limit(1).compile();
}

/** Organizations whose chain is longer than their newest head says, where that one is of `before` or older. */
async function behind(store: Store, before: number): Promise<readonly string[]> {
  const query = store.db
    .selectFrom('audit_ends as o')
    .select('o.organization as id')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('audit_heads as h')
            .select('h.number')
            .whereRef('h.organization', '=', 'o.organization')
            .where(({ or, eb }) =>
              or([eb('h.position', '=', eb.ref('o.position')), eb('h.at', '>', before)]),
            ),
        ),
      ),
    );
  return (await store.read(query.compile())).map((row) => row.id);
}

function kidOf(jws: AuditHeadsTable['jws']): string {
  const header = Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString('utf8');
  return (JSON.parse(header) as { readonly kid?: string }).kid ?? '';
}
