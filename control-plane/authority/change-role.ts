// Makes, changes and deletes roles of the catalogue's permissions. Changing a role changes what everybody has who is
// bound to it, so that it asks for what it adds, and for what a denial by it no longer denies.
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { rolesMax } from '../../protocol/limits-authority.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { DecideDeps } from '../http/decide.ts';
import type { RolesTable } from '../store/tables-authority.ts';
import { commitChange } from './change.ts';
import type { ChangeContext, ChangeDeps } from './change.ts';
import { demandCover } from './demand-cover.ts';
import { organizationLevel } from './level.ts';
import { deleteRole, insertRole, selectRoles, updateRole } from './role-store.ts';
import { bumpPolicy } from './store.ts';

type Deps = ChangeDeps & DecideDeps;

/** Throws `name_taken`, `limit_exceeded`. */
export async function createRole(
  deps: Deps,
  context: ChangeContext,
  body: { readonly name: string; readonly description: string; readonly permissions: readonly Permission[] },
): Promise<RolesTable> {
  const policy = deps.authority.policy();
  if (policy.roles.size >= rolesMax) throw new Failure('limit_exceeded', `There may be ${rolesMax} roles.`);
  const id = randomUUIDv7();
  const { name, description, permissions } = body;
  await commitChange(deps, context, {
    operation: 'role.create',
    resource: `roles/${id}`,
    details: { after: body },
    steps: [
      insertRole(deps.store, {
        id,
        organization: policy.organization.id,
        name,
        description,
        permissions: permissions.join(' '),
      }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return readRole(deps, context, id);
}

/** Throws `forbidden` for a permission that the caller does not hold on the whole organization. */
export async function changeRole(
  deps: Deps,
  context: ChangeContext,
  change: {
    readonly before: RolesTable;
    readonly description?: string | undefined;
    readonly permissions?: readonly Permission[] | undefined;
  },
): Promise<RolesTable> {
  const { before } = change;
  const policy = deps.authority.policy();
  const had = policy.roles.get(before.id)?.permissions ?? new Set<Permission>();
  const has = new Set(change.permissions ?? had);
  await demandCover(deps, context, {
    given: {
      permissions: has.symmetricDifference(had),
      level: organizationLevel,
      conditions: [],
      notAfter: null,
    },
    why: 'You cannot change what a role gives by what you do not hold on the whole organization.',
  });
  const after = { description: change.description ?? before.description, permissions: [...has].join(' ') };
  await commitChange(deps, context, {
    operation: 'role.update',
    resource: `roles/${before.id}`,
    details: {
      before: { description: before.description, permissions: before.permissions.split(' ') },
      after: { description: after.description, permissions: [...has] },
    },
    steps: [
      updateRole(deps.store, { id: before.id, version: before.version, ...after }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return readRole(deps, context, before.id);
}

/** Throws `in_use` while somebody is bound to it. */
export async function removeRole(deps: Deps, context: ChangeContext, role: RolesTable): Promise<void> {
  const policy = deps.authority.policy();
  const bound = [...policy.bindingsByPrincipal.values()]
    .flat()
    .filter((each) => each.role === role.id).length;
  if (bound > 0) {
    throw new Failure('in_use', `${bound} bindings are to the role ${role.name}. Delete those first.`);
  }
  await commitChange(deps, context, {
    operation: 'role.delete',
    resource: `roles/${role.id}`,
    details: { before: { name: role.name, permissions: role.permissions.split(' ') } },
    steps: [deleteRole(deps.store, role.id), bumpPolicy(deps.store, policy)],
  });
  await deps.authority.reload();
}

/** By id or name; throws `not_found`. */
export async function readRole(
  deps: Pick<ChangeDeps, 'store'>,
  { caller }: Pick<ChangeContext, 'caller'>,
  reference: string,
): Promise<RolesTable> {
  const rows = await deps.store.read(selectRoles(deps.store, caller.principal.organization));
  const row = rows.find(({ id }) => id === reference) ?? rows.find(({ name }) => name === reference);
  if (row === undefined) {
    throw new Failure(
      'not_found',
      `There is no role ${reference} that could be changed; \`wayside role list\` shows them.`,
    );
  }
  return row;
}
