// The choke point: takes principal, permission and resource path and returns a decision with its trace.
// Deny by default; effective right = live bindings ∩ what the token allows. Pure, so that it can be tested against
// a slow oracle, and nothing else in the control plane decides.
import type { DecisionTrace } from '../../protocol/api/authority.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { Caller } from './caller.ts';
import type { BindingRecord, Policy } from './policy.ts';
import { roles } from './roles.ts';

/** From the organization down to the thing; `project` and `thing` are null for what lies above them. */
export interface ResourcePath {
  readonly organization: string;
  readonly project: string | null;
  /** For instance `actions/0192…`; the trace shows it, first light's bindings do not reach so deep. */
  readonly thing: string | null;
}

export interface Question {
  readonly id: string;
  readonly at: number;
  readonly caller: Caller;
  readonly permission: Permission;
  readonly resource: ResourcePath;
}

export interface Decision extends DecisionTrace {
  /**
   * False where the caller may not even learn that the resource exists; the answer is 404 then. That there is an
   * organization is no news to any of its principals.
   */
  readonly visible: boolean;
}

/** Decides one question on one policy. Never throws, never reads a clock. */
export function authorize(policy: Policy, question: Question): Decision {
  const { caller, permission, resource } = question;
  const reaching = bindingsThatReach(policy, caller, resource);
  const matched = reaching.find((binding) => roles[binding.role].has(permission)) ?? null;
  const reason = reasonOf(policy, question, matched);
  return {
    id: question.id,
    at: question.at,
    allowed: reason === 'allowed',
    permission,
    principal: caller.principal.id,
    resource: pathOf(resource),
    reason,
    considered: reaching.map((binding) => ({
      binding: binding.id,
      role: binding.role,
      level: binding.project === null ? 'organization' : `projects/${binding.project}`,
      grants: roles[binding.role].has(permission),
    })),
    matched: matched?.id ?? null,
    policy_revision: policy.revision,
    visible: reason !== 'other_organization' && (resource.project === null || reaching.length > 0),
  };
}

function bindingsThatReach(policy: Policy, caller: Caller, resource: ResourcePath): readonly BindingRecord[] {
  const bindings = policy.bindingsByPrincipal.get(caller.principal.id) ?? [];
  return bindings.filter((binding) => binding.project === null || binding.project === resource.project);
}

function reasonOf(policy: Policy, question: Question, matched: BindingRecord | null): Decision['reason'] {
  const { caller, permission, resource } = question;
  if (
    resource.organization !== policy.organization.id ||
    caller.principal.organization !== policy.organization.id
  ) {
    return 'other_organization';
  }
  if (caller.principal.disabled) return 'principal_disabled';
  if (matched === null && !isOwn(question)) return 'no_binding';
  return withinCredential(caller, permission) ? 'allowed' : 'token_scope';
}

/** What every principal may do with itself, without any binding: see who it is, and keep its own tokens. */
const ownPermissions: readonly Permission[] = ['iam.token.create', 'iam.token.read', 'iam.token.revoke'];

function isOwn({ caller, permission, resource }: Question): boolean {
  if (permission === 'iam.self.read') return true;
  const isMe = resource.project === null && resource.thing === thingOfPrincipal(caller.principal.id);
  return isMe && ownPermissions.includes(permission);
}

/** The resource below the organization that stands for a principal. */
export function thingOfPrincipal(id: string): string {
  return `principals/${id}`;
}

function withinCredential({ credential }: Caller, permission: Permission): boolean {
  const ceiling = credential?.permissions ?? null;
  return ceiling === null || ceiling.has(permission);
}

function pathOf(resource: ResourcePath): string[] {
  const path = [`organizations/${resource.organization}`];
  if (resource.project !== null) path.push(`projects/${resource.project}`);
  if (resource.thing !== null) path.push(resource.thing);
  return path;
}

/**
 * The first permission of a role that the caller lacks at a level, or null where they hold all of it: nobody hands
 * on what they lack.
 */
export function lackedOf(
  policy: Policy,
  caller: Caller,
  role: { readonly name: keyof typeof roles; readonly project: string | null },
): Permission | null {
  const resource = { organization: policy.organization.id, project: role.project, thing: null };
  for (const permission of roles[role.name]) {
    if (!authorize(policy, { id: '', at: 0, caller, permission, resource }).allowed) return permission;
  }
  return null;
}
