// What a leaf certificate may say, as data: a role decides usages, names, key type and life, whoever asks for it.
import { isIP } from 'node:net';
import { Failure } from '../../protocol/failures.ts';
import { parseSpiffeUri } from '../../protocol/ids.ts';
import { leafCertificateMs } from '../../protocol/limits.ts';
import { x509 } from './x509.ts';

export type RoleName = 'server' | 'agent';

/** A subject alternative name (RFC 5280, section 4.2.1.6). */
export interface LeafName {
  readonly type: 'dns' | 'ip' | 'url';
  readonly value: string;
}

export interface Role {
  readonly name: RoleName;
  readonly usage: x509.ExtendedKeyUsage;
  readonly lifeMs: number;
  readonly namesMin: number;
  readonly namesMax: number;
  /** Whether a leaf of this role in this trust domain may carry the name. */
  readonly allows: (name: LeafName, trustDomain: string) => boolean;
}

const dnsPattern = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

export const roles: Readonly<Record<RoleName, Role>> = {
  server: {
    name: 'server',
    usage: x509.ExtendedKeyUsage.serverAuth,
    lifeMs: leafCertificateMs,
    namesMin: 1,
    namesMax: 100,
    allows: (name) =>
      (name.type === 'dns' && dnsPattern.test(name.value)) || (name.type === 'ip' && isIP(name.value) !== 0),
  },
  agent: {
    name: 'agent',
    usage: x509.ExtendedKeyUsage.clientAuth,
    lifeMs: leafCertificateMs,
    // Exactly one URI, as an X.509-SVID has it (SPIFFE X509-SVID, section 2).
    namesMin: 1,
    namesMax: 1,
    allows: (name, trustDomain) =>
      name.type === 'url' && parseSpiffeUri(name.value)?.trustDomain === trustDomain,
  },
};

/** Throws `certificate_rejected` for names that the role does not allow. */
export function checkNames(role: Role, names: readonly LeafName[], trustDomain: string): void {
  if (names.length < role.namesMin || names.length > role.namesMax) {
    throw new Failure(
      'certificate_rejected',
      `A certificate for the role ${role.name} has ${role.namesMin} to ${role.namesMax} names, not ${names.length}.`,
    );
  }
  const refused = names.find((name) => !role.allows(name, trustDomain));
  if (refused !== undefined) {
    throw new Failure(
      'certificate_rejected',
      `A certificate for the role ${role.name} may not carry the name ${refused.type}:${refused.value}.`,
    );
  }
}
