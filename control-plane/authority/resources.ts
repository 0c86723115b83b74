// Where the routes of the authority are checked: a token at its principal, a binding at its level.
import { findProject } from './policy.ts';
import type { Policy } from './policy.ts';
import type { ResourceOf } from '../http/decide.ts';
import type { Store } from '../store/store.ts';
import { thingOfPrincipal } from './authorize.ts';
import type { ResourcePath } from './authorize.ts';
import { findPrincipal } from './bind.ts';
import { selectBinding, selectToken } from './binding-store.ts';

/** The principal in `:principal`, so that everybody may keep their own tokens. */
export const tokensResource: ResourceOf = ({ authority, caller, params }) => {
  const policy = authority.policy();
  try {
    const principal = findPrincipal(policy, params['principal'] ?? '', caller);
    return { ...organizationOf(policy), thing: thingOfPrincipal(principal.id) };
  } catch {
    // Whether there is such a principal is told only to those who may see all of them.
    return organizationOf(policy);
  }
};

/** The principal of the token in `:id`. */
export function tokenResource(store: Store): ResourceOf {
  return async ({ authority, params }) => {
    const [token] = await store.read(selectToken(store, params['id'] ?? ''));
    const organization = organizationOf(authority.policy());
    return token === undefined ? organization : { ...organization, thing: thingOfPrincipal(token.principal) };
  };
}

/** The level in the body: the owner of a project decides who does what in it. */
export const levelResource: ResourceOf = ({ authority, body }) => {
  const level = typeof body === 'object' && body !== null ? Reflect.get(body, 'level') : undefined;
  const match = /^projects\/(.+)$/.exec(typeof level === 'string' ? level : '');
  return match?.[1] === undefined
    ? organizationOf(authority.policy())
    : projectPath(authority.policy(), match[1]);
};

/** The project in the query, else the organization. */
export const bindingsResource: ResourceOf = ({ authority, query }) => {
  const { project } = query;
  return typeof project === 'string'
    ? projectPath(authority.policy(), project)
    : organizationOf(authority.policy());
};

/** The level of the binding in `:id`. */
export function bindingResource(store: Store): ResourceOf {
  return async ({ authority, params }) => {
    const [binding] = await store.read(selectBinding(store, params['id'] ?? ''));
    return { ...organizationOf(authority.policy()), project: binding?.project ?? null };
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
