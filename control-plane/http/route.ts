// How a route is declared: what it takes and gives, which permission it needs, on which resource. A route without
// a permission cannot be registered; the choke point runs before the handler sees anything.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { Authority } from '../authority/authority.ts';
import type { Decision } from '../authority/authorize.ts';
import type { Caller } from '../authority/caller.ts';
import { findProject } from '../authority/policy.ts';
import type { ProjectRecord } from '../authority/policy.ts';
import { decisionsMax } from '../../protocol/limits.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step } from '../store/store.ts';
import { callerOf } from './callers.ts';
import { decideRequest, isStillAllowed, nothingThere } from './decide.ts';
import type { DecideDeps, Decided, InputsOf, ResourceOf } from './decide.ts';
import type { RequestHeader } from './registered-routes.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    permission?: Permission | 'public';
    /** For the OpenAPI document: headers that the route hears, and answers that are no JSON. */
    hears?: readonly RequestHeader[];
    streams?: Readonly<Record<number, string>>;
  }
}

/** What a handler gets: everything parsed, the decision made. */
export interface Context<Params, Query, Body> {
  readonly caller: Caller;
  readonly decision: Decision;
  /** Asks again; for answers that go on for long. */
  readonly isStillAllowed: () => Promise<boolean>;
  /** The project of the path. Asking for it on a route without one is a bug. */
  readonly project: ProjectRecord;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Proves at commit that the decision still holds; belongs into every unit. */
  readonly guard: Step;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

type Shape<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

export interface RouteDefinition<
  Params extends z.ZodType | undefined,
  Query extends z.ZodType | undefined,
  Body extends z.ZodType | undefined,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly permission: Permission;
  /** True where it changes principals, tokens, bindings or projects. */
  readonly changesPolicy?: boolean;
  /** Default: the project in `:project` where the path has one, else the organization. */
  readonly resource?: ResourceOf;
  /** Where bindings with conditions on inputs count: see `InputsOf`. */
  readonly inputs?: InputsOf;
  /** One sentence for the OpenAPI document. */
  readonly summary: string;
  readonly tag: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** Body schemas by status; null where there is no body, or a stream. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
  /** Content types of answers that are streams, by status. */
  readonly streams?: Readonly<Record<number, string>>;
  /** Request headers that mean something here, for the OpenAPI document. */
  readonly hears?: readonly RequestHeader[];
  readonly handler: (
    context: Context<Shape<Params>, Shape<Query>, Shape<Body>>,
  ) => Promise<Answer | undefined>;
}

export type RouteDeps = DecideDeps;

/** Registers one route behind authentication and authorization. */
export function route<
  Params extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(app: FastifyInstance, deps: RouteDeps, definition: RouteDefinition<Params, Query, Body>): void {
  const { permission, hears, streams } = definition;
  const decided = new WeakMap<FastifyRequest, Decided>();
  app.route({
    method: definition.method,
    url: definition.url,
    config: {
      permission,
      ...(hears === undefined ? {} : { hears }),
      ...(streams === undefined ? {} : { streams }),
    },
    schema: schemaOf(definition),
    // Before validation: who may not do it learns nothing of what the request should have looked like.
    preValidation: async (request) => {
      decided.set(request, await decideRequest(deps, definition, request));
    },
    handler: async (request, reply) => {
      const answer = await decideAgainOnConflict(definition, deps.authority, async () => {
        const holds = stillHolds(deps.authority, decided.get(request));
        return definition.handler(
          contextOf(deps.authority, {
            request,
            reply,
            decided: holds ?? (await decideRequest(deps, definition, request)),
          }),
        );
      });
      if (answer === undefined) return reply;
      return reply
        .status(answer.status)
        .headers(answer.headers ?? {})
        .send(answer.body);
    },
  });
}

/** What was decided on the policy that is in force now. */
function stillHolds(authority: Authority, decided: Decided | undefined): Decided | null {
  return decided?.decision.policy_revision === authority.policy().revision ? decided : null;
}

/**
 * What a decision was made on may have moved by the time of its commit; then the guard fails, nothing was written,
 * and the request is decided again on what holds now, `decisionsMax` times at the most.
 */
async function decideAgainOnConflict<T>(
  { changesPolicy = false }: { readonly changesPolicy?: boolean },
  authority: Authority,
  attempt: () => Promise<T>,
): Promise<T> {
  if (changesPolicy) return inTurn(authority, () => attemptAgain(authority, attempt, 1));
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof GuardFailed)) throw error;
    await authority.reload();
    return inTurn(authority, () => attemptAgain(authority, attempt, 2));
  }
}

async function attemptAgain<T>(authority: Authority, attempt: () => Promise<T>, first: number): Promise<T> {
  for (let tries = first; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof GuardFailed)) throw error;
      if (tries >= decisionsMax) {
        throw new Failure(
          'conflict',
          'It changed while it was being used, several times. Try again in a moment.',
          { cause: error },
        );
      }
      await authority.reload();
    }
  }
}

const turns = new WeakMap<Authority, Promise<unknown>>();

/**
 * One after the other: changes of the policy, each of which would make the next one's decision void, and requests that
 * met such a change.
 */
function inTurn<T>(authority: Authority, act: () => Promise<T>): Promise<T> {
  const mine = (turns.get(authority) ?? Promise.resolve()).then(act);
  turns.set(
    authority,
    mine.catch(() => undefined),
  );
  return mine;
}

function contextOf<Params, Query, Body>(
  authority: Authority,
  asked: { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly decided: Decided },
): Context<Params, Query, Body> {
  const { request, reply, decided } = asked;
  return {
    caller: callerOf(request),
    decision: decided.decision,
    isStillAllowed: () => isStillAllowed(authority, request, decided),
    get project() {
      return projectOf(authority, request);
    },
    params: request.params as Params,
    query: request.query as Query,
    body: request.body as Body,
    guard: authority.guard(decided.decision),
    request,
    reply,
  };
}

/** An answer without a body. */
const nothing = z.null();

function schemaOf(
  definition: Pick<
    RouteDefinition<z.ZodType | undefined, z.ZodType | undefined, z.ZodType | undefined>,
    'summary' | 'tag' | 'params' | 'query' | 'body' | 'answers' | 'permission'
  >,
) {
  const response = Object.fromEntries(
    Object.entries(definition.answers).map(([status, schema]) => [status, schema ?? nothing]),
  );
  return {
    summary: definition.summary,
    description: `Needs \`${definition.permission}\`.`,
    tags: [definition.tag],
    security: [{ bearer: [] }],
    ...(definition.params === undefined ? {} : { params: definition.params }),
    ...(definition.query === undefined ? {} : { querystring: definition.query }),
    ...(definition.body === undefined ? {} : { body: definition.body }),
    response,
  };
}

function projectOf(authority: Authority, request: FastifyRequest): ProjectRecord {
  const reference = (request.params as Record<string, string>)['project'] ?? '';
  const project = findProject(authority.policy(), reference);
  if (project === null) throw nothingThere(request);
  return project;
}
