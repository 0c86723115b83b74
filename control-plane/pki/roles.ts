// What a leaf certificate may say, as data: a role decides usages, names, key type and life, whoever asks for it. A
// request that asks for more is refused, never cut down to size: who asked would believe to have it.
import { BlockList, isIP } from 'node:net';
import { Failure } from '../../protocol/failures.ts';
import { parseSpiffeUri } from '../../protocol/ids.ts';

export type KeyType = 'p256' | 'p384' | 'ed25519';
export type Usage = 'server_auth' | 'client_auth';

/** A subject alternative name (RFC 5280, section 4.2.1.6). */
export interface LeafName {
  readonly type: 'dns' | 'ip' | 'url';
  readonly value: string;
}

export interface Role {
  readonly name: string;
  readonly description: string;
  /** Who may ask: an agent that enrols, a listener of ours, or a person with a certificate request. */
  readonly issuedBy: 'enrollment' | 'listener' | 'request';
  /** `data_plane` for whichever is active, or the id of one data-plane authority, for instance to try it out. */
  readonly authority: string;
  readonly names: {
    /** `spiffe://domain/a/*`: a star stands for one segment of the path. */
    readonly uris: readonly string[];
    /** `*.example`: a star stands for one label; `*` alone for any name. */
    readonly dns: readonly string[];
    /** Addresses and ranges: `10.0.0.0/8`, `::/0`. */
    readonly ips: readonly string[];
  };
  readonly namesMin: number;
  readonly namesMax: number;
  readonly keyTypes: readonly KeyType[];
  readonly usages: readonly Usage[];
  /** `none`: no common name; `any_name`: one of the names of the certificate; `fixed:TEXT`; `agent`: the agent's id. */
  readonly commonName: string;
  /** The life of a certificate where the request does not say less. */
  readonly ttlMs: number;
  readonly revision: number;
}

/** Everything that somebody asks for; null where the request does not say. */
export interface LeafRequest {
  readonly names: readonly LeafName[];
  readonly keyType: KeyType;
  readonly usages: readonly Usage[] | null;
  readonly commonName: string | null;
  readonly ttlMs: number | null;
}

const dnsPattern = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;
const segmentPattern = /^[A-Za-z0-9._~-]+$/;

/** Throws `role_violation` with the part of the request that goes too far. */
export function checkRequest(role: Role, request: LeafRequest, trustDomain: string): void {
  checkNames(role, request.names, trustDomain);
  if (!role.keyTypes.includes(request.keyType)) {
    throw violation(role, 'key_type', `may not have a key of type ${request.keyType}`);
  }
  const usage = request.usages?.find((asked) => !role.usages.includes(asked));
  if (usage !== undefined) throw violation(role, 'usage', `may not be used for ${usage}`);
  if (request.ttlMs !== null && request.ttlMs > role.ttlMs) {
    throw violation(role, 'ttl', `lives ${role.ttlMs} ms at the most, not ${request.ttlMs}`);
  }
  if (!allowsCommonName(role, request)) {
    throw violation(role, 'common_name', `may not have the common name ${request.commonName ?? ''}`);
  }
}

/** Throws `role_violation` for names that the role does not allow. */
export function checkNames(role: Role, names: readonly LeafName[], trustDomain: string): void {
  if (names.length < role.namesMin || names.length > role.namesMax) {
    throw violation(role, 'name', `has ${role.namesMin} to ${role.namesMax} names, not ${names.length}`);
  }
  const refused = names.find((name) => !allowsName(role, name, trustDomain));
  if (refused !== undefined) {
    throw violation(role, 'name', `may not carry the name ${refused.type}:${refused.value}`);
  }
}

export function allowsName(role: Role, { type, value }: LeafName, trustDomain: string): boolean {
  switch (type) {
    case 'dns':
      return dnsPattern.test(value) && role.names.dns.some((pattern) => matchesLabels(pattern, value));
    case 'ip':
      return isIP(value) !== 0 && role.names.ips.some((range) => isWithin(range, value));
    case 'url':
      return (
        role.names.uris.some((pattern) => matchesSegments(pattern, value)) &&
        isOwnToGive(role, value, trustDomain)
      );
  }
}

/** Identities of agents come from enrolment alone, whatever the patterns of another role may reach. */
function isOwnToGive(role: Role, uri: string, trustDomain: string): boolean {
  const identity = parseSpiffeUri(uri);
  if (identity !== null) return role.issuedBy === 'enrollment' && identity.trustDomain === trustDomain;
  return role.issuedBy !== 'enrollment' && uri.startsWith(`spiffe://${trustDomain}/`);
}

function matchesLabels(pattern: string, name: string): boolean {
  if (pattern === '*') return true;
  const labels = name.split('.');
  const wanted = pattern.split('.');
  return (
    labels.length === wanted.length && wanted.every((label, at) => label === '*' || label === labels[at])
  );
}

function matchesSegments(pattern: string, uri: string): boolean {
  const segments = uri.split('/');
  const wanted = pattern.split('/');
  return (
    segments.length === wanted.length &&
    wanted.every((segment, at) => {
      const given = segments[at] ?? '';
      return segment === '*' ? segmentPattern.test(given) && !/^\.{1,2}$/.test(given) : segment === given;
    })
  );
}

function isWithin(range: string, address: string): boolean {
  const [network = '', bits] = range.split('/');
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
  if ((isIP(address) === 6) !== (family === 'ipv6')) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  return list.check(address, family);
}

function allowsCommonName({ commonName: policy }: Role, { commonName, names }: LeafRequest): boolean {
  if (commonName === null) return true;
  if (policy === 'any_name') return names.some(({ value }) => value === commonName);
  return policy.startsWith('fixed:') && policy.slice('fixed:'.length) === commonName;
}

function violation(role: Role, part: string, what: string): Failure {
  return new Failure('role_violation', `A certificate for the role ${role.name} ${what}.`, {
    details: { role: role.name, part },
  });
}
