// The API of sessions: who is signed in where, ending it, elevation, and what somebody can sign in with.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { idSchema, referenceSchema } from '../../protocol/ids.ts';
import { elevationMsMax } from '../../protocol/limits-authority.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import {
  elevateSchema,
  elevatedSchema,
  sessionPageSchema,
  signInLinkCreateSchema,
  signInLinkCreatedSchema,
  signInMethodsSchema,
} from '../../protocol/api/sign-in.ts';
import type { sessionSchema } from '../../protocol/api/sign-in.ts';
import { thingOfPrincipal } from '../authority/authorize.ts';
import { commitChange } from '../authority/change.ts';
import { findPrincipal } from '../authority/find.ts';
import { organizationOf, tokensResource } from '../authority/resources.ts';
import type { ResourceOf } from '../http/decide.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { setCookie } from './cookies.ts';
import type { SignInDeps } from './deps.ts';
import { elevateCaller } from './elevate.ts';
import { readFactors } from './factor-store.ts';
import { inviteOrReset } from './invite.ts';
import { acrOf, parseMethods } from './methods.ts';
import { linksOf } from './provider-store.ts';
import {
  endElevation,
  endSession,
  endSessions,
  forgetDevices,
  selectSession,
  selectSessions,
} from './session-store.ts';
import { authenticatedAt, elevatedUntil, goodSession } from './sessions.ts';
import type { GoodSession } from './sessions.ts';

type Deps = SignInDeps & RouteDeps;

const tag = 'sign-in';
const principalParams = z.object({ principal: referenceSchema });
const idParams = z.object({ id: idSchema });

export function sessionRoutes(app: FastifyInstance, deps: Deps): void {
  listRoutes(app, deps);
  endRoutes(app, deps);
  linkRoutes(app, deps);
  route(app, deps, {
    method: 'POST',
    url: '/v1/elevate',
    permission: 'iam.self.read',
    summary: 'Show again who you are and say why, to do what is sensitive for 15 minutes',
    tag,
    body: elevateSchema,
    answers: { 200: elevatedSchema },
    handler: async ({ caller, body, request, reply }) => {
      const { reason, password, code } = body;
      // It ends with what it is of, if that ends sooner.
      const until = Math.min(deps.clock.now() + elevationMsMax, caller.credential?.expiresAt ?? Infinity);
      const { session } = await elevateCaller(deps, { caller, reason, password, code, request });
      const { secure } = deps.origins();
      if (session !== null) setCookie(reply, { name: 'session', value: session, secure });
      return { status: 200, body: { elevated_until: until } };
    },
  });
}

function listRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/principals/:principal/sessions',
    permission: 'iam.session.read',
    resource: tokensResource,
    summary: 'List where `self` or another user is signed in',
    tag,
    params: principalParams,
    query: pageQuerySchema,
    answers: { 200: sessionPageSchema },
    handler: async ({ caller, params, query }) => {
      const principal = findPrincipal(deps.authority.policy(), params.principal, caller).id;
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(
        selectSessions(deps.store, { principal, after, limit: query.limit }),
      );
      const now = deps.clock.now();
      const page = toPage(rows, query.limit, { key: (row) => row.id, item: (row) => row });
      const current = caller.credential?.id ?? null;
      const good = page.items.flatMap((row) => goodSession(deps, row, now) ?? []);
      return {
        status: 200,
        body: { ...page, items: good.map((each) => sessionView(each, { current, now })) },
      };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/principals/:principal/sign-in',
    permission: 'iam.session.read',
    resource: tokensResource,
    summary: 'Show what `self` or another user can sign in with',
    tag,
    params: principalParams,
    answers: { 200: signInMethodsSchema },
    handler: async ({ caller, params }) => {
      const { id } = findPrincipal(deps.authority.policy(), params.principal, caller);
      return { status: 200, body: await methodsView(deps, id) };
    },
  });
}

function sessionView(
  { row, principal }: GoodSession,
  at: { readonly current: string | null; readonly now: number },
): z.input<typeof sessionSchema> {
  const amr = parseMethods(row.methods);
  const until = elevatedUntil(row, at.now);
  const { id, address, user_agent, created_at, last_seen_at, expires_at } = row;
  return {
    id,
    principal: { id: principal.id, name: principal.name },
    acr: acrOf(amr, until !== null),
    amr: [...amr],
    address,
    user_agent,
    created_at,
    authenticated_at: authenticatedAt(row),
    last_seen_at,
    expires_at,
    elevated_until: until,
    current: id === at.current,
  };
}

async function methodsView(deps: Deps, principal: string): Promise<z.input<typeof signInMethodsSchema>> {
  const { passwordChangedAt, totp, passkeys, recoveryCodes } = await readFactors(deps.store, principal);
  return {
    password: passwordChangedAt === null ? null : { changed_at: passwordChangedAt },
    totp: totp === null ? null : { created_at: totp.created_at },
    passkeys: passkeys.map(({ name, created_at, last_used_at }) => ({ name, created_at, last_used_at })),
    recovery_codes: recoveryCodes.length,
    identity_providers: [...(await linksOf(deps.store, principal))],
  };
}

/** The principal of the session in `:id`, so that everybody may end their own. */
function sessionResource(store: Store): ResourceOf {
  return async ({ authority, params }) => {
    const [row] = await store.read(selectSession(store, params['id'] ?? ''));
    const organization = organizationOf(authority.policy());
    return row === undefined ? organization : { ...organization, thing: thingOfPrincipal(row.principal) };
  };
}

function endRoutes(app: FastifyInstance, deps: Deps): void {
  const { store, clock } = deps;
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/sessions/:id',
    permission: 'iam.session.end',
    resource: sessionResource(store),
    summary: 'End a session; it stops working at once',
    tag,
    params: idParams,
    answers: { 204: null },
    handler: async (context) => {
      const { id } = context.params;
      const [row] = await store.read(selectSession(store, id));
      if (row === undefined) throw new Failure('not_found', `There is no session ${id}.`);
      await commitChange(deps, context, {
        operation: 'session.end',
        resource: `sessions/${id}`,
        details: { before: { principal: row.principal } },
        steps: [endSession(store, { id, at: clock.now(), why: 'ended' }), endElevation(store, id)],
      });
      return { status: 204 };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/principals/:principal/sessions',
    permission: 'iam.session.end',
    resource: tokensResource,
    summary: 'Sign `self` or another user out everywhere, and forget the browsers that they used',
    tag,
    params: principalParams,
    answers: { 204: null },
    handler: async (context) => {
      const { id, name } = findPrincipal(deps.authority.policy(), context.params.principal, context.caller);
      await deps.endTokensOf(id);
      await commitChange(deps, context, {
        operation: 'session.end_all',
        resource: `principals/${id}`,
        details: { before: { principal: name } },
        steps: [
          endSessions(store, { principal: id, except: null, at: clock.now(), why: 'ended' }),
          forgetDevices(store, id),
        ],
      });
      return { status: 204 };
    },
  });
}

function linkRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/principals/:principal/sign-in-links',
    permission: 'iam.sign-in-link.create',
    resource: tokensResource,
    summary: 'Make a link by which a user sets a password, once and within minutes',
    tag,
    params: principalParams,
    body: signInLinkCreateSchema,
    answers: { 201: signInLinkCreatedSchema },
    handler: async (context) => {
      const { purpose, removes_factors: removesFactors, expires_in_ms: lifeMs } = context.body;
      const principal = findPrincipal(deps.authority.policy(), context.params.principal, context.caller);
      const link = await inviteOrReset(deps, context, { principal, purpose, removesFactors, lifeMs });
      const url = deps.origins().canonical + link.path;
      return { status: 201, body: { id: link.id, url, expires_at: link.expiresAt } };
    },
  });
}
