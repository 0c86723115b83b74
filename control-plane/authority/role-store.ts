// The SQL of roles that are not built in.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { RolesTable } from '../store/tables-authority.ts';

export function selectRoles(store: Store, organization: string): CompiledQuery<RolesTable> {
  return store.db
    .selectFrom('roles')
    .selectAll()
    .where('organization', '=', organization)
    .orderBy('name')
    .compile();
}

export function insertRole(
  store: Store,
  role: Pick<RolesTable, 'id' | 'organization' | 'name' | 'description' | 'permissions'>,
): Step {
  return step(store.db.insertInto('roles').values({ ...role, created_at: nowMs(store.engine), version: 1 }));
}

export function updateRole(
  store: Store,
  role: Pick<RolesTable, 'id' | 'description' | 'permissions' | 'version'>,
): Step {
  const { id, version, ...columns } = role;
  return step(
    store.db
      .updateTable('roles')
      .set({ ...columns, version: version + 1 })
      .where('id', '=', id)
      .where('version', '=', version),
    { name: 'revision', exactly: 1 },
  );
}

export function deleteRole(store: Store, id: string): Step {
  return step(store.db.deleteFrom('roles').where('id', '=', id), { name: 'role', exactly: 1 });
}
