// The SQL of requests for support access.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { SupportRequestsTable } from '../store/tables-authority.ts';

export interface SupportRow extends SupportRequestsTable {
  principal_name: string;
  decider_name: string | null;
}

function supportRows(store: Store) {
  return store.db
    .selectFrom('support_requests')
    .innerJoin('principals', 'principals.id', 'support_requests.principal')
    .leftJoin('principals as deciders', 'deciders.id', 'support_requests.decided_by')
    .selectAll('support_requests')
    .select(['principals.name as principal_name', 'deciders.name as decider_name']);
}

export function selectSupport(
  store: Store,
  page: {
    readonly organization: string;
    /** Only those of one principal; null for all. */
    readonly principal: string | null;
    readonly state: SupportRequestsTable['state'] | null;
    /** Only what has not ended at that moment (epoch ms) and whose binding is still there; null for all. */
    readonly inForceAt: number | null;
    readonly after: string | null;
    readonly limit: number;
  },
): CompiledQuery<SupportRow> {
  let query = supportRows(store).where('support_requests.organization', '=', page.organization);
  if (page.principal !== null) query = query.where('support_requests.principal', '=', page.principal);
  if (page.state !== null) query = query.where('support_requests.state', '=', page.state);
  if (page.inForceAt !== null) {
    query = query
      .innerJoin('bindings', 'bindings.id', 'support_requests.binding')
      .where('support_requests.not_after', '>', page.inForceAt);
  }
  if (page.after !== null) query = query.where('support_requests.id', '<', page.after);
  return query
    .orderBy('support_requests.id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function selectSupportRequest(store: Store, id: string): CompiledQuery<SupportRow> {
  return supportRows(store).where('support_requests.id', '=', id).compile();
}

export function insertSupport(
  store: Store,
  request: Pick<
    SupportRequestsTable,
    'id' | 'organization' | 'principal' | 'role' | 'level' | 'reason' | 'ticket' | 'duration_ms'
  >,
): Step {
  return step(
    store.db.insertInto('support_requests').values({
      ...request,
      state: 'requested',
      created_at: nowMs(store.engine),
      decided_by: null,
      decided_at: null,
      not_after: null,
      binding: null,
      revision: 1,
    }),
  );
}

/** Only while it is in the state that it was read in. */
export function decideSupport(
  store: Store,
  decided: Pick<SupportRequestsTable, 'id' | 'state' | 'decided_by' | 'revision'> &
    Partial<Pick<SupportRequestsTable, 'not_after' | 'binding' | 'level' | 'duration_ms'>>,
): Step {
  const { id, revision, ...columns } = decided;
  return step(
    store.db
      .updateTable('support_requests')
      .set({ ...columns, decided_at: nowMs(store.engine), revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision),
    { name: 'revision', exactly: 1 },
  );
}
