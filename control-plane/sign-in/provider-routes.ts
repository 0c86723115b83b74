// The API of identity providers: `/v1/identity-providers`.
import { randomUUIDv7 } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import {
  identityLinkCreateSchema,
  identityProviderCreateSchema,
  identityProviderPageSchema,
  identityProviderSchema,
  identityProviderUpdateSchema,
} from '../../protocol/api/sign-in.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import { bindingsOf, exceeds } from '../authority/cover.ts';
import { demandCoverOf, refuseLacking } from '../authority/demand-cover.ts';
import { findPrincipal, mustFindTeam } from '../authority/find.ts';
import { etagOf, changedMeanwhile, requireMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import { GuardFailed } from '../store/store.ts';
import type { IdentityProvidersTable } from '../store/tables-sign-in.ts';
import type { SignInDeps } from './deps.ts';
import { parseDomains, parseTeams } from './provider-claims.ts';
import { providerSecretCell } from './provider-client.ts';
import { callbackPath } from './provider-pages.ts';
import {
  deleteProvider,
  findProvider,
  insertLink,
  insertProvider,
  selectProviders,
  updateProvider,
} from './provider-store.ts';

type Deps = SignInDeps & RouteDeps;

const tag = 'sign-in';
const params = z.object({ provider: referenceSchema });
const url = '/v1/identity-providers';

export function providerRoutes(app: FastifyInstance, deps: Deps): void {
  createRoute(app, deps);
  readRoutes(app, deps);
  updateRoute(app, deps);
  removeRoute(app, deps);
  linkRoute(app, deps);
}

function createRoute(app: FastifyInstance, deps: Deps): void {
  const { store, clock, secrets } = deps;
  route(app, deps, {
    method: 'POST',
    url,
    permission: 'iam.identity-provider.create',
    summary: 'Let people sign in by an OpenID Connect provider',
    tag,
    body: identityProviderCreateSchema,
    answers: { 201: identityProviderSchema },
    handler: async (context) => {
      const { client_secret: secret, teams, allowed_domains, creates_users, ...body } = context.body;
      await demandTeams(deps, context, teams);
      const identity = { id: randomUUIDv7(), organization: deps.authority.policy().organization.id };
      const row: IdentityProvidersTable = {
        ...identity,
        ...body,
        client_secret:
          secret === null ? null : await secrets.sealAtRest(secret, providerSecretCell(identity)),
        teams: JSON.stringify(teams),
        allowed_domains: allowed_domains.join(' '),
        creates_users: creates_users ? 1 : 0,
        enabled: 1,
        created_at: clock.now(),
        revision: 1,
      };
      const view = providerView(deps, row);
      await commitChange(deps, context, {
        operation: 'identity_provider.create',
        resource: `identity-providers/${row.id}`,
        details: { after: view },
        steps: [insertProvider(store, row)],
      });
      return { status: 201, body: view, headers: { location: `${url}/${row.id}`, etag: etagOf(1) } };
    },
  });
}

/** Who maps a team decides who is in it: they must hold all that it has. */
async function demandTeams(
  deps: Deps,
  context: ChangeContext,
  teams: Readonly<Record<string, string>>,
): Promise<void> {
  const policy = deps.authority.policy();
  for (const name of new Set(Object.values(teams))) {
    const team = mustFindTeam(policy, name);
    await demandCoverOf(deps, context, {
      bindings: bindingsOf(policy, team.id, deps.clock.now()),
      why: `You cannot let a provider decide who is in ${name}, because you do not hold all that it has.`,
    });
  }
}

function readRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url,
    permission: 'iam.identity-provider.read',
    summary: 'List the identity providers, without their secrets',
    tag,
    query: pageQuerySchema,
    answers: { 200: identityProviderPageSchema },
    handler: async ({ caller, query }) => {
      const { organization } = caller.principal;
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(
        selectProviders(deps.store, { organization, after, limit: query.limit }),
      );
      const item = (row: IdentityProvidersTable) => providerView(deps, row);
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item }) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: `${url}/:provider`,
    permission: 'iam.identity-provider.read',
    summary: 'Show an identity provider, without its secret',
    tag,
    params,
    answers: { 200: identityProviderSchema },
    handler: async (context) => answered(deps, await mustFindProvider(deps, context.params.provider)),
  });
}

function updateRoute(app: FastifyInstance, deps: Deps): void {
  const { store, secrets } = deps;
  route(app, deps, {
    method: 'PATCH',
    url: `${url}/:provider`,
    permission: 'iam.identity-provider.update',
    summary: 'Change an identity provider; its issuer stays, because people are known by it',
    tag,
    params,
    body: identityProviderUpdateSchema,
    hears: ['if-match'],
    answers: { 200: identityProviderSchema },
    handler: async (context) => {
      const row = await mustFindProvider(deps, context.params.provider);
      requireMatch(context.request, row.revision);
      const { client_secret: secret, teams, allowed_domains, creates_users, enabled, ...rest } = context.body;
      if (teams !== undefined) await demandTeams(deps, context, teams);
      const sealed =
        secret === undefined || secret === null
          ? secret
          : await secrets.sealAtRest(secret, providerSecretCell(row));
      const set = present({
        ...rest,
        client_secret: sealed,
        teams: teams === undefined ? undefined : JSON.stringify(teams),
        allowed_domains: allowed_domains?.join(' '),
        creates_users: creates_users === undefined ? undefined : Number(creates_users),
        enabled: enabled === undefined ? undefined : Number(enabled),
      });
      const changed = { ...row, ...set, revision: row.revision + 1 };
      await commitRevised(deps, context, {
        operation: 'identity_provider.update',
        row,
        details: {
          before: providerView(deps, row),
          after: providerView(deps, changed),
          secret: secret !== undefined,
        },
        step: updateProvider(store, row, set),
      });
      return answered(deps, changed);
    },
  });
}

function removeRoute(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'DELETE',
    url: `${url}/:provider`,
    permission: 'iam.identity-provider.delete',
    summary: 'Remove an identity provider; its users stay and are linked to it no more',
    tag,
    params,
    hears: ['if-match'],
    answers: { 204: null },
    handler: async (context) => {
      const row = await mustFindProvider(deps, context.params.provider);
      requireMatch(context.request, row.revision);
      await commitRevised(deps, context, {
        operation: 'identity_provider.delete',
        row,
        details: { before: providerView(deps, row) },
        step: deleteProvider(deps.store, row),
      });
      return { status: 204 };
    },
  });
}

function linkRoute(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: `${url}/:provider/links`,
    permission: 'iam.identity-provider.update',
    summary: 'Say which user a subject of an identity provider is',
    tag,
    params,
    body: identityLinkCreateSchema,
    answers: { 204: null },
    handler: async (context) => {
      const row = await mustFindProvider(deps, context.params.provider);
      const { subject, principal: reference } = context.body;
      const principal = findPrincipal(deps.authority.policy(), reference);
      if (principal.kind !== 'user')
        throw new Failure('conflict', `${principal.name} is no user and never signs in.`);
      const lacked = exceeds(deps.authority.policy(), context.caller, principal.id, deps.clock.now());
      const why = `You cannot let somebody in as ${principal.name}, who may do what you may not.`;
      if (lacked !== null) await refuseLacking(deps, context, { lacked, why });
      const now = deps.clock.now();
      const link = { provider: row.id, subject, principal: principal.id, name: subject };
      await commitChange(deps, context, {
        operation: 'identity_provider.link',
        resource: `identity-providers/${row.id}`,
        details: { after: { subject, principal: principal.name } },
        steps: [insertLink(deps.store, { ...link, created_at: now, last_used_at: now })],
      });
      return { status: 204 };
    },
  });
}

async function mustFindProvider(deps: Deps, reference: string): Promise<IdentityProvidersTable> {
  const row = await findProvider(deps.store, reference);
  if (row === null) throw new Failure('not_found', `There is no identity provider ${reference}.`);
  return row;
}

async function commitRevised(
  deps: Deps,
  context: ChangeContext,
  change: {
    readonly operation: string;
    readonly row: IdentityProvidersTable;
    readonly details: Readonly<Record<string, unknown>>;
    readonly step: ReturnType<typeof updateProvider>;
  },
): Promise<void> {
  const { operation, row, details, step } = change;
  try {
    await commitChange(deps, context, {
      operation,
      resource: `identity-providers/${row.id}`,
      details,
      steps: [step],
    });
  } catch (error) {
    throw error instanceof GuardFailed && error.guard === 'revision' ? changedMeanwhile() : error;
  }
}

/** Only the members that are there. */
function present<T extends Record<string, unknown>>(
  members: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}

function answered(deps: Deps, row: IdentityProvidersTable) {
  return { status: 200, body: providerView(deps, row), headers: { etag: etagOf(row.revision) } };
}

function providerView(deps: Deps, row: IdentityProvidersTable): z.input<typeof identityProviderSchema> {
  const { id, name, issuer, client_id, scopes, name_claim, teams_claim, created_at, revision } = row;
  return {
    id,
    name,
    issuer,
    client_id,
    has_secret: row.client_secret !== null,
    scopes,
    name_claim,
    teams_claim,
    teams: Object.fromEntries(parseTeams(row.teams)),
    allowed_domains: [...parseDomains(row.allowed_domains)],
    creates_users: row.creates_users === 1,
    enabled: row.enabled === 1,
    redirect_uri: deps.origins().canonical + callbackPath(name),
    created_at,
    revision,
  };
}
