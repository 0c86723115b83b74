// The policy as one immutable value in memory: who exists, which tokens are good, who has which role where.
// Every decision names the revision it was made on, and a write that relies on it carries that revision as a guard.
import type { Condition, PrincipalKind } from '../../protocol/api/authority.ts';
import type { Permission } from '../../protocol/permissions.ts';

export interface PrincipalRecord {
  readonly id: string;
  readonly organization: string;
  readonly name: string;
  /** A run is a principal while it goes on: it is in no policy, and nothing is bound to it. */
  readonly kind: PrincipalKind | 'run';
  readonly disabled: boolean;
}

export interface TokenRecord {
  readonly id: string;
  readonly principal: string;
  readonly name: string;
  /** SHA-256 of the whole token, hex. */
  readonly hash: string;
  readonly permissions: ReadonlySet<Permission> | null;
  readonly expiresAt: number | null;
  readonly revoked: boolean;
}

export interface RoleRecord {
  /** The name of a built-in role, the id of another. */
  readonly id: string;
  readonly name: string;
  readonly builtIn: boolean;
  readonly permissions: ReadonlySet<Permission>;
  /** Counts the changes of it; 1 for ever for a built-in one. */
  readonly version: number;
}

export interface BindingRecord {
  readonly id: string;
  readonly principal: string;
  /** Key of `Policy.roles`. */
  readonly role: string;
  readonly effect: 'allow' | 'deny';
  /** Path of ids below the organization, '' for the organization itself; see level.ts. */
  readonly level: string;
  readonly conditions: readonly Condition[];
  /** Epoch ms; in force from `notBefore` up to `notAfter`, not including it. */
  readonly notBefore: number | null;
  readonly notAfter: number | null;
  /** The support request that it was made for. */
  readonly support: string | null;
}

export interface FolderRecord {
  readonly id: string;
  readonly name: string;
  /** Null: directly in the organization. */
  readonly parent: string | null;
}

export interface ProjectRecord {
  readonly id: string;
  readonly organization: string;
  readonly name: string;
  /** Null: directly in the organization. */
  readonly folder: string | null;
}

export interface EntitlementRecord {
  readonly name: string;
  /** How many there may be; null where it is not counted. */
  readonly quota: number | null;
  /** Epoch ms; null for what does not end. */
  readonly endsAt: number | null;
  readonly graceMs: number;
  /** Since when there are more than `quota`; null where there are not. */
  readonly exceededAt: number | null;
}

export interface Policy {
  readonly organization: { readonly id: string; readonly name: string };
  readonly revision: number;
  readonly principals: ReadonlyMap<string, PrincipalRecord>;
  readonly principalsByName: ReadonlyMap<string, PrincipalRecord>;
  readonly tokensByHash: ReadonlyMap<string, TokenRecord>;
  /** Built-in ones by name, others by id. */
  readonly roles: ReadonlyMap<string, RoleRecord>;
  /** Those that are made for the principal itself; what comes through teams is in reach.ts. */
  readonly bindingsByPrincipal: ReadonlyMap<string, readonly BindingRecord[]>;
  /** Member to the teams that it is directly in. */
  readonly teamsOf: ReadonlyMap<string, readonly string[]>;
  readonly folders: ReadonlyMap<string, FolderRecord>;
  readonly projects: ReadonlyMap<string, ProjectRecord>;
  readonly projectsByName: ReadonlyMap<string, ProjectRecord>;
  /** Only what is limited. */
  readonly entitlements: ReadonlyMap<string, EntitlementRecord>;
}

/** The project of that id or name, or null. An id wins where a name looks like one. */
export function findProject(policy: Policy, reference: string): ProjectRecord | null {
  return policy.projects.get(reference) ?? policy.projectsByName.get(reference) ?? null;
}

/** The folder of that id or name, or null. */
export function findFolder(policy: Policy, reference: string): FolderRecord | null {
  const byId = policy.folders.get(reference);
  if (byId !== undefined) return byId;
  for (const folder of policy.folders.values()) if (folder.name === reference) return folder;
  return null;
}

/** The role of that name or id, or null. */
export function findRole(policy: Policy, reference: string): RoleRecord | null {
  const byId = policy.roles.get(reference);
  if (byId !== undefined) return byId;
  for (const role of policy.roles.values()) if (role.name === reference) return role;
  return null;
}
