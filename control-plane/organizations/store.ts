// The SQL of organizations.
import type { CompiledQuery, Selectable } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { OrganizationsTable } from '../store/schema.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

export function selectOrganizations(
  store: Store,
): CompiledQuery<Pick<Selectable<OrganizationsTable>, 'id' | 'name' | 'created_at' | 'revision'>> {
  return store.db
    .selectFrom('organizations')
    .select(['id', 'name', 'created_at', 'revision'])
    .limit(1)
    .compile();
}

export function insertOrganization(
  store: Store,
  organization: { readonly id: string; readonly name: string },
): Step {
  return step(
    store.db.insertInto('organizations').values({
      ...organization,
      created_at: nowMs(store.engine),
      policy_revision: 1,
    }),
  );
}

/** Its guard fails where somebody else changed it meanwhile. */
export function renameOrganization(
  store: Store,
  organization: { readonly id: string; readonly name: string; readonly revision: number },
): Step {
  const { id, name, revision } = organization;
  return step(
    store.db
      .updateTable('organizations')
      .set({ name, revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision),
    { name: 'revision', exactly: 1 },
  );
}
