// What this process believes about revoked tokens and signing keys, never older than the stated bound: it is read
// again by the first request that finds it too old, and where it cannot be read nothing is believed.
import type { JWK } from 'jose';
import { parseJson } from '../../protocol/json.ts';
import { revocationOverlapMs, tokenStalenessMsMax } from '../../protocol/limits-authority.ts';
import type { Store } from '../store/store.ts';
import type { OauthRevocationsTable } from '../store/tables-oauth.ts';
import { selectRevocations, selectTokenKeys } from './store.ts';
import type { TokenKeyRow } from './store.ts';

export interface TokenKey {
  readonly kid: string;
  readonly state: 'next' | 'active' | 'retired';
  readonly publicJwk: JWK;
  readonly createdAt: number;
  /** Epoch ms; null while it is not retired. */
  readonly notAfter: number | null;
}

/** One moment of it. */
export interface Liveness {
  isRevoked(key: string): boolean;
  /** Keys that are good for verifying now. */
  readonly keys: readonly TokenKey[];
}

export interface LivenessReader {
  /** Not older than the bound. Throws what the store throws: who cannot look lets nobody in. */
  now(): Promise<Liveness>;
  /** Takes what this process itself has just changed, without waiting for the bound. */
  forget(): void;
}

export function readLiveness(store: Store, clock: { now(): number }): LivenessReader {
  let readAt = -Infinity;
  let newest = 0;
  let reading: Promise<Liveness> | null = null;
  let current: Liveness = { isRevoked: () => true, keys: [] };
  const revoked = new Map<string, number>();

  const read = async (): Promise<Liveness> => {
    // The age counts from before the question: what is committed while it is answered may not be in the answer.
    const startedAt = clock.now();
    const [revocations, keys] = (await store.glance([
      selectRevocations(store, newest - revocationOverlapMs),
      selectTokenKeys(store, startedAt),
    ])) as unknown as [OauthRevocationsTable[], TokenKeyRow[]];
    for (const { id, revoked_at, keep_until } of revocations) {
      revoked.set(id, Number(keep_until));
      newest = Math.max(newest, Number(revoked_at));
    }
    for (const [key, keepUntil] of revoked) if (keepUntil < startedAt) revoked.delete(key);
    readAt = startedAt;
    current = { isRevoked: (key) => revoked.has(key), keys: keys.map(tokenKeyOf) };
    return current;
  };

  return {
    now() {
      const age = clock.now() - readAt;
      if (age >= 0 && age < tokenStalenessMsMax) return Promise.resolve(current);
      reading ??= read().finally(() => {
        reading = null;
      });
      return reading;
    },
    forget() {
      readAt = -Infinity;
      reading = null;
    },
  };
}

function tokenKeyOf(row: TokenKeyRow): TokenKey {
  return {
    kid: row.kid,
    state: row.state,
    publicJwk: parseJson(row.public_jwk) as JWK,
    createdAt: Number(row.created_at),
    notAfter: row.not_after === null ? null : Number(row.not_after),
  };
}
