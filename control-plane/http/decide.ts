// The choke point of the HTTP API: one decision for each request, written down where it is a denial, and answered
// so that nobody learns of a thing that they may not see.
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { Authority } from '../authority/authority.ts';
import type { Decision, ResourcePath } from '../authority/authorize.ts';
import type { Caller } from '../authority/caller.ts';
import { findProject } from '../authority/policy.ts';
import { callerOf, presentedBy, setCaller } from './callers.ts';

/** Where the check is made; null answers 404. A route about a run looks its project up here. */
export type ResourceOf = (request: RouteRequest) => Promise<ResourcePath | null> | ResourcePath | null;

/** A request before it was validated: the decision comes first, so query and body may still be anything. */
export interface RouteRequest {
  readonly caller: Caller;
  readonly authority: Authority;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

export interface DecideDeps {
  readonly authority: Authority;
  /** Writes the denial down, with its trace, before it is answered. */
  readonly denied: (decision: Decision, caller: Caller, request: FastifyRequest) => Promise<void>;
}

export interface Decided {
  readonly decision: Decision;
  readonly resource: ResourcePath;
}

/** What allows the request, and where. Throws `forbidden`, or `not_found` where the caller may see nothing there. */
export async function decideRequest(
  deps: DecideDeps,
  asked: { readonly permission: Permission; readonly resource?: ResourceOf },
  request: FastifyRequest,
): Promise<Decided> {
  const { authority } = deps;
  const resource = await (asked.resource ?? resourceOfPath)({
    caller: callerOf(request),
    authority,
    params: (request.params ?? {}) as Record<string, string>,
    query: (request.query ?? {}) as Record<string, unknown>,
    body: request.body,
  });
  if (resource === null) throw nothingThere(request);
  return { decision: await demand(deps, request, { permission: asked.permission, resource }), resource };
}

/** Whether what was decided is still allowed, for answers that go on for long. Nothing is written down. */
export async function isStillAllowed(
  authority: Authority,
  request: FastifyRequest,
  { decision, resource }: Decided,
): Promise<boolean> {
  try {
    const caller = await authority.authenticate(presentedBy(request));
    return authority.decide(caller, decision.permission as Permission, resource).allowed;
  } catch {
    return false;
  }
}

/**
 * One more decision, for what a route needs beyond its own permission, for instance the rights that somebody hands
 * on. `why` opens the sentence of a denial.
 */
export async function demand(
  deps: DecideDeps,
  request: FastifyRequest,
  asked: { readonly permission: Permission; readonly resource: ResourcePath; readonly why?: string },
): Promise<Decision> {
  // Who asks is looked up again: a token may have been revoked since the first byte of the request came in.
  const caller = await deps.authority.authenticate(presentedBy(request));
  setCaller(request, caller);
  const decision = deps.authority.decide(caller, asked.permission, asked.resource);
  if (decision.allowed) return decision;
  await deps.denied(decision, caller, request);
  if (!decision.visible) throw nothingThere(request);
  const why = asked.why === undefined ? '' : `${asked.why} `;
  throw new Failure(
    'forbidden',
    `${why}You need ${decision.permission} on ${decision.resource.join('/')}. ` +
      'Ask someone who can make bindings, and name the decision to them.',
    { details: { decision: decision.id, permission: decision.permission, reason: decision.reason } },
  );
}

/** The project in `:project` where the path has one, else the organization. */
const resourceOfPath: ResourceOf = ({ authority, params }) => {
  const organization = authority.policy().organization.id;
  if (params['project'] === undefined) return { organization, project: null, thing: null };
  const project = findProject(authority.policy(), params['project']);
  return project === null ? null : { organization: project.organization, project: project.id, thing: null };
};

export function nothingThere(request: FastifyRequest): Failure {
  return new Failure('not_found', `There is nothing at ${request.url.split('?')[0] ?? ''} that you may see.`);
}
