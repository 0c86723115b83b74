// The routes of the authority: who am I, tokens, bindings, checks and decisions.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  bindingCreateSchema,
  bindingPageSchema,
  bindingSchema,
  checkSchema,
  decisionSchema,
  tokenCreateSchema,
  tokenCreatedSchema,
  tokenPageSchema,
  type tokenSchema,
  bindingListQuerySchema,
  whoamiSchema,
} from '../../protocol/api/authority.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { Failure } from '../../protocol/failures.ts';
import { idSchema, referenceSchema } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';
import { etagOf, heedMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { TokensTable } from '../store/schema.ts';
import { conditionsOf, createBinding, removeBinding } from './bind.ts';
import { selectBindings, selectTokens } from './binding-store.ts';
import type { BindingRow } from './binding-store.ts';
import type { Caller } from './caller.ts';
import type { ChangeDeps } from './change.ts';
import { bindingsOf } from './cover.ts';
import { check } from './check.ts';
import { findPrincipal } from './find.ts';
import { issueToken, revokeTokenById } from './issue-token.ts';
import { levelName, projectLevel } from './level.ts';
import { parseLevel } from './parse-level.ts';
import { findProject } from './policy.ts';
import type { Policy } from './policy.ts';
import { roleRoutes } from './role-routes.ts';
import {
  bindingResource,
  bindingsResource,
  levelResource,
  tokenResource,
  tokensResource,
} from './resources.ts';
import { selectDecision } from './store.ts';

type Deps = RouteDeps & ChangeDeps & { readonly clock: { now(): number } };

const idParams = z.object({ id: idSchema });
const principalParams = z.object({ principal: referenceSchema });

export function authorityRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/whoami',
    permission: 'iam.self.read',
    summary: 'Who the token belongs to, and the roles of that principal',
    tag: 'authority',
    answers: { 200: whoamiSchema },
    handler: async ({ caller }) => ({
      status: 200,
      body: whoami(deps.authority.policy(), caller, deps.authority.now()),
    }),
  });
  tokenRoutes(app, deps);
  roleRoutes(app, deps);
  bindingRoutes(app, deps);
  decisionRoutes(app, deps);
}

function tokenRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/principals/:principal/tokens',
    permission: 'iam.token.create',
    changesPolicy: true,
    resource: tokensResource,
    summary: 'Issue a personal access token, for `self` or somebody else; its secret is shown once',
    tag: 'authority',
    params: principalParams,
    body: tokenCreateSchema,
    answers: { 201: tokenCreatedSchema },
    handler: async (context) => {
      const { name, expires_in_ms, permissions } = context.body;
      const principal = findPrincipal(deps.authority.policy(), context.params.principal, context.caller);
      const { row, token } = await issueToken(deps, context, {
        principal,
        name,
        expiresInMs: expires_in_ms ?? null,
        permissions: permissions ?? null,
      });
      return { status: 201, body: { ...tokenView(row), token } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/principals/:principal/tokens',
    permission: 'iam.token.read',
    resource: tokensResource,
    summary: 'List the tokens of `self` or of another principal, without their secrets',
    tag: 'authority',
    params: principalParams,
    query: pageQuerySchema,
    answers: { 200: tokenPageSchema },
    handler: async ({ caller, params, query }) => {
      const principal = findPrincipal(deps.authority.policy(), params.principal, caller).id;
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(selectTokens(deps.store, { principal, after, limit: query.limit }));
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item: tokenView }) };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/tokens/:id',
    permission: 'iam.token.revoke',
    changesPolicy: true,
    resource: tokenResource(deps.store),
    summary: 'Revoke a token; it stops working at once',
    tag: 'authority',
    params: idParams,
    answers: { 204: null },
    handler: async (context) => {
      await revokeTokenById(deps, context, context.params.id);
      return { status: 204 };
    },
  });
}

function bindingRoutes(app: FastifyInstance, deps: Deps): void {
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
    method: 'GET',
    url: '/v1/bindings',
    permission: 'iam.binding.read',
    resource: bindingsResource,
    summary:
      'List the bindings of the organization and all below, of one project with what is in it, or of one level',
    tag: 'authority',
    query: bindingListQuerySchema,
    answers: { 200: bindingPageSchema },
    handler: async ({ caller, query }) => {
      const { organization } = caller.principal;
      const after = decodeCursor(query.cursor);
      const policy = deps.authority.policy();
      const project = query.project === undefined ? null : findProject(policy, query.project);
      const level =
        query.on === undefined
          ? project && projectLevel(project.id)
          : await parseLevel(deps.authority, query.on);
      const rows = await deps.store.read(
        selectBindings(deps.store, {
          organization,
          level,
          inside: project !== null,
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

function decisionRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/check',
    permission: 'iam.self.read',
    summary: 'Ask whether a principal may do something, and why',
    tag: 'authority',
    body: checkSchema,
    answers: { 200: decisionSchema },
    handler: async (context) => ({ status: 200, body: await check(deps, context) }),
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/decisions/:id',
    permission: 'iam.decision.explain',
    summary: 'The whole trace of a denial',
    tag: 'authority',
    params: idParams,
    answers: { 200: decisionSchema },
    handler: async ({ params }) => {
      const [row] = await deps.store.read(selectDecision(deps.store, params.id));
      if (row === undefined) throw new Failure('not_found', `There is no decision ${params.id}.`);
      return { status: 200, body: decisionSchema.parse(parseJson(row.trace)) };
    },
  });
}

function whoami(policy: Policy, caller: Caller, now: number): z.input<typeof whoamiSchema> {
  const { principal, credential } = caller;
  return {
    principal: { id: principal.id, name: principal.name, kind: principal.kind },
    organization: policy.organization,
    token: {
      id: credential?.id ?? principal.id,
      name: credential?.name ?? '',
      expires_at: credential?.expiresAt ?? null,
    },
    roles: bindingsOf(policy, principal.id, now)
      .filter(({ effect }) => effect === 'allow')
      .map(({ role, level }) => ({
        role: policy.roles.get(role)?.name ?? role,
        resource: levelName(policy, level),
      })),
  };
}

function tokenView(row: TokensTable): z.input<typeof tokenSchema> {
  const { id, name, principal, created_at, expires_at, last_used_at, revoked_at } = row;
  const permissions = row.permissions === null ? null : row.permissions.split(' ').filter(Boolean);
  return { id, name, principal, created_at, expires_at, last_used_at, revoked_at, permissions };
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
