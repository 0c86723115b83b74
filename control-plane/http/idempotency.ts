// Idempotency keys: a request that is sent again with the same key gets what the first one made, as it is now.
// The key is stored in the unit of the change, with a keyed MAC of the body (rules.md 29), for 24 hours.
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import { canonicalJson } from '../../protocol/json.ts';
import { idempotencyKeyCharactersMax, idempotencyMsMax } from '../../protocol/limits.ts';
import type { Caller } from '../authority/caller.ts';
import { nowMs } from '../store/dialect.ts';
import type { Step, Store } from '../store/store.ts';

export interface IdempotencyDeps {
  readonly store: Store;
  readonly clock: { now(): number };
  /** Keyed MAC over a text; its key never leaves the keyring. */
  readonly mac: (text: string) => string;
}

/** `replay` names what the first request made; `remember` belongs into the unit that makes it. */
export type Idempotency =
  { readonly replay: string } | { readonly replay: null; readonly remember: (id: string) => readonly Step[] };

const nothing: Idempotency = { replay: null, remember: () => [] };

/** Throws `idempotency_key_reused` where the key came with another body. */
export async function idempotencyOf(
  deps: IdempotencyDeps,
  request: FastifyRequest,
  caller: Caller,
): Promise<Idempotency> {
  const key = keyOf(request);
  if (key === null) return nothing;
  const principal = caller.principal.id;
  const route = `${request.method} ${request.url.split('?')[0] ?? ''}`;
  const bodyMac = deps.mac(canonicalJson(request.body ?? null));
  const { store } = deps;
  const [row] = await store.read(
    store.db
      .selectFrom('idempotency_keys')
      .select(['body_mac', 'answer', 'created_at'])
      .where('principal', '=', principal)
      .where('route', '=', route)
      .where('key', '=', key)
      .compile(),
  );
  if (row !== undefined && row.created_at > deps.clock.now() - idempotencyMsMax) {
    if (row.body_mac === bodyMac) return { replay: row.answer };
    throw new Failure(
      'idempotency_key_reused',
      'This Idempotency-Key was used with another body. Take a fresh key for another request.',
    );
  }
  const identity = { principal, route, key };
  return {
    replay: null,
    remember: (id) => [
      {
        query: store.db
          .deleteFrom('idempotency_keys')
          .where('principal', '=', principal)
          .where('route', '=', route)
          .where('key', '=', key)
          .where('created_at', '<=', deps.clock.now() - idempotencyMsMax)
          .compile(),
      },
      {
        query: store.db
          .insertInto('idempotency_keys')
          .values({
            ...identity,
            body_mac: bodyMac,
            status: 201,
            answer: id,
            created_at: nowMs(store.engine),
          })
          .onConflict((conflict) => conflict.doNothing())
          .compile(),
        guard: { name: 'idempotency', exactly: 1 },
      },
    ],
  };
}

function keyOf(request: FastifyRequest): string | null {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return null;
  if (typeof header !== 'string' || header === '' || header.length > idempotencyKeyCharactersMax) {
    throw new Failure(
      'invalid_request',
      `An Idempotency-Key has 1 to ${idempotencyKeyCharactersMax} characters; a UUID is a good one.`,
    );
  }
  return header;
}
