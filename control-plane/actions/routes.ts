// The routes of actions: `/v1/projects/{p}/actions`.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  actionCreateSchema,
  actionPageSchema,
  actionSchema,
  actionUpdateSchema,
  publishAllAnswerSchema,
  publishAllSchema,
} from '../../protocol/api/operations.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { readGroup } from '../groups/read.ts';
import { listOfThings } from '../authority/resources.ts';
import { etagOf, heedMatch, requireMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import { createAction } from './create.ts';
import { publishAll } from './publish-all.ts';
import { currentDefinition, definitionsOf, readAction } from './read.ts';
import type { CurrentDefinition } from './read.ts';
import { removeAction } from './remove.ts';
import { selectActions } from './store.ts';
import type { ActionRow } from './store.ts';
import { changeAction } from './update.ts';

type Deps = RouteDeps & ChangeDeps;

const projectParams = z.object({ project: referenceSchema });
const params = projectParams.extend({ action: referenceSchema });
const tag = 'actions';

export function actionRoutes(app: FastifyInstance, deps: Deps): void {
  creatingRoutes(app, deps);
  readingRoutes(app, deps);
  changingRoutes(app, deps);
}

function creatingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/actions',
    permission: 'wayside.action.create',
    summary: 'Create an action that offers an operation of a group',
    tag,
    params: projectParams,
    body: actionCreateSchema,
    answers: { 201: actionSchema },
    handler: async (context) => {
      const row = await createAction(deps, context, context.body);
      const location = `/v1/projects/${context.project.id}/actions/${row.id}`;
      return {
        status: 201,
        body: await actionView(deps, row),
        headers: { location, etag: etagOf(row.revision) },
      };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/actions/publish-all',
    permission: 'wayside.action.create',
    summary: 'Create an action for everything that the agents of a group advertise',
    tag,
    params: projectParams,
    body: publishAllSchema,
    answers: { 200: publishAllAnswerSchema },
    handler: async (context) => {
      const group = await readGroup(deps.store, context.project.id, context.body.group);
      const { created, ...rest } = await publishAll(deps, context, group);
      return { status: 200, body: { created: await actionViews(deps, created), ...rest } };
    },
  });
}

function readingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/actions',
    permission: 'wayside.action.read',
    resource: listOfThings('wayside.action.read'),
    summary: 'List the actions of a project that the caller may see',
    tag,
    params: projectParams,
    query: pageQuerySchema,
    answers: { 200: actionPageSchema },
    handler: async ({ project, query, caller, decision }) => {
      const after = decodeCursor(query.cursor);
      const rows = await deps.store.read(
        selectActions(deps.store, { project: project.id, after, limit: query.limit }),
      );
      const page = toPage(rows, query.limit, { key: (row) => row.id, item: (row) => row });
      const sees = ({ id, group_id: group }: ActionRow): boolean => {
        const at = { thing: `actions/${id}`, above: [`groups/${group}`] };
        const { organization, id: inside } = project;
        return deps.authority.decide(caller, 'wayside.action.read', { organization, project: inside, ...at })
          .allowed;
      };
      const isWhole = decision.question.resource.thing === null;
      const items = await actionViews(deps, isWhole ? page.items : page.items.filter(sees));
      return { status: 200, body: { items, next_cursor: page.next_cursor } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/actions/:action',
    permission: 'wayside.action.read',
    summary: 'Show an action and the inputs that it takes now',
    tag,
    params,
    answers: { 200: actionSchema },
    handler: async (context) => {
      const row = await readAction(deps.store, context.project.id, context.params.action);
      return { status: 200, body: await actionView(deps, row), headers: { etag: etagOf(row.revision) } };
    },
  });
}

function changingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'PATCH',
    url: '/v1/projects/:project/actions/:action',
    permission: 'wayside.action.update',
    summary: 'Change an action',
    tag,
    params,
    hears: ['if-match'],
    body: actionUpdateSchema,
    answers: { 200: actionSchema },
    handler: async (context) => {
      const before = await readAction(deps.store, context.project.id, context.params.action);
      requireMatch(context.request, before.revision);
      const row = await changeAction(deps, context, { before, body: context.body });
      return { status: 200, body: await actionView(deps, row), headers: { etag: etagOf(row.revision) } };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/projects/:project/actions/:action',
    permission: 'wayside.action.delete',
    summary: 'Delete an action; its runs stay',
    tag,
    params,
    hears: ['if-match?'],
    answers: { 204: null },
    handler: async (context) => {
      const action = await readAction(deps.store, context.project.id, context.params.action);
      heedMatch(context.request, action.revision);
      await removeAction(deps, context, action);
      return { status: 204 };
    },
  });
}

async function actionView(deps: ChangeDeps, row: ActionRow): Promise<z.input<typeof actionSchema>> {
  return viewOf(row, await currentDefinition(deps.store, row));
}

/** As `actionView`, with one look at what each group advertises, however many actions point to it. */
async function actionViews(
  deps: ChangeDeps,
  rows: readonly ActionRow[],
): Promise<z.input<typeof actionSchema>[]> {
  const groups = [...new Set(rows.map((row) => row.group_id))];
  const advertised = new Map(
    await Promise.all(groups.map(async (group) => [group, await definitionsOf(deps.store, group)] as const)),
  );
  return rows.map((row) => viewOf(row, advertised.get(row.group_id)?.get(row.operation) ?? null));
}

function viewOf(row: ActionRow, definition: CurrentDefinition | null): z.input<typeof actionSchema> {
  return {
    id: row.id,
    name: row.name,
    description: row.description === '' ? (definition?.row.description ?? '') : row.description,
    group: { id: row.group_id, name: row.group_name },
    operation: row.operation,
    definition: definition === null ? null : definitionView(definition),
    expires_in_ms: row.expires_in_ms,
    priority: row.priority,
    runs: row.sequence,
    created_at: row.created_at,
    revision: row.revision,
  };
}

function definitionView({
  row,
  agentsOnline,
}: CurrentDefinition): z.input<typeof actionSchema>['definition'] {
  return {
    digest: row.digest,
    inputs: row.inputs === null ? null : z.record(z.string(), z.unknown()).parse(parseJson(row.inputs)),
    timeout_ms: row.timeout_ms,
    idempotent: row.idempotent === 1,
    agents_online: agentsOnline,
  };
}
