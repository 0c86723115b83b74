// The SQL of principals.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { PrincipalsTable } from '../store/schema.ts';
import type { Step, Store } from '../store/store.ts';

export function selectPrincipals(
  store: Store,
  page: { readonly organization: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<PrincipalsTable> {
  let query = store.db
    .selectFrom('principals')
    .selectAll()
    .where('organization', '=', page.organization)
    .where('kind', '!=', 'team');
  if (page.after !== null) query = query.where('id', '<', page.after);
  return query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function selectPrincipal(store: Store, id: string): CompiledQuery<PrincipalsTable> {
  return store.db.selectFrom('principals').selectAll().where('id', '=', id).compile();
}

export function insertPrincipal(
  store: Store,
  principal: {
    readonly id: string;
    readonly organization: string;
    readonly kind: PrincipalsTable['kind'];
    readonly name: string;
  },
): Step {
  return {
    query: store.db
      .insertInto('principals')
      .values({ ...principal, created_at: nowMs(store.engine), disabled_at: null })
      .compile(),
  };
}

/** Records name who did something, so a principal is disabled and never deleted. */
export function disablePrincipal(store: Store, id: string): Step {
  return {
    query: store.db
      .updateTable('principals')
      .set({ disabled_at: nowMs(store.engine) })
      .where('id', '=', id)
      .where('disabled_at', 'is', null)
      .compile(),
  };
}

export function enablePrincipal(store: Store, id: string): Step {
  return {
    query: store.db.updateTable('principals').set({ disabled_at: null }).where('id', '=', id).compile(),
  };
}
