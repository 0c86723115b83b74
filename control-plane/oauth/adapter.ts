// Keeps what oidc-provider keeps, in our store: every model in one table, identifiers hashed, payloads without the
// identifier itself, and sealed where they hold another one. Two that redeem the same code at once: one loses.
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { parseJson } from '../../protocol/json.ts';
import { artifactPruneMs } from '../../protocol/limits-authority.ts';
import type { SealedCell } from '../secrets/seal-at-rest.ts';
import { GuardFailed } from '../store/store.ts';
import type { OauthArtifactsTable } from '../store/tables-oauth.ts';
import {
  consumeArtifact,
  deleteArtifact,
  deleteFamily,
  hashOf,
  pruneArtifacts,
  selectArtifact,
  selectArtifactBy,
  upsertArtifact,
} from './store.ts';
import type { NewArtifact } from './store.ts';
import type { OauthParts } from './contract.ts';

/** Models whose payload holds identifiers that open something: a session's, a device code's, a person's code. */
const sealedModels: ReadonlySet<string> = new Set([
  'Session',
  'Interaction',
  'DeviceCode',
  'AuthorizationCode',
  'PushedAuthorizationRequest',
]);

export interface AdapterHooks {
  /** Metadata of a client, or undefined. */
  readonly client: (id: string) => Promise<AdapterPayload | undefined>;
  /** A token that is presented as text and is not stored; see introspectable.ts. */
  readonly presented: (model: string, id: string) => AdapterPayload | undefined;
  /** Called where a token that is not stored is to be destroyed. */
  readonly revokePresented: (id: string) => Promise<boolean>;
  /** Where a second redemption is found: throws the error that the protocol has for it. */
  readonly redeemedTwice: () => never;
}

type Deps = Pick<OauthParts, 'store' | 'secrets' | 'clock' | 'revoke'>;

/** The row of a token of a model, as its identifier finds it. */
export function artifactId(model: string, id: string): string {
  return hashOf(model, id);
}

/** The name under which a family (RFC 9700, section 4.14: all tokens of one sign-in) is revoked. */
export function familyKey(grantHash: string): string {
  return `family:${grantHash}`;
}

export function openAdapter(deps: Deps, hooks: AdapterHooks): (model: string) => Adapter {
  const { store, clock } = deps;
  let prunedAt = clock.now();

  const { readRow, makeRow } = rowsOf(deps);
  const prune = () => {
    if (clock.now() - prunedAt < artifactPruneMs) return [];
    prunedAt = clock.now();
    return pruneArtifacts(store, prunedAt);
  };

  return (model) => ({
    async upsert(id, payload, expiresIn) {
      const row = await makeRow(model, id, payload, expiresIn);
      await store.write([upsertArtifact(store, row), ...prune()]);
    },
    async find(id) {
      if (model === 'Client') return hooks.client(id);
      const presented = hooks.presented(model, id);
      if (presented !== undefined) return presented;
      const [row] = await store.read(selectArtifact(store, artifactId(model, id)));
      const payload = await readRow(row);
      return payload === undefined ? undefined : { ...payload, jti: id };
    },
    async findByUid(uid) {
      const by = { model, column: 'uid_hash', hash: hashOf('uid', uid) } as const;
      const [row] = await store.read(selectArtifactBy(store, by));
      return readRow(row);
    },
    async findByUserCode(userCode) {
      const by = { model, column: 'user_code_hash', hash: hashOf('user_code', userCode) } as const;
      const [row] = await store.read(selectArtifactBy(store, by));
      return readRow(row);
    },
    async consume(id) {
      const rowId = artifactId(model, id);
      try {
        await store.write([consumeArtifact(store, rowId)]);
      } catch (error) {
        if (!(error instanceof GuardFailed)) throw error;
        const [row] = await store.read(selectArtifact(store, rowId));
        if (typeof row?.grant_hash === 'string') await revokeFamily(deps, row.grant_hash);
        hooks.redeemedTwice();
      }
    },
    async destroy(id) {
      if (await hooks.revokePresented(id)) return;
      const rowId = artifactId(model, id);
      // Tokens that were made from this one die with it.
      if (model === 'AccessToken') await deps.revoke([rowId]);
      if (model === 'Grant') await deps.revoke([familyKey(rowId)]);
      await store.write([deleteArtifact(store, rowId)]);
    },
    async revokeByGrantId(grantId) {
      await deps.revoke([familyKey(hashOf('Grant', grantId))]);
      await store.write([deleteFamily(store, hashOf('Grant', grantId), model)]);
    },
  });
}

/** Payloads to rows and back. */
function rowsOf(deps: Deps) {
  const { clock } = deps;
  const readRow = async (row: OauthArtifactsTable | undefined): Promise<AdapterPayload | undefined> => {
    if (row === undefined) return undefined;
    const text = row.payload ?? (await deps.secrets.openTextAtRest(row.envelope ?? '', cellOf(row.id)));
    const payload = parseJson(text) as AdapterPayload;
    return row.consumed_at === null ? payload : { ...payload, consumed: Math.floor(row.consumed_at / 1_000) };
  };
  const makeRow = async (model: string, id: string, payload: AdapterPayload, expiresIn = 0) => {
    const { jti: _jti, ...rest } = payload;
    const rowId = artifactId(model, id);
    // A session is found by its uid too, whose payload then must say which one it is.
    const text = JSON.stringify(sealedModels.has(model) ? payload : rest);
    const sealed = sealedModels.has(model);
    const row: NewArtifact = {
      id: rowId,
      model,
      payload: sealed ? null : text,
      envelope: sealed ? await deps.secrets.sealAtRest(text, cellOf(rowId)) : null,
      grant_hash: hashOrNull('Grant', model === 'Grant' ? id : payload.grantId),
      uid_hash: hashOrNull('uid', payload.uid),
      user_code_hash: hashOrNull('user_code', payload.userCode),
      principal: payload.accountId ?? null,
      client: payload.clientId ?? null,
      expires_at: clock.now() + expiresIn * 1_000,
    };
    return row;
  };
  return { readRow, makeRow };
}

/** Ends all tokens of one sign-in, and those that were made from them. */
export async function revokeFamily(
  deps: Pick<OauthParts, 'store' | 'revoke'>,
  grantHash: string,
): Promise<void> {
  await deps.revoke([familyKey(grantHash)], [deleteFamily(deps.store, grantHash)]);
}

function hashOrNull(kind: string, id: unknown): string | null {
  return typeof id === 'string' ? hashOf(kind, id) : null;
}

function cellOf(id: string): SealedCell {
  return { table: 'oauth_artifacts', organization: '', project: '', row: id, column: 'envelope' };
}
