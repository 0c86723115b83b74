// How a route is declared: what it takes and gives, which permission it needs, on which resource. A route without
// a permission cannot be registered; the choke point runs before the handler sees anything.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { Authority } from '../authority/authority.ts';
import type { Caller, Decision, ResourcePath } from '../authority/authorize.ts';
import { findProject } from '../authority/policy.ts';
import type { ProjectRecord } from '../authority/policy.ts';
import { decisionsMax } from '../../protocol/limits.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step } from '../store/store.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    permission?: Permission | 'public';
  }
}

/** Where the check is made; null answers 404. A route about a run looks its project up here. */
export type ResourceOf = (request: RouteRequest) => Promise<ResourcePath | null> | ResourcePath | null;

interface RouteRequest {
  readonly caller: Caller;
  readonly authority: Authority;
  readonly params: Readonly<Record<string, string>>;
}

/** What a handler gets: everything parsed, the decision made. */
export interface Context<Params, Query, Body> {
  readonly caller: Caller;
  readonly decision: Decision;
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
  /** Default: the project in `:project` where the path has one, else the organization. */
  readonly resource?: ResourceOf;
  /** One sentence for the OpenAPI document. */
  readonly summary: string;
  readonly tag: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** Body schemas by status; 204 and streams have none. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
  readonly handler: (
    context: Context<Shape<Params>, Shape<Query>, Shape<Body>>,
  ) => Promise<Answer | undefined>;
}

export interface RouteDeps {
  readonly authority: Authority;
  /** Writes the denial down, with its trace, before it is answered. */
  readonly denied: (decision: Decision, caller: Caller, request: FastifyRequest) => Promise<void>;
}

/** Registers one route behind authentication and authorization. */
export function route<
  Params extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(app: FastifyInstance, deps: RouteDeps, definition: RouteDefinition<Params, Query, Body>): void {
  app.route({
    method: definition.method,
    url: definition.url,
    config: { permission: definition.permission },
    schema: schemaOf(definition),
    handler: async (request, reply) => {
      const answer = await decideAgainOnConflict(deps, () => handleOnce(deps, definition, request, reply));
      if (answer === undefined) return reply;
      return reply
        .status(answer.status)
        .headers(answer.headers ?? {})
        .send(answer.body);
    },
  });
}

/**
 * What a decision was made on may have moved by the time of its commit; then the guard fails, nothing was written,
 * and the request is decided again on what holds now, `decisionsMax` times at the most.
 */
async function decideAgainOnConflict<T>(deps: RouteDeps, attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof GuardFailed)) throw error;
      if (tries >= decisionsMax) {
        throw new Failure(
          'conflict',
          'It changed while it was being used, several times. Try again in a moment.',
          {
            cause: error,
          },
        );
      }
      await deps.authority.reload();
    }
  }
}

async function handleOnce<
  Params extends z.ZodType | undefined,
  Query extends z.ZodType | undefined,
  Body extends z.ZodType | undefined,
>(
  deps: RouteDeps,
  definition: RouteDefinition<Params, Query, Body>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Answer | undefined> {
  const caller = callerOf(request);
  const decision = await decide(deps, definition, request, caller);
  return definition.handler({
    caller,
    decision,
    get project() {
      return projectOf(deps.authority, request);
    },
    params: request.params as Shape<Params>,
    query: request.query as Shape<Query>,
    body: request.body as Shape<Body>,
    guard: deps.authority.guard(decision),
    request,
    reply,
  });
}

function schemaOf(
  definition: Pick<
    RouteDefinition<z.ZodType | undefined, z.ZodType | undefined, z.ZodType | undefined>,
    'summary' | 'tag' | 'params' | 'query' | 'body' | 'answers' | 'permission'
  >,
) {
  const response: Record<number, z.ZodType> = {};
  for (const [status, schema] of Object.entries(definition.answers)) {
    if (schema !== null) response[Number(status)] = schema;
  }
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

async function decide(
  deps: RouteDeps,
  definition: { readonly permission: Permission; readonly resource?: ResourceOf },
  request: FastifyRequest,
  caller: Caller,
): Promise<Decision> {
  const { authority } = deps;
  const params = (request.params ?? {}) as Record<string, string>;
  const resource = await (definition.resource ?? resourceOfPath)({ caller, authority, params });
  if (resource === null) throw nothingThere(request);
  const decision = authority.decide(caller, definition.permission, resource);
  if (decision.allowed) return decision;
  await deps.denied(decision, caller, request);
  if (!decision.visible) throw nothingThere(request);
  throw new Failure(
    'forbidden',
    `You need ${decision.permission} on ${decision.resource.join('/')}. ` +
      'Ask someone who can make bindings, and name the decision to them.',
    { details: { decision: decision.id, permission: decision.permission, reason: decision.reason } },
  );
}

const resourceOfPath: ResourceOf = ({ authority, params }) => {
  const organization = authority.policy().organization.id;
  if (params['project'] === undefined) return { organization, project: null, thing: null };
  const project = findProject(authority.policy(), params['project']);
  return project === null ? null : { organization: project.organization, project: project.id, thing: null };
};

function projectOf(authority: Authority, request: FastifyRequest): ProjectRecord {
  const reference = (request.params as Record<string, string>)['project'] ?? '';
  const project = findProject(authority.policy(), reference);
  if (project === null) throw nothingThere(request);
  return project;
}

function nothingThere(request: FastifyRequest): Failure {
  return new Failure('not_found', `There is nothing at ${request.url.split('?')[0] ?? ''} that you may see.`);
}

const callers = new WeakMap<FastifyRequest, Caller>();

/** Remembers who asks; only the authentication hook calls it. */
export function setCaller(request: FastifyRequest, caller: Caller): void {
  callers.set(request, caller);
}

export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new Error('a route was reached without authentication');
  return caller;
}
