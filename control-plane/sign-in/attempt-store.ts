// A sign-in that is under way in one browser: what is known of it between two requests, named by a cookie, for
// minutes. An attempt that is taken is gone, so that no answer counts twice.
import { randomUUIDv7 } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../protocol/json.ts';
import { signInAttemptMs, signInSweepRowsMax } from '../../protocol/limits-authority.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { hashSecret, newSecret } from './one-time-secret.ts';

/** What the sign-in is for, kept over all its steps. */
export const goalSchema = z.object({
  returnTo: z.string(),
  /** Set where a session that exists is asked to show again who it is. */
  session: z.string().nullable(),
  /** Why it is elevated; null where it only shows again who it is. */
  reason: z.string().nullable(),
});
export type Goal = z.infer<typeof goalSchema>;

const contentSchemas = {
  /** The password was good, a second factor is asked for. */
  second_factor: z.object({ goal: goalSchema, methods: z.array(z.string()) }),
  /** A passkey was asked for, to sign in or to register. */
  passkey: z.object({ goal: goalSchema, challenge: z.string() }),
  passkey_registration: z.object({ challenge: z.string() }),
  /** The browser is with an identity provider. */
  provider: z.object({
    goal: goalSchema,
    provider: z.string(),
    state: z.string(),
    nonce: z.string(),
    verifier: z.string(),
    startedAt: z.int(),
  }),
} as const;

export type AttemptKind = keyof typeof contentSchemas;
export type AttemptContent<Kind extends AttemptKind> = z.infer<(typeof contentSchemas)[Kind]>;

export interface Attempt<Kind extends AttemptKind> {
  readonly id: string;
  readonly principal: string | null;
  readonly content: AttemptContent<Kind>;
}

interface Deps {
  readonly store: Store;
  readonly clock: { now(): number };
}

/** The cookie that names it, and the step that remembers it. */
export function beginAttempt<Kind extends AttemptKind>(
  { store, clock }: Deps,
  attempt: { readonly kind: Kind; readonly principal: string | null; readonly content: AttemptContent<Kind> },
): { readonly cookie: string; readonly step: Step } {
  const { secret, hash } = newSecret();
  const now = clock.now();
  const row = {
    id: randomUUIDv7(),
    hash,
    kind: attempt.kind,
    principal: attempt.principal,
    content: JSON.stringify(attempt.content),
    created_at: now,
    expires_at: now + signInAttemptMs,
  };
  return { cookie: secret, step: step(store.db.insertInto('sign_in_attempts').values(row)) };
}

/** Null where there is none of that kind, or it has lapsed. */
export async function findAttempt<Kind extends AttemptKind>(
  { store, clock }: Deps,
  asked: { readonly kind: Kind; readonly cookie: string | null },
): Promise<Attempt<Kind> | null> {
  if (asked.cookie === null) return null;
  const query = store.db
    .selectFrom('sign_in_attempts')
    .selectAll()
    .where('hash', '=', hashSecret(asked.cookie))
    .where('kind', '=', asked.kind)
    .where('expires_at', '>', clock.now());
  const [row] = await store.read(query.compile());
  if (row === undefined) return null;
  const content = contentSchemas[asked.kind].parse(parseJson(row.content)) as AttemptContent<Kind>;
  return { id: row.id, principal: row.principal, content };
}

/** Fails where another request has taken it. */
export function takeAttemptStep(store: Store, id: string): Step {
  return step(store.db.deleteFrom('sign_in_attempts').where('id', '=', id), { name: 'attempt', exactly: 1 });
}

export function forgetAttempts({ store, clock }: Deps): Step {
  const old = store.db
    .selectFrom('sign_in_attempts')
    .select('id')
    .where('expires_at', '<=', clock.now())
    .limit(signInSweepRowsMax);
  return step(store.db.deleteFrom('sign_in_attempts').where('id', 'in', old));
}
