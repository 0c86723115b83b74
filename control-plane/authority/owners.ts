// The organization never loses its last owner: whether somebody is left who holds everything, for good and without a
// condition. Pure; the guard on the policy's revision makes what it says hold at the commit too.
import { Failure } from '../../protocol/failures.ts';
import { organizationLevel } from './level.ts';
import type { BindingRecord, Policy, PrincipalRecord } from './policy.ts';
import { reachOf } from './reach.ts';

/** What would change, for the question who is left. */
export interface Without {
  /** A binding that is removed. */
  readonly binding?: string;
  /** A principal that is disabled; for a team, its members lose what it gave. */
  readonly principal?: string;
  /** Somebody who leaves a team. */
  readonly member?: { readonly team: string; readonly member: string };
  /** Somebody who comes into a team, and under what is denied to it. */
  readonly joins?: { readonly team: string; readonly member: string };
  /** A denial that is added. */
  readonly denial?: BindingRecord;
}

/** Throws `last_owner` where after the change nobody would be. */
export function demandOwner(policy: Policy, without: Without): void {
  if (stillOwned(policy, without) !== null) return;
  throw new Failure('last_owner', 'Make somebody else an owner of the organization first.');
}

/** The policy after the change, or null where nobody would own the organization any more. */
export function stillOwned(policy: Policy, without: Without): Policy | null {
  const after = changed(policy, without);
  return ownersOf(after).length > 0 ? after : null;
}

function isOwner(policy: Policy, principal: PrincipalRecord): boolean {
  if (principal.disabled || (principal.kind !== 'user' && principal.kind !== 'service')) return false;
  const held = reachOf(policy, principal.id).byLevel.get(organizationLevel) ?? [];
  // Whatever is denied on the whole organization may be what it takes to give it back.
  if (held.some(({ binding }) => binding.effect === 'deny')) return false;
  return held.some(({ binding }) => binding.role === 'owner' && isForGood(binding));
}

function isForGood({ effect, conditions, notBefore, notAfter }: BindingRecord): boolean {
  return effect === 'allow' && conditions.length === 0 && notBefore === null && notAfter === null;
}

function changed(policy: Policy, { binding, principal, member, joins, denial }: Without): Policy {
  const principals = new Map(policy.principals);
  const gone = principal === undefined ? undefined : principals.get(principal);
  if (gone !== undefined) principals.set(gone.id, { ...gone, disabled: true });
  const bindings = new Map(policy.bindingsByPrincipal);
  if (binding !== undefined) {
    for (const [id, list] of bindings) {
      if (list.some((each) => each.id === binding))
        bindings.set(
          id,
          list.filter((each) => each.id !== binding),
        );
    }
  }
  if (denial !== undefined)
    bindings.set(denial.principal, [...(bindings.get(denial.principal) ?? []), denial]);
  const teamsOf = new Map(policy.teamsOf);
  if (member !== undefined) {
    teamsOf.set(
      member.member,
      (teamsOf.get(member.member) ?? []).filter((team) => team !== member.team),
    );
  }
  if (joins !== undefined) {
    teamsOf.set(joins.member, [...(teamsOf.get(joins.member) ?? []), joins.team]);
  }
  return { ...policy, principals, bindingsByPrincipal: bindings, teamsOf };
}

/** The enabled users and services that own the organization for good, by themselves or through a team. */
export function ownersOf(policy: Policy): readonly PrincipalRecord[] {
  return [...policy.principals.values()].filter((principal) => isOwner(policy, principal));
}
