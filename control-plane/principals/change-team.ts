// Makes and deletes teams, and says who is in them. Joining a team is getting all that it has, so that nobody lets
// somebody into a team that has more than they do themselves.
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { teamDepthMax } from '../../protocol/limits-authority.ts';
import { deleteBindingsOf } from '../authority/binding-store.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { bindingsOf } from '../authority/cover.ts';
import { demandCoverOf, demandLifting } from '../authority/demand-cover.ts';
import { demandOwner } from '../authority/owners.ts';
import type { Policy, PrincipalRecord } from '../authority/policy.ts';
import { bumpPolicy } from '../authority/store.ts';
import type { DecideDeps } from '../http/decide.ts';
import type { PrincipalsTable } from '../store/schema.ts';
import { readPrincipal } from './read.ts';
import { disablePrincipal, insertPrincipal } from './store.ts';
import { deleteMember, deleteMemberships, insertMember } from './team-store.ts';

type Deps = ChangeDeps & DecideDeps;

interface Membership {
  readonly team: PrincipalRecord;
  readonly member: PrincipalRecord;
}

/** Throws `name_taken`: people, services and teams share their names. */
export async function createTeam(
  deps: Deps,
  context: ChangeContext,
  body: { readonly name: string },
): Promise<PrincipalsTable> {
  const id = randomUUIDv7();
  const policy = deps.authority.policy();
  const { id: organization } = policy.organization;
  await commitChange(deps, context, {
    operation: 'team.create',
    resource: `teams/${id}`,
    details: { after: { name: body.name } },
    steps: [
      insertPrincipal(deps.store, { id, organization, kind: 'team', name: body.name }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return readPrincipal(deps, id);
}

/** Its bindings and memberships go; the record keeps its name. Throws `last_owner`, and `forbidden` as leaving does. */
export async function removeTeam(deps: Deps, context: ChangeContext, team: PrincipalRecord): Promise<void> {
  const policy = deps.authority.policy();
  demandOwner(policy, { principal: team.id });
  await demandLifting(deps, context, bindingsOf(policy, team.id, deps.authority.now()));
  await commitChange(deps, context, {
    operation: 'team.delete',
    resource: `teams/${team.id}`,
    details: { before: { name: team.name } },
    steps: [
      deleteBindingsOf(deps.store, team.id),
      deleteMemberships(deps.store, team.id),
      disablePrincipal(deps.store, team.id),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
}

/**
 * Throws `cycle`, `too_deep`, `last_owner` where nobody would own the organization under what is denied to the team, and
 * `forbidden` where the team has what the caller does not hold. Again changes nothing.
 */
export async function addMember(deps: Deps, context: ChangeContext, membership: Membership): Promise<void> {
  const { team, member } = membership;
  const policy = deps.authority.policy();
  if ((policy.teamsOf.get(member.id) ?? []).includes(team.id)) return;
  if (member.kind === 'team') {
    refuseCycle(policy, membership);
    refuseTooDeep(policy, membership);
  }
  if (member.kind === 'agent') throw new Failure('conflict', 'An agent is in no team.');
  const bindings = bindingsOf(policy, team.id, deps.authority.now());
  if (bindings.some(({ effect }) => effect === 'deny'))
    demandOwner(policy, { joins: { team: team.id, member: member.id } });
  await demandCoverOf(deps, context, {
    bindings: bindings.filter(({ effect }) => effect === 'allow'),
    why: `You cannot let somebody into ${team.name}, which has more than you hold.`,
  });
  await commitChange(deps, context, {
    operation: 'team.add',
    resource: `teams/${team.id}`,
    details: { after: { team: team.name, member: member.name } },
    steps: [
      insertMember(deps.store, { team: team.id, member: member.id, source: '' }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
}

/** Throws `not_found`, `last_owner`, and `forbidden` where leaving would shed a denial of what the caller lacks. */
export async function removeMember(
  deps: Deps,
  context: ChangeContext,
  { team, member }: Membership,
): Promise<void> {
  const policy = deps.authority.policy();
  if (!(policy.teamsOf.get(member.id) ?? []).includes(team.id)) {
    throw new Failure('not_found', `${member.name} is not a direct member of ${team.name}.`);
  }
  demandOwner(policy, { member: { team: team.id, member: member.id } });
  await demandLifting(deps, context, bindingsOf(policy, team.id, deps.authority.now()));
  await commitChange(deps, context, {
    operation: 'team.remove',
    resource: `teams/${team.id}`,
    details: { before: { team: team.name, member: member.name } },
    steps: [deleteMember(deps.store, { team: team.id, member: member.id }), bumpPolicy(deps.store, policy)],
  });
  await deps.authority.reload();
}

function refuseCycle(policy: Policy, { team, member }: Membership): void {
  const around = [team.id];
  const seen = new Set<string>();
  for (let at = around.pop(); at !== undefined; at = around.pop()) {
    if (at === member.id) throw new Failure('cycle', `The team ${member.name} cannot be in itself.`);
    if (!seen.has(at)) around.push(...(policy.teamsOf.get(at) ?? []));
    seen.add(at);
  }
}

/** The longest way from a person to a team, over the new step, stays within what a decision follows. */
function refuseTooDeep(policy: Policy, { team, member }: Membership): void {
  const depth = 1 + heightOf(policy, member.id) + 1 + depthOf(policy, team.id);
  if (depth > teamDepthMax) {
    throw new Failure('too_deep', `Teams may be nested ${teamDepthMax} deep.`);
  }
}

/** How many teams lie around it, on the longest way. */
function depthOf(policy: Policy, team: string): number {
  return Math.max(0, ...(policy.teamsOf.get(team) ?? []).map((around) => 1 + depthOf(policy, around)));
}

/** How many teams lie in it, on the longest way. */
function heightOf(policy: Policy, team: string): number {
  const inside = [...policy.teamsOf]
    .filter(([id, teams]) => teams.includes(team) && policy.principals.get(id)?.kind === 'team')
    .map(([id]) => id);
  return Math.max(0, ...inside.map((id) => 1 + heightOf(policy, id)));
}
