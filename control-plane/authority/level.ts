// Levels: where in the tree of organization, folders, projects and things a binding holds and a question is asked.
// A level is a path of ids below the organization: '', `folders/<f>`, `projects/<p>`, `projects/<p>/actions/<a>`.
import type { Policy } from './policy.ts';

/** From the organization down to the thing; what is null lies below the resource that is meant. */
export interface ResourcePath {
  readonly organization: string;
  /** Only where the resource is a folder: a project is found in its folder by the policy. */
  readonly folder?: string;
  readonly project: string | null;
  /** For instance `actions/0192…`, in a project; or `principals/0192…` where there is no project. */
  readonly thing: string | null;
  /** Things that this one belongs to, for instance a run to its action and its group: their bindings reach it. */
  readonly above?: readonly string[];
}

export const organizationLevel = '';

export function folderLevel(folder: string): string {
  return `folders/${folder}`;
}

/** The level of the folder that something lies in; null where it lies directly in the organization. */
export function levelOfParent(folder: string | null): string {
  return folder === null ? organizationLevel : folderLevel(folder);
}

export function projectLevel(project: string): string {
  return `projects/${project}`;
}

/** The level of a resource itself. */
export function levelOf({ folder, project, thing }: ResourcePath): string {
  if (project !== null) return thing === null ? projectLevel(project) : `${projectLevel(project)}/${thing}`;
  return folder === undefined ? organizationLevel : folderLevel(folder);
}

/** The resource that a level is; the other way round than `levelOf`. */
export function resourceAt(organization: string, level: string): ResourcePath {
  if (level === organizationLevel) return { organization, project: null, thing: null };
  const [kind, id = '', ...rest] = level.split('/');
  if (kind === 'folders') return { organization, folder: id, project: null, thing: null };
  return { organization, project: id, thing: rest.length === 0 ? null : rest.join('/') };
}

/** The columns by which a binding goes when what it is on goes. */
export function levelColumns(level: string): {
  readonly folder: string | null;
  readonly project: string | null;
  readonly action: string | null;
  readonly group_id: string | null;
} {
  const [kind, id = '', what, thing = ''] = level.split('/');
  return {
    folder: kind === 'folders' ? id : null,
    project: kind === 'projects' ? id : null,
    action: what === 'actions' ? thing : null,
    group_id: what === 'groups' ? thing : null,
  };
}

const chains = new WeakMap<Policy, Map<string, readonly string[]>>();

/**
 * The levels of a folder or project and everything above, the organization first. Kept for each policy, which never
 * changes. A loop among folders, which no change of ours makes, ends where it begins again.
 */
function chainTo(policy: Policy, level: string): readonly string[] {
  let known = chains.get(policy);
  if (known === undefined) {
    known = new Map();
    chains.set(policy, known);
  }
  const kept = known.get(level);
  if (kept !== undefined) return kept;
  const [kind, id = ''] = level.split('/');
  const seen = new Set<string>();
  let folder = kind === 'projects' ? (policy.projects.get(id)?.folder ?? null) : id;
  while (folder !== null && !seen.has(folder)) {
    seen.add(folder);
    folder = policy.folders.get(folder)?.parent ?? null;
  }
  const chain = [organizationLevel, ...[...seen].reverse().map(folderLevel)];
  if (kind === 'projects') chain.push(level);
  // What is not there is not remembered: anybody can ask for it by any name.
  if (policy.folders.has(id) || policy.projects.has(id)) known.set(level, chain);
  return chain;
}

const organizationAlone: readonly string[] = [organizationLevel];

/** The levels at which a binding reaches the resource, from the organization down. */
export function levelsOf(policy: Policy, resource: ResourcePath): readonly string[] {
  const { folder, project, thing, above } = resource;
  if (project === null)
    return folder === undefined ? organizationAlone : chainTo(policy, folderLevel(folder));
  const top = projectLevel(project);
  const chain = chainTo(policy, top);
  if (thing === null && above === undefined) return chain;
  return [
    ...chain,
    ...(above ?? []).map((each) => `${top}/${each}`),
    ...(thing === null ? [] : [`${top}/${thing}`]),
  ];
}

/** Whether what is at `level` lies at or below `top`. */
export function isWithin(policy: Policy, level: string, top: string): boolean {
  if (top === organizationLevel || level === top || level.startsWith(`${top}/`)) return true;
  if (!top.startsWith('folders/')) return false;
  const [kind, id] = level.split('/');
  return chainTo(policy, `${kind ?? ''}/${id ?? ''}`).includes(top);
}

/** The path that a trace shows, from the organization down. */
export function pathOf(resource: ResourcePath): string[] {
  const { organization, folder, project, thing } = resource;
  const path = [`organizations/${organization}`];
  if (folder !== undefined && project === null) path.push(folderLevel(folder));
  if (project !== null) path.push(projectLevel(project));
  if (thing !== null) path.push(thing);
  return path;
}

/** The other way round than `pathOf`; null for what is no such path. */
export function resourceOfPath(path: readonly string[]): ResourcePath | null {
  const [top = '', ...rest] = path;
  if (!top.startsWith('organizations/')) return null;
  const organization = top.slice('organizations/'.length);
  const [first] = rest;
  const [kind, id] = first?.split('/') ?? [];
  if (id !== undefined && kind === 'folders') return { organization, folder: id, project: null, thing: null };
  if (id !== undefined && kind === 'projects') return { organization, project: id, thing: rest[1] ?? null };
  return { organization, project: null, thing: first ?? null };
}

/** A level with names in place of the ids of folders and projects, for people. */
export function levelName(policy: Policy, level: string): string {
  if (level === organizationLevel) return 'organization';
  const [kind, id = '', ...rest] = level.split('/');
  const name = kind === 'folders' ? policy.folders.get(id)?.name : policy.projects.get(id)?.name;
  return [kind, name ?? id, ...rest].join('/');
}
