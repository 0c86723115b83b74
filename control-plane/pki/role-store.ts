// The SQL of roles, and how a row becomes one.
import type { CompiledQuery } from 'kysely';
import { z } from 'zod';
import { keyTypeSchema, roleNameListSchema, usageSchema } from '../../protocol/api/pki.ts';
import { parseJson, stringifyJson } from '../../protocol/json.ts';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { PkiRolesTable } from '../store/tables-pki.ts';
import type { Role } from './roles.ts';

/** By name. */
export function selectRoles(store: Store): CompiledQuery<PkiRolesTable> {
  return store.db.selectFrom('pki_roles').selectAll().orderBy('name').compile();
}

/** Where it is not there yet, for processes that start at once. */
export function insertRoleUnlessThere(store: Store, role: Role): Step {
  return step(
    store.db
      .insertInto('pki_roles')
      .values({ ...rowOf(role), updated_at: nowMs(store.engine) })
      .onConflict((conflict) => conflict.column('name').doNothing()),
  );
}

export function insertRole(store: Store, role: Role): Step {
  return step(store.db.insertInto('pki_roles').values({ ...rowOf(role), updated_at: nowMs(store.engine) }));
}

/** Guard `role_revision`: somebody else changed it in the meantime. */
export function updateRole(store: Store, role: Role, from: number): Step {
  return step(
    store.db
      .updateTable('pki_roles')
      .set({ ...rowOf(role), updated_at: nowMs(store.engine) })
      .where('name', '=', role.name)
      .where('revision', '=', from),
    { name: 'role_revision', exactly: 1 },
  );
}

/** Guard `role_revision`: what was decided by the role is still what it says. */
export function holdRole(store: Store, { name, revision }: Pick<Role, 'name' | 'revision'>): Step {
  return step(
    store.db.selectFrom('pki_roles').select('name').where('name', '=', name).where('revision', '=', revision),
    { name: 'role_revision', exactly: 1 },
  );
}

function rowOf(role: Role): Omit<PkiRolesTable, 'updated_at'> {
  return {
    name: role.name,
    description: role.description,
    issued_by: role.issuedBy,
    authority: role.authority,
    names: stringifyJson(role.names),
    names_min: role.namesMin,
    names_max: role.namesMax,
    key_types: stringifyJson(role.keyTypes),
    usages: stringifyJson(role.usages),
    common_name: role.commonName,
    ttl_ms: role.ttlMs,
    revision: role.revision,
  };
}

export function roleOf(row: PkiRolesTable): Role {
  return {
    name: row.name,
    description: row.description,
    issuedBy: row.issued_by,
    authority: row.authority,
    names: roleNameListSchema.parse(parseJson(row.names)),
    namesMin: Number(row.names_min),
    namesMax: Number(row.names_max),
    keyTypes: z.array(keyTypeSchema).parse(parseJson(row.key_types)),
    usages: z.array(usageSchema).parse(parseJson(row.usages)),
    commonName: row.common_name,
    ttlMs: Number(row.ttl_ms),
    revision: Number(row.revision),
  };
}
