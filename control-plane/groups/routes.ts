// The routes of groups: `/v1/projects/{p}/groups`.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  digestAcceptSchema,
  groupCreateSchema,
  groupPageSchema,
  groupSchema,
  groupUpdateSchema,
} from '../../protocol/api/operations.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { etagOf, heedMatch, requireMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import { acceptDefinition } from './accept-definition.ts';
import { createGroup } from './create.ts';
import { readGroup } from './read.ts';
import { removeGroup } from './remove.ts';
import { selectGroups } from './store.ts';
import type { GroupRow } from './store.ts';
import { changeGroup } from './update.ts';

const projectParams = z.object({ project: referenceSchema });
const params = projectParams.extend({ group: referenceSchema });
const tag = 'groups';

export function groupRoutes(app: FastifyInstance, deps: RouteDeps & ChangeDeps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/groups',
    permission: 'wayside.group.create',
    summary: 'Create a group of agents',
    tag,
    params: projectParams,
    body: groupCreateSchema,
    answers: { 201: groupSchema },
    handler: async (context) => {
      const row = await createGroup(deps, context, context.body);
      const location = `/v1/projects/${context.project.id}/groups/${row.id}`;
      return { status: 201, body: groupView(row), headers: { location, etag: etagOf(row.revision) } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/groups',
    permission: 'wayside.group.read',
    summary: 'List the groups of a project',
    tag,
    params: projectParams,
    query: pageQuerySchema,
    answers: { 200: groupPageSchema },
    handler: async ({ project, query }) => {
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(
        selectGroups(deps.store, { project: project.id, after, limit: query.limit }),
      );
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item: groupView }) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/groups/:group',
    permission: 'wayside.group.read',
    summary: 'Show a group',
    tag,
    params,
    answers: { 200: groupSchema },
    handler: async (context) => {
      const row = await readGroup(deps.store, context.project.id, context.params.group);
      return { status: 200, body: groupView(row), headers: { etag: etagOf(row.revision) } };
    },
  });
  changingRoutes(app, deps);
}

function changingRoutes(app: FastifyInstance, deps: RouteDeps & ChangeDeps): void {
  route(app, deps, {
    method: 'PATCH',
    url: '/v1/projects/:project/groups/:group',
    permission: 'wayside.group.update',
    summary: 'Change a group',
    tag,
    params,
    hears: ['if-match'],
    body: groupUpdateSchema,
    answers: { 200: groupSchema },
    handler: async (context) => {
      const before = await readGroup(deps.store, context.project.id, context.params.group);
      requireMatch(context.request, before.revision);
      const row = await changeGroup(deps, context, { before, body: context.body });
      return { status: 200, body: groupView(row), headers: { etag: etagOf(row.revision) } };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/projects/:project/groups/:group',
    permission: 'wayside.group.delete',
    summary: 'Delete a group that nothing points to',
    tag,
    params,
    hears: ['if-match?'],
    answers: { 204: null },
    handler: async (context) => {
      const group = await readGroup(deps.store, context.project.id, context.params.group);
      heedMatch(context.request, group.revision);
      await removeGroup(deps, context, group);
      return { status: 204 };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/groups/:group/accepted-definitions',
    permission: 'wayside.group.update',
    summary: 'Accept a new definition in a pinned group',
    tag,
    params,
    body: digestAcceptSchema,
    answers: { 204: null },
    handler: async (context) => {
      const group = await readGroup(deps.store, context.project.id, context.params.group);
      await acceptDefinition(deps, context, { group, ...context.body });
      return { status: 204 };
    },
  });
}

function groupView(row: GroupRow): z.input<typeof groupSchema> {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    production: row.production === 1,
    pinned: row.pinned === 1,
    agents: { total: row.agents_total, online: row.agents_online },
    queued: row.queued,
    created_at: row.created_at,
    revision: row.revision,
  };
}
