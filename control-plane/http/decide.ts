// The choke point of the HTTP API: one decision for each request, written down where it is a denial, and answered
// so that nobody learns of a thing that they may not see.
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import { elevatedAcr } from '../../protocol/api/authority.ts';
import { elevationMsMax } from '../../protocol/limits-authority.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { Authority } from '../authority/authority.ts';
import type { Decision, ResourcePath } from '../authority/authorize.ts';
import type { KnownInputs } from '../authority/conditions.ts';
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
  readonly inputs?: KnownInputs;
}

/** The inputs of the run that a request is about; `later` where its handler decides again as soon as it knows them. */
export type InputsOf = 'later' | ((request: RouteRequest) => Promise<KnownInputs | null>);

/** What allows the request, and where. Throws `forbidden`, or `not_found` where the caller may see nothing there. */
export async function decideRequest(
  deps: DecideDeps,
  asked: { readonly permission: Permission; readonly resource?: ResourceOf; readonly inputs?: InputsOf },
  request: FastifyRequest,
): Promise<Decided> {
  const { authority } = deps;
  const asking: RouteRequest = {
    caller: callerOf(request),
    authority,
    params: (request.params ?? {}) as Record<string, string>,
    query: (request.query ?? {}) as Record<string, unknown>,
    body: request.body,
  };
  const resource = await (asked.resource ?? resourceOfPath)(asking);
  if (resource === null) throw nothingThere(request);
  const inputs = typeof asked.inputs === 'function' ? await asked.inputs(asking) : asked.inputs;
  const given = inputs === undefined || inputs === null ? {} : { inputs };
  const decision = await demand(deps, request, { permission: asked.permission, resource, ...given });
  return { decision, resource, ...given };
}

/** Whether what was decided is still allowed, for answers that go on for long. Nothing is written down. */
export async function isStillAllowed(
  authority: Authority,
  request: FastifyRequest,
  { decision, resource, inputs }: Decided,
): Promise<boolean> {
  try {
    const caller = await authority.authenticate(presentedBy(request));
    return authority.decide(caller, decision.permission as Permission, resource, inputs).allowed;
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
  asked: {
    readonly permission: Permission;
    readonly resource: ResourcePath;
    readonly inputs?: KnownInputs;
    readonly why?: string;
  },
): Promise<Decision> {
  // Who asks is looked up again: a token may have been revoked since the first byte of the request came in.
  const caller = await deps.authority.authenticate(presentedBy(request));
  setCaller(request, caller);
  const decision = deps.authority.decide(caller, asked.permission, asked.resource, asked.inputs);
  if (decision.allowed) return decision;
  await deps.denied(decision, caller, request);
  if (!decision.visible) throw nothingThere(request);
  throw denialOf(decision, asked.why);
}

/** What the caller is told: what was needed and where, and how to go on. The trace is for those who may see it. */
function denialOf(decision: Decision, why: string | undefined): Failure {
  const { id, permission, reason } = decision;
  const where = decision.resource.join('/');
  const details = { decision: id, permission, reason };
  if (reason === 'elevation_needed') {
    return new Failure(
      'elevation_needed',
      `${permission} on ${where} needs somebody who has just shown who they are. Elevate this session, then repeat.`,
      { details: { ...details, acr_values: elevatedAcr, max_age: elevationMsMax / 1_000 } },
    );
  }
  return new Failure(
    'forbidden',
    `${why === undefined ? '' : `${why} `}You need ${permission} on ${where}. ` +
      'Ask someone who can make bindings, and name the decision to them.',
    { details },
  );
}

/** The project in `:project` where the path has one, with the action or group in it; else the organization. */
const resourceOfPath: ResourceOf = async ({ authority, params }) => {
  const organization = authority.policy().organization.id;
  if (params['project'] === undefined) return { organization, project: null, thing: null };
  const project = findProject(authority.policy(), params['project']);
  if (project === null) return null;
  const resource = { organization: project.organization, project: project.id, thing: null };
  for (const [key, kind] of thingsOfPaths) {
    const reference = params[key];
    if (reference === undefined) continue;
    const found = await authority.things().locate(kind, { project: project.id, reference });
    // Whoever may do it in the whole project is told by the route that there is no such thing; nobody else learns it.
    return found === null
      ? { ...resource, thing: `${kind}/${reference}` }
      : { ...resource, thing: found.thing, above: found.above };
  }
  return resource;
};

const thingsOfPaths = [
  ['action', 'actions'],
  ['group', 'groups'],
  ['application', 'applications'],
] as const;

export function nothingThere(request: FastifyRequest): Failure {
  return new Failure('not_found', `There is nothing at ${request.url.split('?')[0] ?? ''} that you may see.`);
}
