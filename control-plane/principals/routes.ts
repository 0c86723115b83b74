// The routes of principals: `/v1/principals`.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { principalCreateSchema, principalPageSchema, principalSchema } from '../../protocol/api/authority.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { Failure } from '../../protocol/failures.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import { findPrincipal } from '../authority/find.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { PrincipalsTable } from '../store/schema.ts';
import { createPrincipal } from './create.ts';
import { disablePrincipalById } from './disable.ts';
import { enablePrincipalById } from './enable.ts';
import { readPrincipal } from './read.ts';
import { teamRoutes } from './team-routes.ts';
import { selectPrincipals } from './store.ts';

const params = z.object({ principal: referenceSchema });
const tag = 'principals';

export function principalRoutes(app: FastifyInstance, deps: RouteDeps & ChangeDeps): void {
  teamRoutes(app, deps);
  route(app, deps, {
    method: 'POST',
    url: '/v1/principals',
    permission: 'iam.principal.create',
    changesPolicy: true,
    summary: 'Create a user or a service',
    tag,
    body: principalCreateSchema,
    answers: { 201: principalSchema },
    handler: async (context) => {
      const row = await createPrincipal(deps, context, context.body);
      return { status: 201, body: principalView(row), headers: { location: `/v1/principals/${row.id}` } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/principals',
    permission: 'iam.principal.read',
    summary: 'List users and services',
    tag,
    query: pageQuerySchema,
    answers: { 200: principalPageSchema },
    handler: async ({ caller, query }) => {
      const { organization } = caller.principal;
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(
        selectPrincipals(deps.store, { organization, after, limit: query.limit }),
      );
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item: principalView }) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/principals/:principal',
    permission: 'iam.principal.read',
    summary: 'Show a user or a service',
    tag,
    params,
    answers: { 200: principalSchema },
    handler: async (context) => {
      const { id } = findPrincipal(deps.authority.policy(), context.params.principal);
      return { status: 200, body: principalView(await readPrincipal(deps, id)) };
    },
  });
  standingRoutes(app, deps);
}

function standingRoutes(app: FastifyInstance, deps: RouteDeps & ChangeDeps): void {
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/principals/:principal',
    permission: 'iam.principal.delete',
    changesPolicy: true,
    summary: 'Disable a user or a service; the record keeps its name',
    tag,
    params,
    answers: { 204: null },
    handler: async (context) => {
      const principal = findPrincipal(deps.authority.policy(), context.params.principal);
      if (principal.kind === 'team') {
        throw new Failure('not_found', `${principal.name} is a team; \`wayside team delete\` deletes it.`);
      }
      await disablePrincipalById(deps, context, principal);
      return { status: 204 };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/principals/:principal/enable',
    permission: 'iam.principal.update',
    changesPolicy: true,
    summary: 'Enable a user or a service again; tokens of it that have not ended work again',
    tag,
    params,
    answers: { 200: principalSchema },
    handler: async (context) => {
      const principal = findPrincipal(deps.authority.policy(), context.params.principal);
      if (principal.kind === 'team') throw new Failure('not_found', `${principal.name} is a team.`);
      await enablePrincipalById(deps, context, principal);
      return { status: 200, body: principalView(await readPrincipal(deps, principal.id)) };
    },
  });
}

function principalView(row: PrincipalsTable): z.input<typeof principalSchema> {
  const { id, name, kind, created_at, disabled_at } = row;
  return { id, name, kind, created_at, disabled_at };
}
