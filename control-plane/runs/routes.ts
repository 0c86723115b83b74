// The routes of runs: press, list, show, watch, cancel, release.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { pageQuerySchema } from '../../protocol/api/page.ts';
import {
  runCancelAnswerSchema,
  runCancelSchema,
  runEventPageSchema,
  runEventsQuerySchema,
  runListQuerySchema,
  runPageSchema,
  runReleaseSchema,
  runSchema,
  runStartSchema,
  runStatusWriteSchema,
  runStatusWrittenSchema,
} from '../../protocol/api/runs.ts';
import type { Run } from '../../protocol/api/runs.ts';
import { Failure } from '../../protocol/failures.ts';
import { idSchema, referenceSchema } from '../../protocol/ids.ts';
import { eventStreamsPerPrincipalMax } from '../../protocol/limits.ts';
import { readAction } from '../actions/read.ts';
import type { Audit } from '../audit/audit.ts';
import { bearerOf } from '../authority/authenticate.ts';
import { entryOf } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import { demandEntitlement } from '../authority/entitlements.ts';
import type { KnownInputs } from '../authority/conditions.ts';
import { warningHeader } from '../http/warning.ts';
import { lastEventId, sendEventStream, wantsEventStream } from '../http/event-stream.ts';
import { idempotencyOf } from '../http/idempotency.ts';
import type { IdempotencyDeps } from '../http/idempotency.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import { presentedBy } from '../http/callers.ts';
import { route } from '../http/route.ts';
import { demand } from '../http/decide.ts';
import type { ResourceOf } from '../http/decide.ts';
import type { RouteDeps } from '../http/route.ts';
import { cancelRun } from './cancel.ts';
import type { Actor } from './contract.ts';
import type { Runs } from './open.ts';
import { inputsOfRun } from './known-inputs.ts';
import { findRun, listRuns, readRun } from './read.ts';
import { releaseRun } from './release.ts';
import { requestRun } from './request.ts';
import { runResourceOf } from './run-resource.ts';
import { readRunEvents, watchRun } from './watch.ts';
import { writeStatus } from './write-status.ts';

type Deps = RouteDeps & IdempotencyDeps & { readonly runs: Runs; readonly audit: Pick<Audit, 'recordRead'> };

const projectParams = z.object({ project: referenceSchema });
const actionParams = projectParams.extend({ action: referenceSchema });
const runParams = z.object({ run: idSchema });
const tag = 'runs';

export function runRoutes(app: FastifyInstance, deps: Deps): void {
  pressRoute(app, deps);
  listRoutes(app, deps);
  watchRoutes(app, deps);
  stopRoutes(app, deps);
  reportRoute(app, deps);
}

function pressRoute(app: FastifyInstance, deps: Deps): void {
  const { parts } = deps.runs;
  route(app, deps, {
    method: 'POST',
    url: '/v1/projects/:project/actions/:action/runs',
    permission: 'wayside.run.start',
    summary: 'Press the button: request a run',
    tag,
    params: actionParams,
    hears: ['idempotency-key'],
    inputs: 'later',
    body: runStartSchema,
    answers: { 201: runSchema },
    handler: async (context) => {
      const once = await idempotencyOf(deps, context.request, context.caller);
      if (once.replay !== null) {
        return {
          status: 201,
          body: await readRun(parts, once.replay),
          headers: { location: `/v1/runs/${once.replay}`, 'idempotent-replayed': 'true' },
        };
      }
      const warning =
        (await demandEntitlement(deps, 'actions')) ?? (await demandEntitlement(deps, 'runs_per_day'));
      const action = await readAction(deps.store, context.project.id, context.params.action);
      const run = await requestRun(parts, {
        actor: actorOf(context),
        action,
        body: context.body,
        remember: once.remember,
        ...(context.decision.settled ? {} : { judge: (inputs) => judged(deps, context, inputs) }),
      });
      return {
        status: 201,
        body: run,
        headers: { location: `/v1/runs/${run.id}`, ...warningHeader(warning) },
      };
    },
  });
}

function listRoutes(app: FastifyInstance, deps: Deps): void {
  const { parts } = deps.runs;
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/runs',
    permission: 'wayside.run.read',
    summary: 'List the runs of a project, the newest first',
    tag,
    params: projectParams,
    query: runListQuerySchema,
    answers: { 200: runPageSchema },
    handler: async ({ project, query }) => {
      const { state, limit } = query;
      const action =
        query.action === undefined ? undefined : (await readAction(deps.store, project.id, query.action)).id;
      const rows = await listRuns(parts, {
        project: project.id,
        after: decodeCursor(query.cursor),
        limit,
        ...(state === undefined ? {} : { state }),
        ...(action === undefined ? {} : { action }),
      });
      return { status: 200, body: runPage(rows, limit) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/projects/:project/actions/:action/runs',
    permission: 'wayside.run.read',
    summary: 'List the runs of an action, the newest first',
    tag,
    params: actionParams,
    query: pageQuerySchema,
    answers: { 200: runPageSchema },
    handler: async ({ project, params, query }) => {
      const action = (await readAction(deps.store, project.id, params.action)).id;
      const page = { project: project.id, action, after: decodeCursor(query.cursor), limit: query.limit };
      return { status: 200, body: runPage(await listRuns(parts, page), query.limit) };
    },
  });
}

function watchRoutes(app: FastifyInstance, deps: Deps): void {
  const { parts } = deps.runs;
  const resource = runResource(deps);
  const streams = new Map<string, number>();
  route(app, deps, {
    method: 'GET',
    url: '/v1/runs/:run',
    permission: 'wayside.run.read',
    resource,
    summary: 'Show a run',
    tag,
    params: runParams,
    answers: { 200: runSchema },
    handler: async ({ params }) => ({ status: 200, body: await readRun(parts, params.run) }),
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/runs/:run/events',
    permission: 'wayside.run.read',
    resource,
    summary: 'The events of a run: a page, or with `Accept: text/event-stream` history and then live',
    tag,
    params: runParams,
    query: runEventsQuerySchema,
    hears: ['last-event-id'],
    answers: { 200: runEventPageSchema },
    streams: { 200: 'text/event-stream' },
    handler: async (context) => {
      const { params, query, request, reply, caller, isStillAllowed } = context;
      await recordLogRead(deps, context, params.run);
      if (!wantsEventStream(request)) {
        const page = await readRunEvents(parts, { run: params.run, after: query.after, limit: query.limit });
        return { status: 200, body: page };
      }
      const after = parseLastEventId(lastEventId(request)) ?? query.after;
      await countingStreams(streams, caller.principal.id, () =>
        sendEventStream(reply, {
          source: watchRun(parts, { run: params.run, after }),
          shape: (event) => ({ id: String(event.seq), event: event.kind, data: event }),
          mayGoOn: isStillAllowed,
        }),
      );
      return undefined;
    },
  });
}

function stopRoutes(app: FastifyInstance, deps: Deps): void {
  const { parts } = deps.runs;
  const resource = runResource(deps);
  route(app, deps, {
    method: 'POST',
    url: '/v1/runs/:run/cancel',
    permission: 'wayside.run.cancel',
    resource,
    inputs: ({ params }) => inputsOfRun(parts, params['run'] ?? ''),
    summary: 'Cancel a run: at once where it has not started, else by stopping it',
    tag,
    params: runParams,
    body: runCancelSchema,
    answers: { 200: runCancelAnswerSchema },
    handler: async (context) => {
      const { params, body } = context;
      const answer = await cancelRun(parts, {
        actor: actorOf(context),
        run: params.run,
        reason: body.reason ?? null,
      });
      return { status: 200, body: answer };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/runs/:run/release',
    permission: 'wayside.run.release',
    resource,
    summary: 'Give back the slot of an indeterminate run',
    tag,
    params: runParams,
    body: runReleaseSchema,
    answers: { 200: runSchema },
    handler: async (context) => {
      const { params, body } = context;
      const run = await releaseRun(parts, { actor: actorOf(context), run: params.run, reason: body.reason });
      return { status: 200, body: run };
    },
  });
}

/** The one thing that a run may do, and only with itself. */
function reportRoute(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/runs/:run/status',
    permission: 'wayside.run.report',
    resource: runResource(deps),
    summary: 'Write a status entry of a run, by the token that its attempt was given',
    tag,
    params: runParams,
    body: runStatusWriteSchema,
    answers: { 201: runStatusWrittenSchema },
    handler: async (context) => {
      const { params, body, request } = context;
      const written = await writeStatus(deps.runs.parts, {
        actor: actorOf(context),
        run: params.run,
        body,
        bearer: bearerOf(presentedBy(request)) ?? '',
      });
      return { status: 201, body: written };
    },
  });
}

/** What a run printed may say more than anybody meant to: who reads it is in the record. */
async function recordLogRead(deps: Deps, context: ChangeContext, run: string): Promise<void> {
  const found = await findRun(deps.runs.parts, run);
  if (found === null) return;
  await deps.audit.recordRead({
    ...entryOf(context),
    operation: 'run.log.read',
    resource: `projects/${found.project}/runs/${run}`,
    details: {},
  });
}

/** A run is checked where it is: in its project. */
function runResource(deps: Deps): ResourceOf {
  return async ({ params }) => {
    const run = idSchema.safeParse(params['run']);
    const found = run.success ? await findRun(deps.runs.parts, run.data) : null;
    if (found === null) return null;
    return runResourceOf(found);
  };
}

/** Where bindings have conditions: once more, with the inputs that the run will have. */
async function judged(deps: Deps, context: ChangeContext, inputs: KnownInputs): Promise<Actor> {
  const { permission, resource } = context.decision.question;
  const why = 'You may start this only with certain inputs.';
  const decision = await demand(deps, context.request, { permission, resource, inputs, why });
  return actorOf({ ...context, decision, guard: deps.authority.guard(decision) });
}

function actorOf(context: ChangeContext): Actor {
  return { caller: context.caller, entry: entryOf(context), guard: context.guard };
}

function runPage(rows: readonly Run[], limit: number) {
  return toPage(rows, limit, { key: (row) => row.id, item: (row) => row });
}

function parseLastEventId(id: string | null): number | null {
  if (id === null) return null;
  if (/^\d{1,15}$/.test(id)) return Number(id);
  throw new Failure('invalid_request', 'Last-Event-ID is the id of an event of this stream.');
}

async function countingStreams(
  streams: Map<string, number>,
  principal: string,
  stream: () => Promise<void>,
): Promise<void> {
  const open = streams.get(principal) ?? 0;
  if (open >= eventStreamsPerPrincipalMax) {
    throw new Failure(
      'too_many_requests',
      `You have ${open} event streams open, which is the limit; close one of them first.`,
    );
  }
  streams.set(principal, open + 1);
  try {
    await stream();
  } finally {
    const left = (streams.get(principal) ?? 1) - 1;
    if (left === 0) streams.delete(principal);
    else streams.set(principal, left);
  }
}
