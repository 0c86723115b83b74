// The routes of roles and of the catalogue of permissions that they are made of.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  permissionListSchema,
  roleCreateSchema,
  roleListSchema,
  roleSchema,
  roleUpdateSchema,
} from '../../protocol/api/policy.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import { permissions, permissionsWithInputs, sensitivePermissions } from '../../protocol/permissions.ts';
import { etagOf, heedMatch, requireMatch } from '../http/etag.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { RolesTable } from '../store/tables-authority.ts';
import type { ChangeDeps } from './change.ts';
import { changeRole, createRole, readRole, removeRole } from './change-role.ts';
import { selectRoles } from './role-store.ts';
import { builtInRoles } from './roles.ts';

type Deps = RouteDeps & ChangeDeps;
type RoleView = z.input<typeof roleSchema>;

const params = z.object({ role: referenceSchema });
const tag = 'roles';

export function roleRoutes(app: FastifyInstance, deps: Deps): void {
  readingRoutes(app, deps);
  changingRoutes(app, deps);
}

function readingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/permissions',
    permission: 'iam.self.read',
    summary: 'The catalogue of permissions',
    tag,
    answers: { 200: permissionListSchema },
    handler: async () => ({ status: 200, body: { items: permissions.map(permissionView) } }),
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/roles',
    permission: 'iam.role.read',
    summary: 'List all roles, the built-in ones first',
    tag,
    answers: { 200: roleListSchema },
    handler: async ({ caller }) => {
      const rows = await deps.store.read(selectRoles(deps.store, caller.principal.organization));
      return { status: 200, body: { items: [...builtInViews, ...rows.map(roleView)] } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/roles/:role',
    permission: 'iam.role.read',
    summary: 'Show a role',
    tag,
    params,
    answers: { 200: roleSchema },
    handler: async (context) => {
      const builtIn = builtInViews.find(({ name }) => name === context.params.role);
      return shown(builtIn ?? roleView(await readRole(deps, context, context.params.role)));
    },
  });
}

function changingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/roles',
    permission: 'iam.role.create',
    changesPolicy: true,
    summary: 'Make a role of permissions of the catalogue',
    tag,
    body: roleCreateSchema,
    answers: { 201: roleSchema },
    handler: async (context) => {
      const view = roleView(await createRole(deps, context, context.body));
      const headers = { location: `/v1/roles/${view.id}`, etag: etagOf(view.version) };
      return { status: 201, body: view, headers };
    },
  });
  route(app, deps, {
    method: 'PATCH',
    url: '/v1/roles/:role',
    permission: 'iam.role.update',
    changesPolicy: true,
    summary: 'Change what a role gives, for everybody who is bound to it; its version goes up',
    tag,
    params,
    hears: ['if-match'],
    body: roleUpdateSchema,
    answers: { 200: roleSchema },
    handler: async (context) => {
      const before = await readRole(deps, context, context.params.role);
      requireMatch(context.request, before.version);
      return shown(roleView(await changeRole(deps, context, { before, ...context.body })));
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/roles/:role',
    permission: 'iam.role.delete',
    changesPolicy: true,
    summary: 'Delete a role that nobody is bound to',
    tag,
    params,
    hears: ['if-match?'],
    answers: { 204: null },
    handler: async (context) => {
      const role = await readRole(deps, context, context.params.role);
      heedMatch(context.request, role.version);
      await removeRole(deps, context, role);
      return { status: 204 };
    },
  });
}

function shown(view: RoleView) {
  return { status: 200, body: view, headers: { etag: etagOf(view.version) } };
}

function permissionView(name: (typeof permissions)[number]) {
  return {
    name,
    sensitive: sensitivePermissions.has(name),
    with_inputs: permissionsWithInputs.includes(name),
  };
}

const builtInViews: readonly RoleView[] = builtInRoles.map((role) => ({
  id: role.id,
  name: role.name,
  description: '',
  built_in: true,
  permissions: [...role.permissions],
  version: role.version,
}));

function roleView({ id, name, description, permissions: given, version }: RolesTable): RoleView {
  return { id, name, description, built_in: false, permissions: given.split(' '), version };
}
