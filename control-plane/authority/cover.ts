// Nobody hands on what they lack: whether somebody holds all of what a binding would give, where it would give it, under
// no more conditions and for no less time. Pure.
import type { Condition } from '../../protocol/api/authority.ts';
import { delegationDepthMax } from '../../protocol/limits-authority.ts';
import { isReading, permissionsWithInputs } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';
import { authorize } from './authorize.ts';
import type { Caller } from './caller.ts';
import { impliedBy } from './conditions.ts';
import { isWithin, levelOf, levelsOf, resourceAt } from './level.ts';
import type { ResourcePath } from './level.ts';
import type { BindingRecord, Policy, PrincipalRecord } from './policy.ts';
import { isInForce, reachOf, teamsOf } from './reach.ts';

/** What somebody would get, at one level. */
export interface Given {
  readonly permissions: Iterable<Permission>;
  readonly level: string;
  readonly conditions: readonly Condition[];
  /** Epoch ms; null for what does not end. */
  readonly notAfter: number | null;
}

export interface Lacked {
  readonly permission: Permission;
  readonly resource: ResourcePath;
}

/** The first permission that the caller lacks there, or null where they hold all of it at least as freely. */
export function lackedOf(policy: Policy, caller: Caller, given: Given, at: number): Lacked | null {
  const resource = resourceAt(policy.organization.id, given.level);
  for (const permission of given.permissions) {
    if (!isGivenUnder(given.conditions, permission)) continue;
    if (!holdsFreely(policy, { caller, permission, resource, at }, given)) return { permission, resource };
  }
  return null;
}

/** What a binding gives: with conditions on inputs only what is judged with them, and looking. */
export function isGivenUnder(conditions: readonly Condition[], permission: Permission): boolean {
  return conditions.length === 0 || isReading(permission) || permissionsWithInputs.includes(permission);
}

function holdsFreely(
  policy: Policy,
  asked: {
    readonly caller: Caller;
    readonly permission: Permission;
    readonly resource: ResourcePath;
    readonly at: number;
  },
  given: Given,
): boolean {
  const { caller, permission, resource, at } = asked;
  // With `later` the conditions of what the caller holds do not count yet; they are compared below.
  const decision = authorize(policy, { id: '', at, caller, permission, resource, inputs: 'later' });
  if (!decision.allowed) return false;
  const holders = [caller.principal, ...caller.actors.slice(0, isReading(permission) ? 0 : 1)];
  return holders.every(
    ({ id }) => hasFreeBinding(policy, id, asked, given) && !isDeniedInside(policy, id, asked),
  );
}

/** One binding alone has to be as free as what is given; two halves do not make a whole. */
function hasFreeBinding(
  policy: Policy,
  principal: string,
  {
    permission,
    resource,
    at,
  }: { readonly permission: Permission; readonly resource: ResourcePath; readonly at: number },
  given: Given,
): boolean {
  if (permission === 'iam.self.read') return true;
  const { byLevel } = reachOf(policy, principal);
  return levelsOf(policy, resource).some((level) =>
    (byLevel.get(level) ?? []).some(({ binding, permissions }) => {
      if (binding.effect === 'deny' || !permissions.has(permission)) return false;
      if (!isInForce(binding, at) || !outlasts(binding.notAfter, given.notAfter)) return false;
      if (!permissionsWithInputs.includes(permission)) return isGivenUnder(binding.conditions, permission);
      return impliedBy(binding.conditions, given.conditions);
    }),
  );
}

/** A denial at the level, under whatever condition, or anywhere below it: what was denied there cannot be given there. */
function isDeniedInside(
  policy: Policy,
  principal: string,
  {
    permission,
    resource,
    at,
  }: { readonly permission: Permission; readonly resource: ResourcePath; readonly at: number },
): boolean {
  const level = levelOf(resource);
  const above = new Set(levelsOf(policy, resource));
  for (const [where, list] of reachOf(policy, principal).byLevel) {
    if (!above.has(where) && !isWithin(policy, where, level) && !mayBelongTogether(where, level)) continue;
    const denied = list.some(
      ({ binding, permissions }) =>
        binding.effect === 'deny' &&
        permissions.has(permission) &&
        (binding.notAfter === null || at < binding.notAfter) &&
        isGivenUnder(binding.conditions, permission),
    );
    if (denied) return true;
  }
  return false;
}

/** An action and a group of one project: the policy does not know whether the action points to that group. */
function mayBelongTogether(one: string, other: string): boolean {
  const [kind, project, thing] = one.split('/');
  const [otherKind, otherProject, otherThing] = other.split('/');
  if (kind !== 'projects' || otherKind !== 'projects' || project !== otherProject) return false;
  return thing !== undefined && otherThing !== undefined && thing !== otherThing;
}

function outlasts(holds: number | null, given: number | null): boolean {
  return holds === null || (given !== null && given <= holds);
}

/** What a binding that exists gives to whoever has it. */
export function givenBy(policy: Policy, binding: BindingRecord): Given {
  const { role, level, conditions, notAfter } = binding;
  return { permissions: policy.roles.get(role)?.permissions ?? [], level, conditions, notAfter };
}

/** All bindings of a principal that have not ended, its own and through its teams. */
export function bindingsOf(policy: Policy, principal: string, at: number): readonly BindingRecord[] {
  const subjects = [principal, ...teamsOf(policy, principal).map(({ id }) => id)];
  return subjects
    .flatMap((id) => policy.bindingsByPrincipal.get(id) ?? [])
    .filter(({ notAfter }) => notAfter === null || at < notAfter);
}

/**
 * The first right that `principal` has and the caller lacks, or null. Acting as somebody asks for all that they have;
 * what is denied to them is not taken off, so that it asks for rather too much than too little.
 */
export function exceeds(policy: Policy, caller: Caller, principal: string, at: number): Lacked | null {
  for (const binding of bindingsOf(policy, principal, at)) {
    if (binding.effect === 'deny') continue;
    const lacked = lackedOf(policy, caller, givenBy(policy, binding), at);
    if (lacked !== null) return lacked;
  }
  return null;
}

export type Impersonation =
  | { readonly allowed: true }
  | {
      readonly allowed: false;
      readonly reason:
        'other_organization' | 'principal_disabled' | 'delegation_too_deep' | 'not_permitted' | 'exceeds';
      /** What the actor lacks, where that is the reason. */
      readonly lacked: Lacked | null;
    };

/**
 * Whether `actor` may have a token that acts for `subject` (RFC 8693). `granted` where the subject has agreed in the
 * token itself (`may_act`); otherwise the actor needs `iam.principal.impersonate` on the organization. In both cases the
 * actor must hold everything that the subject holds, and the chain stays within its depth. Pure.
 */
export function mayImpersonate(
  policy: Policy,
  asked: {
    readonly actor: Caller;
    readonly subject: PrincipalRecord;
    readonly granted: boolean;
    readonly at: number;
  },
): Impersonation {
  const { actor, subject, granted, at } = asked;
  const no = (reason: Exclude<Impersonation, { allowed: true }>['reason'], lacked: Lacked | null = null) =>
    ({ allowed: false, reason, lacked }) as const;
  const { id: organization } = policy.organization;
  if (subject.organization !== organization || actor.principal.organization !== organization) {
    return no('other_organization');
  }
  if (subject.disabled || actor.principal.disabled) return no('principal_disabled');
  if (actor.actors.length + 1 > delegationDepthMax) return no('delegation_too_deep');
  if (!granted) {
    const resource = resourceAt(organization, '');
    const permission = 'iam.principal.impersonate';
    if (!authorize(policy, { id: '', at, caller: actor, permission, resource }).allowed) {
      return no('not_permitted', { permission, resource });
    }
  }
  const lacked = exceeds(policy, actor, subject.id, at);
  return lacked === null ? { allowed: true } : no('exceeds', lacked);
}
