// The built-in roles: fixed sets of permissions. Viewer, contributor, admin and owner contain the one before.
import type { RoleName } from '../../protocol/api/authority.ts';
import { isReading, ownersOnly, permissions as catalogue, runsOnly } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type { RoleRecord } from './policy.ts';

/** What roles are made of. */
const permissions = catalogue.filter((permission) => !runsOnly.has(permission));

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

const contributor: readonly Permission[] = [...viewer, 'wayside.run.start', 'wayside.run.cancel'];

/** For what acts by itself inside of one project: it sees what it is part of, and starts and changes nothing. */
const agent: readonly Permission[] = ['wayside.action.read', 'wayside.run.read', 'iam.self.read'];

/** Role name to the permissions that it gives. */
export const roles: Readonly<Record<RoleName, ReadonlySet<Permission>>> = {
  viewer: new Set(viewer),
  contributor: new Set(contributor),
  admin: new Set(permissions.filter((permission) => !ownersOnly.has(permission))),
  owner: new Set(permissions),
  /** Sees everything, the audit and the policy included, and changes nothing. */
  auditor: new Set(permissions.filter(isReading)),
  agent: new Set(agent),
};

/** As the policy has them. */
export const builtInRoles: readonly RoleRecord[] = Object.entries(roles).map(([name, given]) => ({
  id: name,
  name,
  builtIn: true,
  permissions: given,
  version: 1,
}));
