// Finds principals, roles and folders by id or name, or says what there is not.
import { Failure } from '../../protocol/failures.ts';
import { selfReference } from '../../protocol/ids.ts';
import type { Caller } from './caller.ts';
import { findFolder, findRole } from './policy.ts';
import type { FolderRecord, Policy, PrincipalRecord, RoleRecord } from './policy.ts';

/** The principal of that id or name, or null. An id wins where a name looks like one. */
export function principalNamed(policy: Policy, reference: string): PrincipalRecord | null {
  return policy.principals.get(reference) ?? policy.principalsByName.get(reference) ?? null;
}

/** By id or name; `self` is the caller, where one is given. Throws `not_found`. */
export function findPrincipal(policy: Policy, reference: string, caller?: Caller): PrincipalRecord {
  if (reference === selfReference && caller !== undefined) return caller.principal;
  const found = principalNamed(policy, reference);
  if (found === null) throw new Failure('not_found', `There is no principal ${reference}.`);
  return found;
}

/** Throws `not_found` for what is no team, or was deleted. */
export function mustFindTeam(policy: Policy, reference: string): PrincipalRecord {
  const team = principalNamed(policy, reference);
  if (team?.kind !== 'team' || team.disabled) {
    throw new Failure('not_found', `There is no team ${reference}; \`wayside team list\` shows them.`);
  }
  return team;
}

/** Throws `invalid_request`: a role is named in a body. */
export function mustFindRole(policy: Policy, reference: string): RoleRecord {
  const role = findRole(policy, reference);
  if (role === null) {
    throw new Failure('invalid_request', `There is no role ${reference}; \`wayside role list\` shows them.`);
  }
  return role;
}

/** Throws `not_found`. */
export function mustFindFolder(policy: Policy, reference: string): FolderRecord {
  const folder = findFolder(policy, reference);
  if (folder === null) {
    throw new Failure('not_found', `There is no folder ${reference}; \`wayside folder list\` shows them.`);
  }
  return folder;
}
