// Where the routes of the authority are checked: a token at its principal, a binding at its level.
import type { ResourceOf } from '../http/decide.ts';
import type { Store } from '../store/store.ts';
import { selfReference } from '../../protocol/ids.ts';
import type { Permission } from '../../protocol/permissions.ts';
import { thingOfPrincipal } from './authorize.ts';
import { principalNamed } from './find.ts';
import { selectBinding, selectToken } from './binding-store.ts';
import { projectLevel, resourceAt } from './level.ts';
import type { ResourcePath } from './level.ts';
import { parseLevel } from './parse-level.ts';
import { findFolder, findProject } from './policy.ts';
import type { Policy } from './policy.ts';
import { reachOf } from './reach.ts';

/** The principal in `:principal` where it is the caller, so that everybody may keep their own tokens. */
export const tokensResource: ResourceOf = (asking) => {
  const { authority, caller, params } = asking;
  const policy = authority.policy();
  const reference = params['principal'] ?? '';
  const isOwn = reference === selfReference || principalNamed(policy, reference)?.id === caller.principal.id;
  // Of anybody else a denial names the organization alone: whether there is such a principal, and its id, is told only
  // to those who may see all of them.
  return isOwn ? ownResource(asking) : organizationOf(policy);
};

/** The principal of the token in `:id`. */
export function tokenResource(store: Store): ResourceOf {
  return async ({ authority, params }) => {
    const [token] = await store.read(selectToken(store, params['id'] ?? ''));
    const organization = organizationOf(authority.policy());
    return token === undefined ? organization : { ...organization, thing: thingOfPrincipal(token.principal) };
  };
}

/** The caller itself, for what everybody may do for themselves. */
export const ownResource: ResourceOf = ({ authority, caller }) => ({
  ...organizationOf(authority.policy()),
  thing: thingOfPrincipal(caller.principal.id),
});

/** The level in the body: the owner of a project decides who does what in it. */
export const levelResource: ResourceOf = ({ authority, body }) => {
  const level =
    typeof body === 'object' && body !== null ? (Reflect.get(body, 'level') as unknown) : undefined;
  return levelOrOrganization(authority, level);
};

/** The level or project in the query, else the organization. */
export const bindingsResource: ResourceOf = ({ authority, query }) =>
  levelOrOrganization(
    authority,
    typeof query['project'] === 'string' ? projectLevel(query['project']) : query['on'],
  );

/** What is no level is refused by whoever reads the body; one that is not there is answered 404. */
async function levelOrOrganization(
  authority: Parameters<typeof parseLevel>[0],
  level: unknown,
): Promise<ResourcePath | null> {
  const organization = organizationOf(authority.policy());
  if (typeof level !== 'string' || !/^(folders|projects)\//.test(level)) return organization;
  const found = await parseLevel(authority, level);
  return found === null ? null : resourceAt(organization.organization, found);
}

/** The level of the binding in `:id`. */
export function bindingResource(store: Store): ResourceOf {
  return async ({ authority, params }) => {
    const [binding] = await store.read(selectBinding(store, params['id'] ?? ''));
    return resourceAt(authority.policy().organization.id, binding?.level ?? '');
  };
}

/**
 * For the list of things in the project of the path: the project for whoever may look at all of them, else a thing in it
 * that the caller may look at. Then the list shows only what they may.
 */
export function listOfThings(permission: Permission): ResourceOf {
  return ({ authority, caller, params }) => {
    const policy = authority.policy();
    const whole = projectPath(policy, params['project'] ?? '');
    if (whole === null || authority.decide(caller, permission, whole).allowed) return whole;
    const { id } = caller.principal;
    for (const { level } of reachOf(policy, id).projects.get(whole.project ?? '') ?? []) {
      const inside = resourceAt(whole.organization, level);
      if (inside.thing !== null && authority.decide(caller, permission, inside).allowed) return inside;
    }
    return whole;
  };
}

/** The folder in `:folder`. */
export const folderResource: ResourceOf = ({ authority, params }) => {
  const policy = authority.policy();
  const reference = params['folder'] ?? '';
  // Whoever may do it to all folders is told by the route that there is no such one; nobody else learns it.
  return { ...organizationOf(policy), folder: findFolder(policy, reference)?.id ?? reference };
};

/** The folder that the body names as `key`, else the organization: where something new is made, or goes to. */
export function folderInBody(key: string): ResourceOf {
  return ({ authority, body }) => {
    const policy = authority.policy();
    const reference =
      typeof body === 'object' && body !== null ? (Reflect.get(body, key) as unknown) : undefined;
    if (typeof reference !== 'string') return organizationOf(policy);
    const folder = findFolder(policy, reference);
    return folder === null ? null : { ...organizationOf(policy), folder: folder.id };
  };
}

export function organizationOf(policy: Policy): ResourcePath {
  return { organization: policy.organization.id, project: null, thing: null };
}

/** Null where there is no such project. */
export function projectPath(policy: Policy, reference: string): ResourcePath | null {
  const project = findProject(policy, reference);
  return project === null ? null : { ...organizationOf(policy), project: project.id };
}
