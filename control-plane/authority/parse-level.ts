// A level as people write it, with names or ids, becomes the path of ids that bindings carry.
import type { Authority } from './authority.ts';
import { folderLevel, organizationLevel, projectLevel, resourceAt } from './level.ts';
import type { ResourcePath } from './level.ts';
import { findFolder, findProject } from './policy.ts';
import { isThingKind } from './things.ts';

/** Null for a level that is not there. */
export async function parseLevel(
  authority: Pick<Authority, 'policy' | 'things'>,
  text: string,
): Promise<string | null> {
  if (text === 'organization') return organizationLevel;
  const policy = authority.policy();
  const [kind, reference = '', what, thing = '', ...rest] = text.split('/');
  if (rest.length > 0) return null;
  if (kind === 'folders' && what === undefined) {
    const folder = findFolder(policy, reference);
    return folder === null ? null : folderLevel(folder.id);
  }
  const project = kind === 'projects' ? findProject(policy, reference) : null;
  if (project === null) return null;
  if (what === undefined) return projectLevel(project.id);
  if (!isThingKind(what)) return null;
  const found = await authority.things().locate(what, { project: project.id, reference: thing });
  return found === null ? null : `${projectLevel(project.id)}/${found.thing}`;
}

/**
 * A resource as people write it: a level, or `projects/<p>/<kind>/<id>` for any kind of thing, which is taken as it is.
 * Null for anything else.
 */
export async function parseResource(
  authority: Pick<Authority, 'policy' | 'things'>,
  text: string,
): Promise<ResourcePath | null> {
  const policy = authority.policy();
  const [kind, reference = '', ...rest] = text.split('/');
  const organization = policy.organization.id;
  if (kind !== 'projects' || rest.length === 0) {
    const level = await parseLevel(authority, text);
    return level === null ? null : resourceAt(organization, level);
  }
  const project = findProject(policy, reference);
  if (project === null) return null;
  const [what = '', thing = ''] = rest;
  if (rest.length === 2 && isThingKind(what)) {
    const found = await authority.things().locate(what, { project: project.id, reference: thing });
    if (found !== null) {
      return { organization, project: project.id, thing: found.thing, above: found.above };
    }
  }
  return { organization, project: project.id, thing: rest.join('/') };
}
