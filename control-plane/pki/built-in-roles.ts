// The two roles that an installation begins with: its agents, and its own listeners.
import { leafCertificateMs, roleNamesMax } from '../../protocol/limits.ts';
import type { Role } from './roles.ts';

/** Exactly one URI, as an X.509-SVID has it (SPIFFE X509-SVID, section 2). */
export const agentRole: Role = {
  name: 'agent',
  description: 'Agents, from enrolment on. Their names are SPIFFE identities that the control plane gives.',
  issuedBy: 'enrollment',
  authority: 'data_plane',
  names: { uris: ['spiffe://*/org/*/project/*/agent/*'], dns: [], ips: [] },
  namesMin: 1,
  namesMax: 1,
  keyTypes: ['p256'],
  usages: ['client_auth'],
  commonName: 'agent',
  ttlMs: leafCertificateMs,
  revision: 1,
};

export const serverRole: Role = {
  name: 'server',
  description: 'The listeners for agents, under the names at which agents reach this host.',
  issuedBy: 'listener',
  authority: 'data_plane',
  names: { uris: [], dns: ['*'], ips: ['0.0.0.0/0', '::/0'] },
  namesMin: 1,
  namesMax: roleNamesMax,
  keyTypes: ['p256'],
  usages: ['server_auth'],
  commonName: 'fixed:Wayside control plane',
  ttlMs: leafCertificateMs,
  revision: 1,
};

export const builtInRoles: readonly Role[] = [agentRole, serverRole];
