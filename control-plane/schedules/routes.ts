// The routes of schedules: `/v1/projects/{p}/schedules`.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  scheduleCreateSchema,
  schedulePageSchema,
  scheduleSchema,
  scheduleUpdateSchema,
} from '../../protocol/api/operations.ts';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { readAction } from '../actions/read.ts';
import type { ActionRow } from '../actions/store.ts';
import type { ChangeContext } from '../authority/change.ts';
import { demand } from '../http/decide.ts';
import { etagOf, heedMatch, requireMatch } from '../http/etag.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import { clearInputs } from '../runs/known-inputs.ts';
import { decideInputs } from '../runs/request.ts';
import { actionResource } from '../runs/run-resource.ts';
import type { ScheduleDeps } from './contract.ts';
import { createSchedule } from './create.ts';
import { openInputs } from './inputs.ts';
import { readNow, readSchedule } from './read.ts';
import { removeSchedule } from './remove.ts';
import { selectSchedules } from './store.ts';
import { changeSchedule, startsRuns } from './update.ts';
import { scheduleView } from './view.ts';

type Deps = RouteDeps & ScheduleDeps;

const projectParams = z.object({ project: referenceSchema });
const params = projectParams.extend({ schedule: referenceSchema });
const tag = 'schedules';

export function scheduleRoutes(app: FastifyInstance, deps: Deps): void {
  createRoute(app, deps);
  readingRoutes(app, deps);
  changingRoutes(app, deps);
}

function createRoute(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/schedules',
    permission: 'wayside.schedule.create',
    summary: 'Create a schedule that presses an action at set times; needs `wayside.run.start` too',
    tag,
    params: projectParams,
    body: scheduleCreateSchema,
    answers: { 201: scheduleSchema },
    handler: async (context) => {
      const action = await readAction(deps.store, context.project.id, context.body.action);
      await demandStart(deps, context, { action, inputs: context.body.inputs });
      const row = await createSchedule(deps, context, { action, body: context.body });
      const location = `/v1/projects/${context.project.id}/schedules/${row.id}`;
      return {
        status: 201,
        body: scheduleView(row, await readNow(deps.store)),
        headers: { location, etag: etagOf(row.revision) },
      };
    },
  });
}

function readingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/schedules',
    permission: 'wayside.schedule.read',
    summary: 'List the schedules of a project',
    tag,
    params: projectParams,
    query: pageQuerySchema,
    answers: { 200: schedulePageSchema },
    handler: async ({ project, query }) => {
      const after = decodeCursor(query.cursor);
      const now = await readNow(deps.store);
      const rows = await deps.store.read(
        selectSchedules(deps.store, { project: project.id, after, limit: query.limit }),
      );
      const item = (row: (typeof rows)[number]) => scheduleView(row, now);
      return { status: 200, body: toPage(rows, query.limit, { key: (row) => row.id, item }) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/schedules/:schedule',
    permission: 'wayside.schedule.read',
    summary: 'Show a schedule and its next ten fire times',
    tag,
    params,
    answers: { 200: scheduleSchema },
    handler: async (context) => {
      const row = await readSchedule(deps.store, context.project.id, context.params.schedule);
      const body = scheduleView(row, await readNow(deps.store));
      return { status: 200, body, headers: { etag: etagOf(row.revision) } };
    },
  });
}

function changingRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'PATCH',
    url: '/v1/projects/:project/schedules/:schedule',
    permission: 'wayside.schedule.update',
    summary: 'Change a schedule, pause it or let it go on; all but pausing needs `wayside.run.start` too',
    tag,
    params,
    hears: ['if-match'],
    body: scheduleUpdateSchema,
    answers: { 200: scheduleSchema },
    handler: async (context) => {
      const { project, body } = context;
      const before = await readSchedule(deps.store, project.id, context.params.schedule);
      requireMatch(context.request, before.revision);
      const action = await readAction(deps.store, project.id, before.action);
      if (startsRuns(body)) {
        const inputs = body.inputs ?? (await openInputs(deps.runs.parts, before));
        await demandStart(deps, context, { action, inputs });
      }
      const row = await changeSchedule(deps, context, { before, action, body });
      return {
        status: 200,
        body: scheduleView(row, await readNow(deps.store)),
        headers: { etag: etagOf(row.revision) },
      };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/projects/:project/schedules/:schedule',
    permission: 'wayside.schedule.delete',
    summary: 'Delete a schedule; its runs stay',
    tag,
    params,
    hears: ['if-match?'],
    answers: { 204: null },
    handler: async (context) => {
      const schedule = await readSchedule(deps.store, context.project.id, context.params.schedule);
      heedMatch(context.request, schedule.revision);
      await removeSchedule(deps, context, schedule);
      return { status: 204 };
    },
  });
}

/**
 * Who lets an action be started at set times must be one that may start it, with the inputs that the schedule itself
 * gives: what stored variables fill in may be something else by then.
 */
async function demandStart(
  deps: Deps,
  context: ChangeContext,
  asked: { readonly action: ActionRow; readonly inputs: Readonly<Record<string, JsonValue>> },
): Promise<void> {
  const { action } = asked;
  const { organization } = context.caller.principal;
  const start = {
    permission: 'wayside.run.start',
    resource: actionResource({ ...action, organization, action: action.id }),
    why: 'A schedule starts runs.',
  } as const;
  const decision = await demand(deps, context.request, { ...start, inputs: 'later' });
  if (decision.settled) return;
  const body = { inputs: asked.inputs, priority: 0 };
  const { inputs } = await decideInputs(deps.runs.parts, {
    action,
    body,
    actor: { entry: { organization } },
  });
  const given = inputs.filter(({ name }) => Object.hasOwn(asked.inputs, name));
  await demand(deps, context.request, { ...start, inputs: clearInputs(given) });
}
