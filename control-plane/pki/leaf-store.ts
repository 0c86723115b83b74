// The SQL of issued leaves: which authority issued what to whom, and what became of it.
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { PkiLeavesTable } from '../store/tables-pki.ts';

export type NewLeaf = Pick<
  PkiLeavesTable,
  'serial' | 'authority' | 'role' | 'subject' | 'generation' | 'issued_to' | 'not_after'
>;

/**
 * The leaf, where its authority may still issue (guard `authority`: another process may have retired it meanwhile).
 * What of the same subject has expired is forgotten; one that renews for years keeps a few rows.
 */
export function insertLeaf(store: Store, leaf: NewLeaf): readonly Step[] {
  const now = nowMs(store.engine);
  return [
    step(
      store.db
        .selectFrom('pki_authorities')
        .select('id')
        .where('id', '=', leaf.authority)
        .where('state', 'in', ['next', 'active', 'former']),
      { name: 'authority', exactly: 1 },
    ),
    step(store.db.deleteFrom('pki_leaves').where('subject', '=', leaf.subject).where('not_after', '<', now)),
    step(
      store.db.insertInto('pki_leaves').values({
        ...leaf,
        issued_at: now,
        superseded_at: null,
        revoked_at: null,
        revoked_reason: null,
      }),
    ),
  ];
}

/** A later leaf of this subject was used: those before it never come in again. */
export function supersedeLeaves(
  store: Store,
  of: { readonly subject: string; readonly before: number },
): Step {
  return step(
    store.db
      .updateTable('pki_leaves')
      .set({ superseded_at: nowMs(store.engine) })
      .where('subject', '=', of.subject)
      .where('generation', '<', of.before)
      .where('superseded_at', 'is', null),
  );
}

/** Every leaf of a subject, for good. */
export function revokeLeavesOf(store: Store, subject: string, reason: string): Step {
  return step(
    store.db
      .updateTable('pki_leaves')
      .set({ revoked_at: nowMs(store.engine), revoked_reason: reason })
      .where('subject', '=', subject)
      .where('revoked_at', 'is', null),
  );
}

export function revokeLeaf(store: Store, serial: string, reason: string): Step {
  return step(
    store.db
      .updateTable('pki_leaves')
      .set({ revoked_at: nowMs(store.engine), revoked_reason: reason })
      .where('serial', '=', serial)
      .where('revoked_at', 'is', null),
    { name: 'leaf', exactly: 1 },
  );
}

/** By its serial; what has expired may have been forgotten. */
export function selectLeaf(store: Store, serial: string): CompiledQuery<PkiLeavesTable> {
  return store.db.selectFrom('pki_leaves').selectAll().where('serial', '=', serial).compile();
}

/** What revocation lists are made of: revoked leaves that would otherwise still be good. */
export function selectRevokedLeaves(
  store: Store,
): CompiledQuery<Pick<PkiLeavesTable, 'serial' | 'authority' | 'revoked_at'>> {
  return store.db
    .selectFrom('pki_leaves')
    .select(['serial', 'authority', 'revoked_at'])
    .where('revoked_at', 'is not', null)
    .where('not_after', '>', nowMs(store.engine))
    .orderBy('serial')
    .compile();
}

/** How many leaves of each authority are still in use, and when the last of them ends. */
export function selectLiveLeaves(
  store: Store,
): CompiledQuery<{ authority: string; live: number; until: number }> {
  return liveLeaves(store)
    .select(['authority', sql<number>`count(*)`.as('live'), sql<number>`max(not_after)`.as('until')])
    .groupBy('authority')
    .compile();
}

/** Guard `leaves_in_use`: something was issued by one of these authorities since somebody looked. */
export function noLiveLeaves(store: Store, authorities: readonly string[]): Step {
  return step(liveLeaves(store).select('serial').where('authority', 'in', authorities).limit(1), {
    name: 'leaves_in_use',
    exactly: 0,
  });
}

function liveLeaves(store: Store) {
  return store.db
    .selectFrom('pki_leaves')
    .where('not_after', '>', nowMs(store.engine))
    .where('superseded_at', 'is', null)
    .where('revoked_at', 'is', null);
}
