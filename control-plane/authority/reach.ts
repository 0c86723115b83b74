// Which bindings a principal has, its own and through its teams, by the level that they are made on. Worked out once
// for a principal and a policy, so that a decision only looks up the few levels above its resource.
import { teamDepthMax } from '../../protocol/limits-authority.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { BindingRecord, Policy } from './policy.ts';

/** One binding that a principal has. */
export interface Held {
  readonly binding: BindingRecord;
  readonly role: string;
  readonly permissions: ReadonlySet<Permission>;
  /** The teams from the principal to the one that is bound; empty for its own. */
  readonly via: readonly string[];
}

export interface Reach {
  readonly byLevel: ReadonlyMap<string, readonly Held[]>;
  /** By project, what allows it something there, be it on a single thing. */
  readonly projects: ReadonlyMap<string, readonly BindingRecord[]>;
}

const reaches = new WeakMap<Policy, Map<string, Reach>>();

export function reachOf(policy: Policy, principal: string): Reach {
  let known = reaches.get(policy);
  if (known === undefined) {
    known = new Map();
    reaches.set(policy, known);
  }
  const kept = known.get(principal);
  if (kept !== undefined) return kept;
  const reach = workOut(policy, principal);
  known.set(principal, reach);
  return reach;
}

function workOut(policy: Policy, principal: string): Reach {
  const byLevel = new Map<string, Held[]>();
  const projects = new Map<string, BindingRecord[]>();
  const subjects = [{ id: principal, via: [] as readonly string[] }, ...teamsOf(policy, principal)];
  for (const { id, via } of subjects) {
    for (const binding of policy.bindingsByPrincipal.get(id) ?? []) {
      const role = policy.roles.get(binding.role);
      // What is bound to a role that is gone gives nothing.
      if (role === undefined) continue;
      const list = byLevel.get(binding.level) ?? [];
      list.push({ binding, role: role.name, permissions: role.permissions, via });
      byLevel.set(binding.level, list);
      const project = /^projects\/([^/]+)/.exec(binding.level)?.[1];
      if (project !== undefined && binding.effect === 'allow') {
        projects.set(project, [...(projects.get(project) ?? []), binding]);
      }
    }
  }
  return { byLevel, projects };
}

/** The enabled teams that it is in, the nearest first, each with the way to it. */
export function teamsOf(
  policy: Policy,
  principal: string,
): readonly { readonly id: string; readonly via: readonly string[] }[] {
  const found: { readonly id: string; readonly via: readonly string[] }[] = [];
  const seen = new Set([principal]);
  let rim = [{ id: principal, via: [] as readonly string[] }];
  for (let depth = 0; depth < teamDepthMax && rim.length > 0; depth += 1) {
    const next: typeof rim = [];
    for (const { id, via } of rim) {
      for (const team of policy.teamsOf.get(id) ?? []) {
        if (seen.has(team) || policy.principals.get(team)?.disabled !== false) continue;
        seen.add(team);
        next.push({ id: team, via: [...via, team] });
      }
    }
    found.push(...next);
    rim = next;
  }
  return found;
}

/** Whether a binding counts at that moment (epoch ms). */
export function isInForce({ notBefore, notAfter }: BindingRecord, at: number): boolean {
  return (notBefore === null || at >= notBefore) && (notAfter === null || at < notAfter);
}
