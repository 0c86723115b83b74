// The routes of teams: `/v1/teams`, and who is in them.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  memberPageSchema,
  type memberSchema,
  teamCreateSchema,
  teamPageSchema,
  teamSchema,
} from '../../protocol/api/policy.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { findPrincipal, mustFindTeam } from '../authority/find.ts';
import { etagOf, heedMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { PrincipalsTable } from '../store/schema.ts';
import { addMember, createTeam, removeMember, removeTeam } from './change-team.ts';
import { readPrincipal } from './read.ts';
import { selectMembers, selectTeams } from './team-store.ts';
import type { MemberRow } from './team-store.ts';

type Deps = RouteDeps & ChangeDeps;

const params = z.object({ team: referenceSchema });
const memberParams = params.extend({ member: referenceSchema });
const tag = 'teams';

export function teamRoutes(app: FastifyInstance, deps: Deps): void {
  readingRoutes(app, deps);
  changingRoutes(app, deps);
  memberRoutes(app, deps);
}

function readingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/teams',
    permission: 'iam.team.read',
    summary: 'List the teams',
    tag,
    query: pageQuerySchema,
    answers: { 200: teamPageSchema },
    handler: async ({ caller, query }) => {
      const { organization } = caller.principal;
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(
        selectTeams(deps.store, { organization, after, limit: query.limit }),
      );
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item: teamView }) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/teams/:team',
    permission: 'iam.team.read',
    summary: 'Show a team',
    tag,
    params,
    answers: { 200: teamSchema },
    handler: async (context) => {
      const policy = deps.authority.policy();
      const { id } = mustFindTeam(policy, context.params.team);
      const headers = { etag: etagOf(policy.revision) };
      return { status: 200, body: teamView(await readPrincipal(deps, id)), headers };
    },
  });
}

function changingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/teams',
    permission: 'iam.team.create',
    changesPolicy: true,
    summary: 'Create a team',
    tag,
    body: teamCreateSchema,
    answers: { 201: teamSchema },
    handler: async (context) => {
      const row = await createTeam(deps, context, context.body);
      return { status: 201, body: teamView(row), headers: { location: `/v1/teams/${row.id}` } };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/teams/:team',
    permission: 'iam.team.delete',
    changesPolicy: true,
    summary: 'Delete a team with its bindings; the record keeps its name',
    tag,
    params,
    hears: ['if-match?'],
    answers: { 204: null },
    handler: async (context) => {
      const policy = deps.authority.policy();
      heedMatch(context.request, policy.revision);
      await removeTeam(deps, context, mustFindTeam(policy, context.params.team));
      return { status: 204 };
    },
  });
}

function memberRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/teams/:team/members',
    permission: 'iam.team.read',
    summary: 'List the direct members of a team',
    tag,
    params,
    query: pageQuerySchema,
    answers: { 200: memberPageSchema },
    handler: async (context) => {
      const { query } = context;
      const policy = deps.authority.policy();
      const { id: team } = mustFindTeam(policy, context.params.team);
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(selectMembers(deps.store, { team, after, limit: query.limit }));
      const body = toPage(rows, query.limit, { key: (row) => row.member, item: memberView });
      return { status: 200, body, headers: { etag: etagOf(policy.revision) } };
    },
  });
  for (const [method, change, summary] of [
    ['PUT', addMember, 'Let a user, a service or a team into a team'],
    ['DELETE', removeMember, 'Take a member out of a team'],
  ] as const) {
    route(app, deps, {
      method,
      url: '/v1/teams/:team/members/:member',
      permission: 'iam.team.update',
      changesPolicy: true,
      summary,
      tag,
      params: memberParams,
      hears: ['if-match?'],
      answers: { 204: null },
      handler: async (context) => {
        const policy = deps.authority.policy();
        heedMatch(context.request, policy.revision);
        const team = mustFindTeam(policy, context.params.team);
        const member = findPrincipal(policy, context.params.member);
        await change(deps, context, { team, member });
        return { status: 204 };
      },
    });
  }
}

function teamView({ id, name, created_at }: PrincipalsTable): z.input<typeof teamSchema> {
  return { id, name, created_at };
}

function memberView(row: MemberRow): z.input<typeof memberSchema> {
  const { member: id, name, kind, disabled_at, source, added_at } = row;
  return { id, name, kind, disabled: disabled_at !== null, source, added_at };
}
