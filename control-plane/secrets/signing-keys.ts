// Signing keys in the store: ES256 pairs (RFC 7518, section 3.4), the private half wrapped always (rules.md 31).
import { calculateJwkThumbprint } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { KeyObject } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { SigningKeysTable } from '../store/schema.ts';
import type { Step, Store } from '../store/store.ts';
import type { KeyProvider } from './key-provider.ts';
import { openAtRest, sealAtRest } from './seal-at-rest.ts';
import type { SealedCell } from './seal-at-rest.ts';

export type SigningPurpose = SigningKeysTable['purpose'];
export type SigningKeyState = SigningKeysTable['state'];

/** The half that everybody may see. */
export interface PublicSigningKey {
  /** JWK thumbprint (RFC 7638). */
  readonly kid: string;
  readonly purpose: SigningPurpose;
  readonly state: SigningKeyState;
  /** With `kid`, `alg` and `use`. */
  readonly publicJwk: JWK;
  /** PEM, where a certificate was issued for it. */
  readonly certificate: string | null;
  readonly createdAt: number;
  readonly notAfter: number | null;
}

export interface SigningKey extends PublicSigningKey {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
  /** PKCS #8 in PEM, for a TLS listener, which takes nothing else. */
  privatePem(): string;
}

export interface NewSigningKey {
  readonly purpose: SigningPurpose;
  /** `active` by default; the former active key of the purpose is retired in the same unit. */
  readonly state?: SigningKeyState;
  readonly notAfter?: number;
  /** Makes the certificate (PEM) of the fresh pair. */
  readonly certify?: (pair: {
    readonly kid: string;
    readonly publicKey: CryptoKey;
    readonly privateKey: CryptoKey;
  }) => Promise<string>;
  /** Rows that change in the same unit, for instance the audit event. */
  readonly alongside?: readonly Step[];
}

/** A key that is not stored yet, and the step that stores it. */
export interface DraftedKey {
  readonly kid: string;
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
  readonly step: Step;
}

export interface SigningKeys {
  /** Wraps a pair, a fresh one by default; the caller stores it in a unit of its own. */
  draft(purpose: SigningPurpose, pair?: Pair): Promise<DraftedKey>;
  /** The key with this id, in whatever state; null where it is not here. */
  open(kid: string): Promise<SigningKey | null>;
  /** Ids of the keys of these purposes that are here. */
  kept(purposes: readonly SigningPurpose[]): Promise<ReadonlySet<string>>;
  /** Step that forgets a key for good. */
  remove(kid: string): Step;
  /** Makes a pair, wraps it, stores it durably. */
  create(key: NewSigningKey): Promise<SigningKey>;
  /** The active key of a purpose, or null. */
  active(purpose: SigningPurpose): Promise<SigningKey | null>;
  /** The active key; made by `create` where there is none. Replicas that start at once agree on one. */
  ensure(key: NewSigningKey): Promise<SigningKey>;
  /** All keys of a purpose that are not retired, or all with `retired`; the newest first, active before next. */
  list(
    purpose: SigningPurpose,
    options?: { readonly retired?: boolean },
  ): Promise<readonly PublicSigningKey[]>;
  /** Step that makes the `next` key of a purpose the active one, and steps that retire the former. */
  activate(kid: string, purpose: SigningPurpose): readonly Step[];
}

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;

export function signingKeysOf(store: Store, provider: KeyProvider): SigningKeys {
  const active = async (purpose: SigningPurpose) => {
    const query = store.db
      .selectFrom('signing_keys')
      .selectAll()
      .where('purpose', '=', purpose)
      .where('state', '=', 'active')
      .orderBy('created_at', 'desc')
      .limit(1);
    const [row] = await store.read(query.compile());
    return row === undefined ? null : openRow(provider, row);
  };
  const retire = (purpose: SigningPurpose) =>
    step(
      store.db
        .updateTable('signing_keys')
        .set({ state: 'retired' })
        .where('purpose', '=', purpose)
        .where('state', '=', 'active'),
    );
  const insert = async (key: NewSigningKey, first: readonly Step[]) => {
    const { row, pair } = await makeRow(provider, key);
    const values = { ...row, created_at: nowMs(store.engine) };
    const inserted = step(store.db.insertInto('signing_keys').values(values).returning('created_at'));
    const results = await store.write([...first, inserted, ...(key.alongside ?? [])]);
    const createdAt = Number(results[first.length]?.rows[0]?.['created_at']);
    return withPrivate(toPublic({ ...row, created_at: createdAt }), pair);
  };
  return {
    ...keysById(store, provider),
    create: (key) => insert(key, (key.state ?? 'active') === 'active' ? [retire(key.purpose)] : []),
    active,
    ensure: async (key) => {
      const found = await active(key.purpose);
      if (found !== null) return found;
      try {
        return await insert({ ...key, state: 'active' }, [noneActive(store, key.purpose)]);
      } catch (cause) {
        const other = await active(key.purpose);
        if (other === null) throw cause;
        return other;
      }
    },
    list: async (purpose, options = {}) => {
      let query = store.db.selectFrom('signing_keys').selectAll().where('purpose', '=', purpose);
      if (options.retired !== true) query = query.where('state', '!=', 'retired');
      const rows = await store.read(query.orderBy('state').orderBy('created_at', 'desc').compile());
      return rows.map(toPublic);
    },
    activate: (kid, purpose) => [
      retire(purpose),
      step(
        store.db
          .updateTable('signing_keys')
          .set({ state: 'active' })
          .where('kid', '=', kid)
          .where('purpose', '=', purpose)
          .where('state', '=', 'next'),
        { name: 'next_signing_key', exactly: 1 },
      ),
    ],
  };
}

/** For the keys of authorities, whose states are kept elsewhere. */
function keysById(
  store: Store,
  provider: KeyProvider,
): Pick<SigningKeys, 'draft' | 'open' | 'kept' | 'remove'> {
  return {
    draft: async (purpose, pair) => {
      const made = await makeRow(provider, { purpose }, pair);
      const values = { ...made.row, created_at: nowMs(store.engine) };
      return {
        kid: made.row.kid,
        ...made.pair,
        step: step(store.db.insertInto('signing_keys').values(values)),
      };
    },
    open: async (kid) => {
      const query = store.db.selectFrom('signing_keys').selectAll().where('kid', '=', kid);
      const [row] = await store.read(query.compile());
      return row === undefined ? null : openRow(provider, row);
    },
    kept: async (purposes) => {
      const query = store.db.selectFrom('signing_keys').select('kid').where('purpose', 'in', purposes);
      return new Set((await store.read(query.compile())).map((row) => row.kid));
    },
    remove: (kid) => step(store.db.deleteFrom('signing_keys').where('kid', '=', kid)),
  };
}

/** Guards the first key of a purpose against another process that makes one too. */
function noneActive(store: Store, purpose: SigningPurpose): Step {
  const active = store.db.selectFrom('signing_keys').select('kid').where('purpose', '=', purpose);
  return step(active.where('state', '=', 'active'), { name: 'no_active_signing_key', exactly: 0 });
}

export interface Pair {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}

async function makeRow(
  provider: KeyProvider,
  key: NewSigningKey,
  given?: Pair,
): Promise<{ row: Omit<SigningKeysTable, 'created_at'>; pair: Pair }> {
  const pair: Pair = given ?? (await crypto.subtle.generateKey(curve, true, ['sign', 'verify']));
  const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey);
  const { kty = '', crv = '', x = '', y = '' } = jwk;
  const kid = await calculateJwkThumbprint({ kty, crv, x, y });
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey('pkcs8', pair.privateKey));
  try {
    const row = {
      kid,
      purpose: key.purpose,
      state: key.state ?? 'active',
      public_jwk: JSON.stringify({ kty, crv, x, y, kid, alg: 'ES256', use: 'sig' }),
      wrapped_private: await sealAtRest(provider, pkcs8, cellOf(kid)),
      certificate: key.certify === undefined ? null : await key.certify({ kid, ...pair }),
      not_after: key.notAfter ?? null,
    };
    return { row, pair };
  } finally {
    pkcs8.fill(0);
  }
}

async function openRow(provider: KeyProvider, row: SigningKeysTable): Promise<SigningKey> {
  const found = toPublic(row);
  const pkcs8 = await openAtRest(provider, row.wrapped_private, cellOf(row.kid));
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey('pkcs8', pkcs8, curve, true, ['sign']),
    crypto.subtle.importKey('jwk', { ...found.publicJwk, kty: 'EC' }, curve, true, ['verify']),
  ]);
  pkcs8.fill(0);
  if (!(await isPair({ privateKey, publicKey }))) {
    throw new Failure(
      'envelope_rejected',
      `The two halves of the signing key ${row.kid} do not belong together.`,
    );
  }
  return withPrivate(found, { privateKey, publicKey });
}

/** Who can write to the database could pair a public key of their own with our private one. */
async function isPair(pair: Pair): Promise<boolean> {
  const jwkOf = (key: CryptoKey) => crypto.subtle.exportKey('jwk', key);
  const [a, b] = await Promise.all([jwkOf(pair.privateKey), jwkOf(pair.publicKey)]);
  return a.x === b.x && a.y === b.y;
}

function withPrivate(key: PublicSigningKey, pair: Pair): SigningKey {
  return {
    ...key,
    publicKey: pair.publicKey,
    privateKey: pair.privateKey,
    privatePem: () => KeyObject.from(pair.privateKey).export({ type: 'pkcs8', format: 'pem' }),
  };
}

function toPublic(row: SigningKeysTable): PublicSigningKey {
  return {
    kid: row.kid,
    purpose: row.purpose,
    state: row.state,
    publicJwk: JSON.parse(row.public_jwk) as JWK,
    certificate: row.certificate,
    createdAt: row.created_at,
    notAfter: row.not_after,
  };
}

function cellOf(kid: string): SealedCell {
  return { table: 'signing_keys', organization: '', project: '', row: kid, column: 'wrapped_private' };
}
