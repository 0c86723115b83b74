// The routes of the authority: who am I, tokens, bindings, checks and decisions.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  tokenCreateSchema,
  tokenCreatedSchema,
  tokenPageSchema,
  type tokenSchema,
  whoamiSchema,
} from '../../protocol/api/authority.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { idSchema, referenceSchema } from '../../protocol/ids.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { TokensTable } from '../store/schema.ts';
import { bindingRoutes } from './binding-routes.ts';
import { selectTokens } from './binding-store.ts';
import type { Caller } from './caller.ts';
import type { ChangeDeps } from './change.ts';
import { bindingsOf } from './cover.ts';
import { decisionRoutes } from './decision-routes.ts';
import { findPrincipal } from './find.ts';
import { issueToken, revokeTokenById } from './issue-token.ts';
import { levelName } from './level.ts';
import type { Policy } from './policy.ts';
import { supportRoutes } from './support-routes.ts';
import { supportToSee } from './support-to-see.ts';
import { entitlementRoutes } from './entitlement-routes.ts';
import { roleRoutes } from './role-routes.ts';
import { tokenResource, tokensResource } from './resources.ts';

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
    handler: async ({ caller }) => {
      const { authority, store } = deps;
      const support = await supportToSee({ authority, store }, caller);
      return { status: 200, body: { ...whoami(authority.policy(), caller, authority.now()), support } };
    },
  });
  tokenRoutes(app, deps);
  roleRoutes(app, deps);
  supportRoutes(app, deps);
  entitlementRoutes(app, deps);
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

function whoami(policy: Policy, caller: Caller, now: number): Omit<z.input<typeof whoamiSchema>, 'support'> {
  const { principal, credential } = caller;
  const { id, name, kind } = principal;
  if (kind === 'run') throw new Error('a run has no permission to ask who it is');
  return {
    principal: { id, name, kind },
    organization: policy.organization,
    token: {
      id: credential?.id ?? id,
      name: credential?.name ?? '',
      expires_at: credential?.expiresAt ?? null,
    },
    roles: bindingsOf(policy, id, now)
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
