// The choke point: takes principal, permission and resource path and returns a decision with its trace.
// Deny by default; effective right = live bindings ∩ what the credential allows ∩ where it is confined to ∩ whether it
// is elevated. Pure, so that it can be tested against a slow oracle, and nothing else in the control plane decides.
import type {
  BindingOutcome,
  Considered,
  DecisionReason,
  DecisionTrace,
} from '../../protocol/api/authority.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { delegationDepthMax } from '../../protocol/limits-authority.ts';
import {
  isReading,
  permissionsOfRuns,
  permissionsWithInputs,
  sensitivePermissions,
} from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { Caller } from './caller.ts';
import { failingInput, mayHold } from './conditions.ts';
import type { KnownInputs } from './conditions.ts';
import { isWithin, levelOf, levelsOf, pathOf, projectLevel } from './level.ts';
import type { ResourcePath } from './level.ts';
import type { Policy, PrincipalRecord } from './policy.ts';
import { isInForce, reachOf } from './reach.ts';
import type { Held } from './reach.ts';

export type { ResourcePath } from './level.ts';

export interface Question {
  readonly id: string;
  /** Epoch ms; what is bound for a time is judged by it. */
  readonly at: number;
  readonly caller: Caller;
  readonly permission: Permission;
  readonly resource: ResourcePath;
  /** Left out where there are none: then no condition holds. */
  readonly inputs?: KnownInputs;
}

export interface Decision extends Omit<DecisionTrace, 'asked'> {
  /**
   * False where the caller may not even learn that the resource exists; the answer is 404 then. That there is an
   * organization is no news to any of its principals.
   */
  readonly visible: boolean;
  /** False where the inputs of the run may change it: whoever asked with `later` must ask again with the inputs. */
  readonly settled: boolean;
  /** What was asked, and of which policy. */
  readonly question: Question;
  readonly policy: Policy;
}

/** Decides one question on one policy. Never throws, never reads a clock. */
export function authorize(policy: Policy, question: Question): Decision {
  const { caller, permission, resource } = question;
  const levels = levelsOf(policy, resource);
  const own = judge(policy, question, { principal: caller.principal, levels });
  const first = reasonOf(policy, question, own);
  const actor = first === 'allowed' ? judgeActor(policy, question, levels) : null;
  const reason = actor !== null && actor.reason !== 'allowed' ? 'actor_lacks' : first;
  return {
    id: question.id,
    at: question.at,
    allowed: reason === 'allowed',
    permission,
    principal: caller.principal.id,
    resource: pathOf(resource),
    reason,
    considered: own.considered,
    matched: own.matched?.binding.id ?? null,
    policy_revision: policy.revision,
    visible: isVisible(policy, question, { reason, own }),
    settled: own.settled && (actor === null || actor.settled),
    question,
    policy,
    ...(actor === null
      ? {}
      : { actor: { principal: actor.principal, reason: actor.reason, considered: actor.considered } }),
  };
}

interface Judged {
  readonly considered: Considered[];
  readonly matched: Held | null;
  readonly denies: boolean;
  /** Outcomes of allowing bindings whose role lists the permission and that give it all the same not. */
  readonly missed: BindingOutcome | null;
  readonly settled: boolean;
  /** Whether any allowing binding in force reaches the resource, whatever it gives. */
  readonly reached: boolean;
}

/** Looks at every binding of one principal that reaches the resource. */
function judge(
  policy: Policy,
  question: Question,
  asked: { readonly principal: PrincipalRecord; readonly levels: readonly string[] },
): Judged {
  // Nothing is ever bound to a run, and there are too many of them to remember what each can reach.
  const byLevel = asked.principal.kind === 'run' ? noLevels : reachOf(policy, asked.principal.id).byLevel;
  const considered: Considered[] = [];
  let matched: Held | null = null;
  let certain = false;
  let denies = false;
  let depends = false;
  let missed: BindingOutcome | null = null;
  let reached = false;
  for (const level of asked.levels) {
    for (const held of byLevel.get(level) ?? nothing) {
      const { binding } = held;
      const { outcome, input } = outcomeOf(question, held);
      considered.push(tracedAs(held, outcome, input));
      if (binding.effect === 'deny') {
        if (outcome === 'denies') denies = true;
        if (outcome === 'depends') depends = true;
        continue;
      }
      reached ||= isInForce(binding, question.at);
      if (outcome === 'grants' || outcome === 'depends') {
        if (matched === null || (outcome === 'grants' && !certain)) matched = held;
        if (outcome === 'grants') certain = true;
      } else if (outcome !== 'lacks') {
        missed = missed === 'condition' ? missed : outcome;
      }
    }
  }
  const settled = denies || (!depends && (certain || matched === null));
  return { considered, matched, denies, missed, settled, reached };
}

const nothing: readonly Held[] = [];
const noLevels: ReadonlyMap<string, readonly Held[]> = new Map();

function tracedAs({ binding, role, via }: Held, outcome: BindingOutcome, input: string | null): Considered {
  const traced = {
    binding: binding.id,
    role,
    level: binding.level === '' ? 'organization' : binding.level,
    grants: outcome === 'grants',
    effect: binding.effect,
    outcome,
    via: [...via],
  };
  return input === null ? traced : { ...traced, input };
}

interface Outcome {
  readonly outcome: BindingOutcome;
  /** The input on which a condition failed. */
  readonly input: string | null;
}

const outcomes = Object.fromEntries(
  (['grants', 'denies', 'lacks', 'not_yet', 'expired', 'depends'] as const).map((outcome) => [
    outcome,
    { outcome, input: null },
  ]),
) as Readonly<Record<Exclude<BindingOutcome, 'condition'>, Outcome>>;

function outcomeOf({ permission, at, inputs }: Question, { binding, permissions }: Held): Outcome {
  if (!permissions.has(permission)) return outcomes.lacks;
  if (binding.notBefore !== null && at < binding.notBefore) return outcomes.not_yet;
  if (binding.notAfter !== null && at >= binding.notAfter) return outcomes.expired;
  const { conditions, effect } = binding;
  if (conditions.length === 0) return effect === 'deny' ? outcomes.denies : outcomes.grants;
  if (!permissionsWithInputs.includes(permission)) {
    // Under conditions on inputs there is nothing to do without inputs but to look.
    return effect === 'allow' && isReading(permission) ? outcomes.grants : outcomes.lacks;
  }
  if (inputs === 'later') return outcomes.depends;
  if (effect === 'deny') return mayHold(conditions, inputs ?? noInputs) ? outcomes.denies : outcomes.lacks;
  const input = failingInput(conditions, inputs ?? noInputs);
  return input === null ? outcomes.grants : { outcome: 'condition', input };
}

const noInputs: ReadonlyMap<string, JsonValue> = new Map();

function reasonOf(policy: Policy, question: Question, own: Judged): DecisionReason {
  const { caller, permission, resource } = question;
  const { organization } = policy;
  const everybody = [caller.principal, ...caller.actors];
  if (
    resource.organization !== organization.id ||
    everybody.some((each) => each.organization !== organization.id)
  ) {
    return 'other_organization';
  }
  if (caller.actors.length > delegationDepthMax) return 'delegation_too_deep';
  if (everybody.some(({ disabled }) => disabled)) return 'principal_disabled';
  if (own.denies) return 'denied';
  const isMine = isOwn(question);
  if (own.matched === null && !isMine) {
    if (own.missed === null) return 'no_binding';
    return own.missed === 'condition' ? 'condition' : 'not_in_force';
  }
  const { credential } = caller;
  if (credential === null) return 'allowed';
  if (!isConfinedTo(policy, question)) return 'confined';
  if (credential.permissions !== null && !credential.permissions.has(permission)) return 'token_scope';
  // A personal token counts as elevated for as long as it lives: made by an ordinary session it would be the way around.
  const isHarmless = isMine && permission !== 'iam.token.create';
  if (!credential.elevated && !isHarmless && sensitivePermissions.has(permission)) return 'elevation_needed';
  return 'allowed';
}

/** What every principal may do with itself, without any binding: see who it is, keep its own tokens, ask for access. */
export const ownPermissions: readonly Permission[] = [
  'iam.token.create',
  'iam.token.read',
  'iam.token.revoke',
  'iam.session.read',
  'iam.session.end',
  'iam.support.request',
];

function isOwn({ caller, permission, resource }: Question): boolean {
  if (caller.principal.kind === 'run') {
    return permissionsOfRuns.has(permission) && resource.thing === thingOfRun(caller.principal.id);
  }
  if (permission === 'iam.self.read') return true;
  const isMe = resource.project === null && resource.thing === thingOfPrincipal(caller.principal.id);
  return isMe && ownPermissions.includes(permission);
}

/** The resource of a run, in its project. */
export function thingOfRun(id: string): string {
  return `runs/${id}`;
}

/** The resource below the organization that stands for a principal. */
export function thingOfPrincipal(id: string): string {
  return `principals/${id}`;
}

/** Who one is may be asked from anywhere; all else only where the credential reaches. */
function isConfinedTo(policy: Policy, { caller, permission, resource }: Question): boolean {
  const within = caller.credential?.within ?? null;
  if (within === null || permission === 'iam.self.read') return true;
  if (within.organization !== resource.organization) return false;
  const top = levelOf(within);
  if (within.project === null && within.thing !== null) return resource.thing === within.thing;
  const own = levelOf(resource);
  if (isWithin(policy, own, top)) return true;
  const { project } = resource;
  if (project === null) return false;
  return (resource.above ?? []).some((each) => isWithin(policy, `${projectLevel(project)}/${each}`, top));
}

/**
 * Whoever acts for somebody needs the right itself too where something changes (RFC 8693 asks for the nearest one).
 * Not for a run: nobody but a run reports, and that whoever pressed may still start it was asked of its token.
 */
function judgeActor(
  policy: Policy,
  question: Question,
  levels: readonly string[],
): (Judged & { readonly principal: string; readonly reason: DecisionReason }) | null {
  const [principal] = question.caller.actors;
  if (principal === undefined || isReading(question.permission)) return null;
  if (question.caller.principal.kind === 'run') return null;
  const asked = { ...question, caller: { principal, credential: null, actors: [] } };
  const judged = judge(policy, asked, { principal, levels });
  return { ...judged, principal: principal.id, reason: reasonOf(policy, asked, judged) };
}

function isVisible(
  policy: Policy,
  question: Question,
  { reason, own }: { readonly reason: DecisionReason; readonly own: Judged },
): boolean {
  const { caller, resource, at } = question;
  if (reason === 'other_organization') return false;
  const { project, thing, folder } = resource;
  if (project === null && folder === undefined) return true;
  if (caller.principal.kind === 'run') return thing === thingOfRun(caller.principal.id);
  // Where a credential does not reach, it learns nothing, whatever else is missing there.
  if (!isConfinedTo(policy, question)) return false;
  if (own.reached) return true;
  if (project === null) return false;
  const inside = thing === null ? reachOf(policy, caller.principal.id).projects.get(project) : undefined;
  return inside?.some((binding) => isInForce(binding, at)) ?? false;
}
