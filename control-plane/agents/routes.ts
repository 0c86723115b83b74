// The routes of agents, and of what joins and advertises in a group.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  agentApproveSchema,
  agentPageSchema,
  agentRevokeSchema,
  agentSchema,
  agentUpdateSchema,
  joinTokenCreateSchema,
  joinTokenSchema,
  operationPageSchema,
} from '../../protocol/api/operations.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import { readGroup } from '../groups/read.ts';
import { etagOf, requireMatch } from '../http/etag.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import { approveAgent } from './approve.ts';
import type { AgentsDeps, RunsOfAgent } from './contract.ts';
import { createJoinToken, createRecoveryToken } from './create-join-token.ts';
import { changeAgent } from './describe.ts';
import { drainAgent } from './drain.ts';
import { operationsOf } from './operations.ts';
import { groupsOfAgent, listAgents, readAgent, showAgent } from './read.ts';
import { revokeAgent } from './revoke.ts';

type Deps = RouteDeps & AgentsDeps & { readonly runs: RunsOfAgent };

const projectParams = z.object({ project: referenceSchema });
const groupParams = projectParams.extend({ group: referenceSchema });
const params = projectParams.extend({ agent: referenceSchema });
const tag = 'agents';

/** `deps` is read at each request: the URLs are known only when the listeners are open. */
export function agentRoutes(app: FastifyInstance, deps: Deps): void {
  joiningRoutes(app, deps);
  readingRoutes(app, deps);
  leavingRoutes(app, deps);
}

function joiningRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/groups/:group/tokens',
    permission: 'wayside.group.enroll',
    summary: 'Make a one-time token with which an agent joins; it is shown once',
    tag,
    params: groupParams,
    body: joinTokenCreateSchema,
    answers: { 201: joinTokenSchema },
    handler: async (context) => {
      const token = await createJoinToken(deps, context, { group: context.params.group, ...context.body });
      return { status: 201, body: token };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/agents/:agent/recovery-tokens',
    permission: 'wayside.group.enroll',
    summary: 'Make a one-time token with which an agent whose certificate expired gets its identity back',
    tag,
    params,
    body: joinTokenCreateSchema.omit({ groups: true }),
    answers: { 201: joinTokenSchema },
    handler: async (context) => {
      const agent = await readAgent(deps.store, context.project.id, context.params.agent);
      const groups = await groupsOfAgent(deps.store, agent.id);
      const token = await createRecoveryToken(deps, context, { agent, groups, ...context.body });
      return { status: 201, body: token };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/groups/:group/operations',
    permission: 'wayside.group.read',
    summary: 'What the agents of a group advertise',
    tag,
    params: groupParams,
    answers: { 200: operationPageSchema },
    handler: async (context) => {
      const group = await readGroup(deps.store, context.project.id, context.params.group);
      return { status: 200, body: { items: await operationsOf(deps.store, group), next_cursor: null } };
    },
  });
}

function readingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/agents',
    permission: 'wayside.agent.read',
    summary: 'List the agents of a project',
    tag,
    params: projectParams,
    query: pageQuerySchema,
    answers: { 200: agentPageSchema },
    handler: async ({ project, query }) => ({
      status: 200,
      body: await listAgents(deps.store, project.id, query),
    }),
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/agents/:agent',
    permission: 'wayside.agent.read',
    summary: 'Show an agent',
    tag,
    params,
    answers: { 200: agentSchema },
    handler: async (context) => {
      const agent = await showAgent(deps.store, context.project.id, context.params.agent);
      return { status: 200, body: agent, headers: { etag: etagOf(agent.revision) } };
    },
  });
  route(app, deps, {
    method: 'PATCH',
    url: '/v1/projects/:project/agents/:agent',
    permission: 'wayside.agent.update',
    summary: 'Change what people call an agent and say of it',
    tag,
    params,
    hears: ['if-match'],
    body: agentUpdateSchema,
    answers: { 200: agentSchema },
    handler: async (context) => {
      const agent = await readAgent(deps.store, context.project.id, context.params.agent);
      requireMatch(context.request, agent.revision);
      const changed = await changeAgent(deps, context, { agent, body: context.body });
      return { status: 200, body: changed, headers: { etag: etagOf(changed.revision) } };
    },
  });
}

function leavingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/agents/:agent/drain',
    permission: 'wayside.agent.drain',
    summary: 'Let an agent finish what it runs and give it nothing new',
    tag,
    params,
    answers: { 200: agentSchema },
    handler: async (context) => {
      const agent = await readAgent(deps.store, context.project.id, context.params.agent);
      return { status: 200, body: await drainAgent(deps, context, agent) };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/agents/:agent/revoke',
    permission: 'wayside.agent.revoke',
    summary: 'Revoke an agent: its connections end at once, its certificate never comes in again',
    tag,
    params,
    body: agentRevokeSchema,
    answers: { 200: agentSchema },
    handler: async (context) => {
      const agent = await readAgent(deps.store, context.project.id, context.params.agent);
      const view = await revokeAgent(deps, context, { agent, reason: context.body.reason });
      return { status: 200, body: view };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/agents/:agent/approve',
    permission: 'wayside.agent.approve',
    summary: 'Let an agent of a production group in, by the fingerprint of its key',
    tag,
    params,
    body: agentApproveSchema,
    answers: { 200: agentSchema },
    handler: async (context) => {
      const agent = await readAgent(deps.store, context.project.id, context.params.agent);
      const view = await approveAgent(deps, context, { agent, fingerprint: context.body.fingerprint });
      return { status: 200, body: view };
    },
  });
}
