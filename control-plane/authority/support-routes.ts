// The routes of support access: ask, approve, refuse, revoke, and the list that owners see.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  supportApproveSchema,
  supportCreateSchema,
  supportListQuerySchema,
  supportPageSchema,
  supportSchema,
} from '../../protocol/api/policy.ts';
import { idSchema } from '../../protocol/ids.ts';
import type { ResourceOf } from '../http/decide.ts';
import { etagOf, heedMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { thingOfPrincipal } from './authorize.ts';
import type { ChangeDeps } from './change.ts';
import { organizationOf, ownResource } from './resources.ts';
import {
  approveSupport,
  closeSupport,
  isSupportInForce,
  readSupport,
  requestSupport,
  revokeSupport,
  withdrawSupport,
} from './support.ts';
import { selectSupport, selectSupportRequest } from './support-store.ts';
import type { SupportRow } from './support-store.ts';

type Deps = RouteDeps & ChangeDeps;

const params = z.object({ id: idSchema });
const tag = 'support';

export function supportRoutes(app: FastifyInstance, deps: Deps): void {
  listRoutes(app, deps);
  askingRoutes(app, deps);
  decidingRoutes(app, deps);
}

function listRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/support',
    permission: 'iam.support.read',
    summary: 'List requests for support access and what came of them, the newest first',
    tag,
    query: supportListQuerySchema,
    answers: { 200: supportPageSchema },
    handler: async ({ caller, query }) => {
      const { organization } = caller.principal;
      const inForce = query.state === 'in_force';
      const rows = await deps.store.read(
        selectSupport(deps.store, {
          organization,
          principal: null,
          state: query.state === 'in_force' ? 'approved' : (query.state ?? null),
          inForceAt: inForce ? deps.authority.now() : null,
          after: decodeCursor(query.cursor),
          limit: query.limit,
        }),
      );
      const item = (row: SupportRow) => supportView(deps, row);
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item }) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/support/:id',
    permission: 'iam.support.request',
    resource: supportResource(deps.store),
    summary:
      'Show a request for support access: one of your own, or any with the permission on the organization',
    tag,
    params,
    answers: { 200: supportSchema },
    handler: async (context) => shown(deps, await readSupport(deps, context.params.id)),
  });
}

function askingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/support',
    permission: 'iam.support.request',
    resource: ownResource,
    summary: 'Ask for a role somewhere, for a time and for a reason; somebody has to approve',
    tag,
    body: supportCreateSchema,
    answers: { 201: supportSchema },
    handler: async (context) => {
      const row = await requestSupport(deps, context, context.body);
      return { ...shown(deps, row), status: 201 };
    },
  });
}

function decidingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/support/:id/approve',
    permission: 'iam.support.approve',
    changesPolicy: true,
    summary: 'Approve a request: a binding is made that ends by itself',
    tag,
    params,
    hears: ['if-match?'],
    body: supportApproveSchema,
    answers: { 200: supportSchema },
    handler: async (context) => {
      const request = await readSupport(deps, context.params.id);
      heedMatch(context.request, request.revision);
      const row = await approveSupport(deps, context, { request, durationMs: context.body.duration_ms });
      return shown(deps, row);
    },
  });
  for (const [verb, permission, change, summary] of [
    ['refuse', 'iam.support.approve', closeSupport, 'Refuse a request'],
    ['withdraw', 'iam.support.request', withdrawSupport, 'Take your own request back'],
    ['revoke', 'iam.support.revoke', revokeSupport, 'End access that was approved, at once'],
  ] as const) {
    route(app, deps, {
      method: 'POST',
      url: `/v1/support/:id/${verb}`,
      permission,
      changesPolicy: true,
      ...(verb === 'withdraw' ? { resource: supportResource(deps.store) } : {}),
      summary,
      tag,
      params,
      hears: ['if-match?'],
      answers: { 200: supportSchema },
      handler: async (context) => {
        const request = await readSupport(deps, context.params.id);
        heedMatch(context.request, request.revision);
        return shown(deps, await change(deps, context, request));
      },
    });
  }
}

/** The principal that asked, so that everybody may follow what became of their own. */
function supportResource(store: Store): ResourceOf {
  return async ({ authority, params: given }) => {
    const [row] = await store.read(selectSupportRequest(store, given['id'] ?? ''));
    const organization = organizationOf(authority.policy());
    return row === undefined ? organization : { ...organization, thing: thingOfPrincipal(row.principal) };
  };
}

function shown(deps: Deps, row: SupportRow) {
  return { status: 200, body: supportView(deps, row), headers: { etag: etagOf(row.revision) } };
}

function supportView({ authority }: Deps, row: SupportRow): z.input<typeof supportSchema> {
  const { id, role, level, reason, ticket, duration_ms, state, created_at, decided_at, not_after, binding } =
    row;
  const { decided_by, decider_name } = row;
  return {
    id,
    principal: { id: row.principal, name: row.principal_name },
    role,
    level,
    reason,
    ticket,
    duration_ms,
    state,
    in_force: isSupportInForce(authority.policy(), row, authority.now()),
    created_at,
    decided_by: decided_by === null ? null : { id: decided_by, name: decider_name ?? decided_by },
    decided_at,
    not_after,
    binding,
  };
}
