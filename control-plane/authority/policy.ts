// The policy as one immutable value in memory: who exists, which tokens are good, who has which role where.
// Every decision names the revision it was made on, and a write that relies on it carries that revision as a guard.
import type { RoleName } from '../../protocol/api/authority.ts';
import type { Permission } from '../../protocol/permissions.ts';

export interface PrincipalRecord {
  readonly id: string;
  readonly organization: string;
  readonly name: string;
  readonly kind: 'user' | 'service';
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

export interface BindingRecord {
  readonly id: string;
  readonly principal: string;
  readonly role: RoleName;
  /** Null: the whole organization. */
  readonly project: string | null;
}

export interface ProjectRecord {
  readonly id: string;
  readonly organization: string;
  readonly name: string;
}

export interface Policy {
  readonly organization: { readonly id: string; readonly name: string };
  readonly revision: number;
  readonly principals: ReadonlyMap<string, PrincipalRecord>;
  readonly tokensByHash: ReadonlyMap<string, TokenRecord>;
  readonly bindingsByPrincipal: ReadonlyMap<string, readonly BindingRecord[]>;
  readonly projects: ReadonlyMap<string, ProjectRecord>;
  readonly projectsByName: ReadonlyMap<string, ProjectRecord>;
}

/** The project of that id or name, or null. An id wins where a name looks like one. */
export function findProject(policy: Policy, reference: string): ProjectRecord | null {
  return policy.projects.get(reference) ?? policy.projectsByName.get(reference) ?? null;
}
