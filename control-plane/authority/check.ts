// Answers whether a principal may do something, and why: the same decision that a request would meet. One question or
// many, in our own words or in those of AuthZEN.
import type { DecisionTrace } from '../../protocol/api/authority.ts';
import type { CheckOne, Evaluation } from '../../protocol/api/policy.ts';
import { Failure } from '../../protocol/failures.ts';
import { selfReference } from '../../protocol/ids.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { isPermission } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';
import { demand } from '../http/decide.ts';
import type { DecideDeps } from '../http/decide.ts';
import type { Decision } from './authorize.ts';
import { onBehalfOf } from './caller.ts';
import type { Caller } from './caller.ts';
import type { ChangeContext } from './change.ts';
import { findPrincipal, principalNamed } from './find.ts';
import { parseResource } from './parse-level.ts';
import { organizationOf } from './resources.ts';
import { traceOf } from './trace.ts';

type Asking = Pick<ChangeContext, 'caller' | 'request'>;

interface Asked {
  readonly permission: Permission;
  readonly resource: string;
  readonly principal: string | undefined;
  readonly inputs: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Throws `not_found` for a resource that is not there or that the caller, asking for themselves, may not see, so that
 * asking tells nobody what exists, and `forbidden` for a question about somebody else without `iam.decision.explain`.
 */
export async function check(deps: DecideDeps, asking: Asking, question: CheckOne): Promise<DecisionTrace> {
  const asked = askedOf(deps, question);
  const decision = asked === null ? null : await decideAsked(deps, asking, asked);
  if (decision !== null) return traceOf(decision);
  throw notThere('resource' in question ? question.resource : `projects/${question.project_id ?? ''}`);
}

/** The same for many; what the caller may not see comes out as `not_visible`. */
export async function checkAll(
  deps: DecideDeps,
  asking: Asking,
  questions: readonly CheckOne[],
): Promise<DecisionTrace[]> {
  const traces: DecisionTrace[] = [];
  for (const question of questions) {
    const asked = askedOf(deps, question);
    const decision = asked === null ? null : await decideAsked(deps, asking, asked);
    traces.push(decision === null ? unseen(deps, asking, question) : traceOf(decision));
  }
  return traces;
}

function askedOf({ authority }: DecideDeps, question: CheckOne): Asked | null {
  const { principal, inputs } = question;
  if ('permission' in question) {
    return { permission: question.permission, resource: question.resource, principal, inputs };
  }
  const { organization_id: organization, project_id: project, required_permission: permission } = question;
  const { id, name } = authority.policy().organization;
  if (organization !== undefined && organization !== id && organization !== name) return null;
  const resource = project === undefined || project === null ? 'organization' : `projects/${project}`;
  return { permission, resource, principal, inputs };
}

/** Null where there is no such resource, or none that the caller may see. */
async function decideAsked(deps: DecideDeps, asking: Asking, asked: Asked): Promise<Decision | null> {
  const { permission, principal, inputs } = asked;
  const subject = principal === undefined ? asking.caller : await standIn(deps, asking, principal);
  const resource = await parseResource(deps.authority, asked.resource);
  if (resource === null) return null;
  const known =
    inputs === undefined ? undefined : new Map(Object.entries(inputs as Readonly<Record<string, JsonValue>>));
  const decision = deps.authority.decide(subject, permission, resource, known);
  return decision.visible || subject !== asking.caller ? decision : null;
}

/** Asking about somebody else needs the right to have decisions explained. */
async function standIn(deps: DecideDeps, { caller, request }: Asking, reference: string): Promise<Caller> {
  const { id, name } = caller.principal;
  if ([id, name, selfReference].includes(reference)) return caller;
  await demandExplaining(deps, request);
  return onBehalfOf(findPrincipal(deps.authority.policy(), reference));
}

function demandExplaining(deps: DecideDeps, request: Asking['request']): Promise<Decision> {
  return demand(deps, request, {
    permission: 'iam.decision.explain',
    resource: organizationOf(deps.authority.policy()),
    why: 'Asking about somebody else needs more.',
  });
}

function unseen({ authority }: DecideDeps, { caller }: Asking, question: CheckOne): DecisionTrace {
  const permission = 'permission' in question ? question.permission : question.required_permission;
  const at = authority.policy();
  const decision = authority.decide(caller, permission, organizationOf(at));
  const { id, at: when, policy_revision } = decision;
  return {
    id,
    at: when,
    allowed: false,
    permission,
    principal: caller.principal.id,
    resource: [],
    reason: 'not_visible',
    considered: [],
    matched: null,
    policy_revision,
  };
}

export interface Evaluated {
  readonly decision: boolean;
  readonly context: { readonly id: string; readonly reason: string };
}

/**
 * One question of AuthZEN. What is unknown to us, be it an action or a resource, is no error there but `false`; asking
 * about somebody else needs `iam.decision.explain`, as above.
 */
export async function evaluate(deps: DecideDeps, asking: Asking, question: Evaluation): Promise<Evaluated> {
  const { subject, action, resource, context } = question;
  const no = (reason: string): Evaluated => ({ decision: false, context: { id: '', reason } });
  if (!isPermission(action.name)) return no('unknown_action');
  const policy = deps.authority.policy();
  const known = principalNamed(policy, subject.id);
  const isSelf = subject.id === selfReference;
  const inputs = context?.['inputs'];
  const asked = {
    permission: action.name,
    resource: levelOfEvaluation(resource),
    principal: isSelf ? undefined : subject.id,
    inputs: typeof inputs === 'object' && inputs !== null ? (inputs as Record<string, unknown>) : undefined,
  };
  if (!isSelf && known?.kind !== subject.type) {
    // Whether there is such a subject, of whatever type, is told to those only who may ask about it.
    if (known?.id !== asking.caller.principal.id) await demandExplaining(deps, asking.request);
    return no('unknown_subject');
  }
  const decision = await decideAsked(deps, asking, asked);
  return decision === null
    ? no('not_visible')
    : { decision: decision.allowed, context: { id: decision.id, reason: decision.reason } };
}

/** `project` and `folder` with their ids, `action` and the like with `<project>/<id>`, or any level as the id. */
function levelOfEvaluation({ type, id }: Evaluation['resource']): string {
  switch (type) {
    case 'organization':
      return 'organization';
    case 'folder':
    case 'project':
      return `${type}s/${id}`;
    case 'action':
    case 'group':
    case 'application': {
      const [project = '', ...rest] = id.split('/');
      return `projects/${project}/${type}s/${rest.join('/')}`;
    }
    default:
      return id;
  }
}

/** Which of the permissions the caller has on a resource. Throws `not_found`. */
export async function testPermissions(
  deps: DecideDeps,
  { caller }: Asking,
  asked: { readonly resource: string; readonly permissions: readonly Permission[] },
): Promise<{
  readonly permissions: Permission[];
  readonly with_inputs: Permission[];
  readonly with_elevation: Permission[];
}> {
  const resource = await parseResource(deps.authority, asked.resource);
  if (resource === null) throw notThere(asked.resource);
  const decisions = asked.permissions.map((permission) => ({
    permission,
    decision: deps.authority.decide(caller, permission, resource, 'later'),
  }));
  if (decisions.every(({ decision }) => !decision.visible)) throw notThere(asked.resource);
  const those = (which: (decision: Decision) => boolean): Permission[] =>
    decisions.filter(({ decision }) => which(decision)).map(({ permission }) => permission);
  return {
    permissions: those(({ allowed, settled }) => allowed && settled),
    with_inputs: those(({ allowed, settled }) => allowed && !settled),
    with_elevation: those(({ reason }) => reason === 'elevation_needed'),
  };
}

function notThere(text: string): Failure {
  return new Failure(
    'not_found',
    `The resource ${text} is none of organization, folders/<f>, projects/<p>, projects/<p>/<thing> that you may see.`,
  );
}
