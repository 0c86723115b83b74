// What a request of the matrix has to be answered, worked out slowly and obviously from the catalogue of permissions and
// from what is written down here once more: what the built-in roles hold, where each route is decided, and in which order
// the reasons of a denial count. Nothing of the code that decides is called.
import { ownersOnly, permissions, sensitivePermissions } from '../../../protocol/permissions.ts';
import type { Permission } from '../../../protocol/permissions.ts';

/** A binding of somebody, in names. */
export interface Right {
  /** A built-in role or one of `ownRoles`. */
  readonly role: string;
  /** `organization`, `folders/…`, `projects/…`, or `groups/…` and `actions/…` in the project that is tried. */
  readonly level: string;
  readonly effect?: 'allow' | 'deny';
  /** Left out: in force. */
  readonly time?: 'lapsed' | 'not yet';
  /** Under a condition on an input that no run of the matrix has. */
  readonly conditional?: true;
}

export interface Somebody {
  readonly who: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `nothing` where nothing at all is presented, `bad` where it is not good. */
  readonly presents: 'nothing' | 'bad' | 'good';
  readonly holds: readonly Right[];
  /** What the credential allows at the most; null for everything. */
  readonly ceiling: readonly Permission[] | null;
  /** The level that the credential is confined to; null where it is not. */
  readonly within: string | null;
  readonly elevated: boolean;
  /** What the one holds who acts for them; null where they act themselves. */
  readonly actor: readonly Right[] | null;
}

export interface Place {
  /** Every level whose bindings reach it, the organization first. */
  readonly levels: readonly string[];
  /** Whether who sees nothing of it may not learn that it is there. */
  readonly hidden: boolean;
  /** Whether it stands for whoever asks. */
  readonly own?: boolean;
  /** The project itself, which is no secret to those who hold something in it. */
  readonly around?: readonly string[];
  /** A list that shows what they may see of it to those who hold something inside. */
  readonly lists?: boolean;
}

export interface Tried {
  readonly method: string;
  /** As it is registered. */
  readonly url: string;
  readonly permission: Permission | 'public';
  readonly place: Place;
  /** The inputs of the run are not known when it is decided first, so that conditions do not count yet. */
  readonly later?: boolean;
}

export type Expected =
  | { readonly answer: 'open' | 'allowed' | 'not signed in' | 'invalid token' | 'nothing there' }
  | { readonly answer: 'denied' | 'elevate'; readonly reason: string };

/** The roles that are made for the matrix. */
export const ownRoles: Readonly<Record<string, readonly Permission[]>> = {
  keeper: [
    'wayside.group.enroll',
    'wayside.variable.update',
    'wayside.run.release',
    'iam.principal.read',
    'iam.decision.explain',
    'operations.store.backup',
  ],
};

const viewer: readonly Permission[] = [
  'wayside.organization.read',
  'wayside.folder.read',
  'wayside.project.read',
  'wayside.group.read',
  'wayside.agent.read',
  'wayside.action.read',
  'wayside.run.read',
  'wayside.variable.read',
  'wayside.schedule.read',
  'iam.self.read',
];

/** What changes nothing, by its name. */
function isLooking(permission: Permission): boolean {
  return ['read', 'explain', 'verify'].includes(permission.split('.')[2] ?? '');
}

const withInputs: readonly Permission[] = ['wayside.run.start', 'wayside.run.cancel'];

/** Nobody speaks in the name of a run but the run. */
const given = permissions.filter((permission) => permission !== 'wayside.run.report');

const builtIn: Readonly<Record<string, readonly Permission[]>> = {
  owner: given,
  admin: given.filter((permission) => !ownersOnly.has(permission)),
  contributor: [...viewer, ...withInputs],
  viewer,
  agent: ['wayside.action.read', 'wayside.run.read', 'iam.self.read'],
  auditor: permissions.filter(isLooking),
};

/** What everybody may do with themselves. */
const forOneself: readonly Permission[] = [
  'iam.token.create',
  'iam.token.read',
  'iam.token.revoke',
  'iam.session.read',
  'iam.session.end',
  'iam.support.request',
];

export function expectedOf(tried: Tried, somebody: Somebody): Expected {
  const { permission } = tried;
  if (permission === 'public') return { answer: 'open' };
  if (somebody.presents === 'nothing') return { answer: 'not signed in' };
  if (somebody.presents === 'bad') return { answer: 'invalid token' };
  const asked = { ...tried, permission };
  const place = placeFor(asked, somebody);
  const reason = reasonOf({ ...asked, place }, somebody);
  if (reason === null) return { answer: 'allowed' };
  if (!isKnownTo(place, somebody)) return { answer: 'nothing there' };
  return { answer: reason === 'elevation_needed' ? 'elevate' : 'denied', reason };
}

type Asked = Tried & { readonly permission: Permission };

/** A list is decided at something inside of it that they may see, where there is such a thing. */
function placeFor(asked: Asked, somebody: Somebody): Place {
  const { place } = asked;
  if (place.lists !== true || reasonOf(asked, somebody) === null) return place;
  const held = somebody.holds.filter(({ effect }) => effect !== 'deny').map(({ level }) => level);
  const insides = (place.around ?? [])
    .filter((level) => held.includes(level))
    .map((level) => ({ ...place, levels: [...place.levels, level] }));
  return insides.find((inside) => reasonOf({ ...asked, place: inside }, somebody) === null) ?? place;
}

/** Null where it is allowed. The first that applies is the one that is told. */
function reasonOf(asked: Asked, somebody: Somebody): string | null {
  const { permission, place } = asked;
  const first = rightsSay(asked, somebody.holds, place.own === true);
  if (first !== null) return first;
  const { within, ceiling, elevated, actor } = somebody;
  if (within !== null && permission !== 'iam.self.read' && !place.levels.includes(within)) return 'confined';
  if (ceiling !== null && !ceiling.includes(permission)) return 'token_scope';
  const isHarmless = isForOneself(permission, place.own === true) && permission !== 'iam.token.create';
  if (sensitivePermissions.has(permission) && !elevated && !isHarmless) return 'elevation_needed';
  if (actor === null || isLooking(permission)) return null;
  return rightsSay(asked, actor, false) === null ? null : 'actor_lacks';
}

function isForOneself(permission: Permission, own: boolean): boolean {
  return permission === 'iam.self.read' || (own && forOneself.includes(permission));
}

/** What the bindings of one person say, whatever they present. */
function rightsSay(asked: Asked, rights: readonly Right[], own: boolean): string | null {
  const { permission, place } = asked;
  const listing = rights.filter(
    ({ role, level }) =>
      place.levels.includes(level) && (builtIn[role] ?? ownRoles[role] ?? []).includes(permission),
  );
  const denials = listing.filter(({ effect, time }) => effect === 'deny' && time === undefined);
  if (denials.length > 0) return 'denied';
  if (isForOneself(permission, own)) return null;
  const allows = listing.filter(({ effect }) => effect !== 'deny');
  const inForce = allows.filter(({ time }) => time === undefined);
  if (inForce.some((right) => conditionLets(asked, right))) return null;
  if (inForce.some(({ conditional }) => conditional === true) && withInputs.includes(permission)) {
    return 'condition';
  }
  return allows.some(({ time }) => time !== undefined) ? 'not_in_force' : 'no_binding';
}

function conditionLets({ permission, later }: Asked, { conditional }: Right): boolean {
  if (conditional !== true) return true;
  return withInputs.includes(permission) ? later === true : isLooking(permission);
}

/** Whether a denial may say that there is something at all. */
function isKnownTo(place: Place, { holds, within }: Somebody): boolean {
  if (!place.hidden) return true;
  if (within !== null && !place.levels.includes(within)) return false;
  const known = [...place.levels, ...(place.around ?? [])];
  return holds.some(
    ({ level, effect, time }) => effect !== 'deny' && time === undefined && known.includes(level),
  );
}

const organization: Place = { levels: ['organization'], hidden: false };
const folder: Place = { levels: ['organization', 'folders/dept'], hidden: true };
const inProject = [...folder.levels, 'projects/shop'];
const project: Place = { levels: inProject, hidden: true, around: ['groups/prod', 'actions/promote'] };
const group: Place = { levels: [...inProject, 'groups/prod'], hidden: true };
/** A thing in the project that is not there: what reaches the whole project reaches it. */
const nothingIn: Place = { levels: inProject, hidden: true };
const action: Place = { levels: [...group.levels, 'actions/promote'], hidden: true };
const oneself: Place = { levels: ['organization'], hidden: false, own: true };

export const places = { organization, folder, project, group, action, nothingIn, oneself } as const;

/** Where a route is decided, by what its path names. A run is where its action is. */
export function placeOf({ method, url }: { readonly method: string; readonly url: string }): Place {
  if (url === '/v1/projects/:project/actions' && method === 'GET') return { ...project, lists: true };
  if (url.includes('/:action') || url.includes('/:run')) return action;
  if (url.includes('/:group')) return group;
  if (url.includes('/:project')) return project;
  if (url.includes('/:folder')) return folder;
  if (url === '/v1/support' && method === 'POST') return oneself;
  return organization;
}
