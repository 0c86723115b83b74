// One-time links by which somebody sets a password: the first owner's at the first start, an invitation, a reset.
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { SignInLinksTable } from '../store/tables-sign-in.ts';
import { hashSecret, newSecret } from './one-time-secret.ts';

export interface NewLink {
  readonly id: string;
  readonly path: string;
  readonly expiresAt: number;
  /** Older links of the same principal stop working. */
  readonly steps: readonly Step[];
}

export function newLink(
  { store, clock }: { readonly store: Store; readonly clock: { now(): number } },
  link: {
    readonly principal: string;
    readonly purpose: SignInLinksTable['purpose'];
    readonly removesFactors: boolean;
    readonly createdBy: string | null;
    readonly lifeMs: number;
  },
): NewLink {
  const { secret, hash } = newSecret();
  const now = clock.now();
  const id = randomUUIDv7();
  const expiresAt = now + link.lifeMs;
  const row = {
    id,
    principal: link.principal,
    purpose: link.purpose,
    removes_factors: link.removesFactors ? 1 : 0,
    hash,
    created_by: link.createdBy,
    created_at: now,
    expires_at: expiresAt,
    used_at: null,
  };
  return {
    id,
    path: `/sign-in/setup?code=${secret}`,
    expiresAt,
    steps: [endLinks(store, link.principal, now), step(store.db.insertInto('sign_in_links').values(row))],
  };
}

function endLinks(store: Store, principal: string, now: number): Step {
  const update = store.db
    .updateTable('sign_in_links')
    .set({ expires_at: now })
    .where('principal', '=', principal)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now);
  return step(update);
}

/** Throws `sign_in_link_spent` for one that is unknown, used, lapsed, or replaced by a newer one. */
export async function readLink(
  { store, clock }: { readonly store: Store; readonly clock: { now(): number } },
  code: string,
): Promise<SignInLinksTable> {
  const query = store.db.selectFrom('sign_in_links').selectAll().where('hash', '=', hashSecret(code));
  const [row] = await store.read(query.compile());
  if (row === undefined || row.used_at !== null || row.expires_at <= clock.now()) throw linkSpent();
  return row;
}

export function linkSpent(): Failure {
  return new Failure(
    'sign_in_link_spent',
    'This link is not good, or not any more: each works once and for minutes. Ask for another one.',
  );
}

/** Fails where another request has used it. */
export function useLink(store: Store, link: { readonly id: string; readonly at: number }): Step {
  const update = store.db
    .updateTable('sign_in_links')
    .set({ used_at: link.at })
    .where('id', '=', link.id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', link.at);
  return step(update, { name: 'sign_in_link', exactly: 1 });
}
