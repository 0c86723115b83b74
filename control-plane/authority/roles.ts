// The built-in roles: fixed sets of permissions, each containing the one before it.
import type { RoleName } from '../../protocol/api/authority.ts';
import { permissions } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';

const viewer: readonly Permission[] = [
  'wayside.organization.read',
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

/** What only an owner may do: decide who else may do what, and touch keys and copies of the store. */
const ownersOnly: readonly Permission[] = [
  'iam.principal.create',
  'iam.principal.update',
  'iam.principal.delete',
  'iam.binding.create',
  'iam.binding.delete',
  'iam.credential.create',
  'iam.client.create',
  'iam.client.delete',
  'iam.federation.create',
  'iam.federation.delete',
  'operations.token-key.rotate',
  'operations.keyring.rotate',
  'operations.store.backup',
  'pki.authority.create',
  'pki.authority.rotate',
  'pki.authority.retire',
  'pki.authority.import',
  'pki.authority.export',
  'pki.role.update',
  'pki.certificate.issue',
];

/** Role name to the permissions that it gives. */
export const roles: Readonly<Record<RoleName, ReadonlySet<Permission>>> = {
  viewer: new Set(viewer),
  contributor: new Set(contributor),
  admin: new Set(permissions.filter((permission) => !ownersOnly.includes(permission))),
  owner: new Set(permissions),
};
