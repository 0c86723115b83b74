// The SQL of entitlements, and what they count.
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import type { EntitlementName } from '../../protocol/api/policy.ts';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { EntitlementsTable } from '../store/tables-authority.ts';

export function selectEntitlements(store: Store, organization: string): CompiledQuery<EntitlementsTable> {
  return store.db
    .selectFrom('entitlements')
    .selectAll()
    .where('organization', '=', organization)
    .orderBy('name')
    .compile();
}

export function putEntitlement(
  store: Store,
  entitlement: Omit<EntitlementsTable, 'exceeded_at' | 'updated_at' | 'revision'>,
): Step {
  const { quota, ends_at, grace_ms } = entitlement;
  const updated_at = nowMs(store.engine);
  return step(
    store.db
      .insertInto('entitlements')
      .values({ ...entitlement, exceeded_at: null, updated_at, revision: 1 })
      .onConflict((conflict) =>
        conflict.columns(['organization', 'name']).doUpdateSet({
          quota,
          ends_at,
          grace_ms,
          exceeded_at: null,
          updated_at,
          revision: sql<number>`entitlements.revision + 1`,
        }),
      ),
  );
}

export function deleteEntitlement(
  store: Store,
  key: { readonly organization: string; readonly name: string },
): Step {
  return step(
    store.db
      .deleteFrom('entitlements')
      .where('organization', '=', key.organization)
      .where('name', '=', key.name),
  );
}

/** From when on there is too much; null again when there is not. */
export function markExceeded(
  store: Store,
  mark: { readonly organization: string; readonly name: string; readonly at: number | null },
): Step {
  const query = store.db
    .updateTable('entitlements')
    .set({ exceeded_at: mark.at })
    .where('organization', '=', mark.organization)
    .where('name', '=', mark.name);
  return step(mark.at === null ? query : query.where('exceeded_at', 'is', null));
}

/** How many there are, of what is counted; looked at only where there is a quota. */
export function countUsed(
  store: Store,
  counted: { readonly name: EntitlementName; readonly organization: string; readonly now: number },
): CompiledQuery<{ used: number }> | null {
  const { name, organization, now } = counted;
  switch (name) {
    case 'projects':
      return store.db
        .selectFrom('projects')
        .select((e) => e.fn.countAll<number>().as('used'))
        .where('organization', '=', organization)
        .compile();
    case 'agents':
      return store.db
        .selectFrom('agents')
        .select((e) => e.fn.countAll<number>().as('used'))
        .where('organization', '=', organization)
        .where('status', '!=', 'revoked')
        .compile();
    case 'runs_per_day':
      // Ids begin with their time (RFC 9562, section 5.7), so that a day is a range of the primary key.
      return store.db
        .selectFrom('runs')
        .select((e) => e.fn.countAll<number>().as('used'))
        .where('id', '>=', firstIdOfDay(now))
        .where('organization', '=', organization)
        .compile();
    case 'actions':
      return null;
  }
}

const dayMs = 86_400_000;

/** The least UUIDv7 of the day in UTC. */
function firstIdOfDay(now: number): string {
  const hex = (Math.floor(now / dayMs) * dayMs).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
