// The routes of bindings: who has which role where.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  bindingCreateSchema,
  bindingListQuerySchema,
  bindingPageSchema,
  bindingSchema,
} from '../../protocol/api/authority.ts';
import { idSchema } from '../../protocol/ids.ts';
import { etagOf, heedMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import { conditionsOf, createBinding, removeBinding } from './bind.ts';
import { selectBindings } from './binding-store.ts';
import type { BindingRow } from './binding-store.ts';
import type { ChangeDeps } from './change.ts';
import { findPrincipal } from './find.ts';
import { levelName, levelOf } from './level.ts';
import type { Policy } from './policy.ts';
import { bindingResource, bindingsResource, levelResource } from './resources.ts';

type Deps = RouteDeps & ChangeDeps;

const idParams = z.object({ id: idSchema });

export function bindingRoutes(app: FastifyInstance, deps: Deps): void {
  listRoute(app, deps);
  changingRoutes(app, deps);
}

function listRoute(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/bindings',
    permission: 'iam.binding.read',
    resource: bindingsResource,
    summary:
      'List the bindings of the organization and all below, of one project with what is in it, or of one level',
    tag: 'authority',
    query: bindingListQuerySchema,
    answers: { 200: bindingPageSchema },
    handler: async ({ caller, query, decision }) => {
      const { organization } = caller.principal;
      const after = decodeCursor(query.cursor);
      const policy = deps.authority.policy();
      const isOfAll = query.project === undefined && query.on === undefined;
      const rows = await deps.store.read(
        selectBindings(deps.store, {
          organization,
          // Where it was decided, so that nobody is shown another level than the one that they may read.
          level: isOfAll ? null : levelOf(decision.question.resource),
          inside: query.project !== undefined,
          principal: query.principal === undefined ? null : findPrincipal(policy, query.principal).id,
          after,
          limit: query.limit,
        }),
      );
      const page = toPage(rows, query.limit, {
        key: (row) => row.id,
        item: (row) => bindingView(policy, row),
      });
      return { status: 200, body: page, headers: { etag: etagOf(policy.revision) } };
    },
  });
}

function changingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/bindings',
    permission: 'iam.binding.create',
    changesPolicy: true,
    resource: levelResource,
    summary:
      'Give a principal a role at a level, or deny it, for ever or for a time, with conditions or without',
    tag: 'authority',
    hears: ['if-match?'],
    body: bindingCreateSchema,
    answers: { 201: bindingSchema },
    handler: async (context) => {
      heedMatch(context.request, deps.authority.policy().revision);
      const row = await createBinding(deps, context, context.body);
      const policy = deps.authority.policy();
      return {
        status: 201,
        body: bindingView(policy, row),
        headers: { location: `/v1/bindings/${row.id}`, etag: etagOf(policy.revision) },
      };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/bindings/:id',
    permission: 'iam.binding.delete',
    changesPolicy: true,
    resource: bindingResource(deps.store),
    summary: 'Take a role away',
    tag: 'authority',
    params: idParams,
    hears: ['if-match?'],
    answers: { 204: null },
    handler: async (context) => {
      heedMatch(context.request, deps.authority.policy().revision);
      await removeBinding(deps, context, context.params.id);
      return { status: 204 };
    },
  });
}

export function bindingView(policy: Policy, row: BindingRow): z.input<typeof bindingSchema> {
  const { id, effect, level, not_before, not_after, support, created_at } = row;
  return {
    id,
    principal: { id: row.principal, name: row.principal_name },
    role: policy.roles.get(row.role)?.name ?? row.role,
    level: level === '' ? 'organization' : level,
    level_name: levelName(policy, level),
    effect,
    conditions: conditionsOf(row),
    not_before,
    not_after,
    support,
    created_at,
  };
}
