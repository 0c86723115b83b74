// Decides which addresses an HTTP operation may talk to (rules.md 24): the agent's own list, and classes of
// addresses that a host name can never open. Pure: who resolves names and dials asks here first.
import ipaddr from 'ipaddr.js';
import { Failure } from '../protocol/failures.ts';

/** What the agent's settings allow, ready to be asked. */
export interface AddressPolicy {
  /** Null: every address outside the classes that need naming. */
  readonly allow: readonly Entry[] | null;
  /** Never reached, whatever `allow` says: the control plane's own listeners. */
  readonly deny: readonly Entry[];
}

export interface Destination {
  /** As `URL.hostname` gives it: lower case, an IPv6 literal in brackets. */
  readonly host: string;
  readonly port: number;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

type Entry =
  | { readonly kind: 'range'; readonly base: Address; readonly bits: number; readonly port: number | null }
  | { readonly kind: 'name'; readonly name: string; readonly port: number | null }
  | { readonly kind: 'suffix'; readonly suffix: string; readonly port: number | null };

/** Ranges of ipaddr.js that an agent in a private network is there to reach. Every other one needs naming. */
const openRanges: ReadonlySet<string> = new Set(['unicast', 'private', 'uniqueLocal', 'carrierGradeNat']);

/** Addresses of cloud metadata services that lie in open ranges; the usual one is link-local anyway. */
const metadataAddresses: ReadonlySet<string> = new Set([
  '100.100.100.200',
  '168.63.129.16',
  'fd00:ec2::254',
  'fd20:ce::254',
]);

/** Names that mean this machine or a metadata service wherever they are resolved, so also behind a proxy. */
const closedNames = /^(?:localhost|.+\.localhost|metadata\.google\.internal|metadata\.goog|instance-data)$/;

/**
 * Reads the entries of `network.allow`: CIDR ranges and addresses, host names, `*.suffix`, each with an optional
 * port (`[::1]:8443`, `10.0.0.0/8:443`). Throws `invalid_configuration` for one that is none of these.
 */
export function compilePolicy(
  allow: readonly string[] | null,
  { deny = [] }: { readonly deny?: readonly string[] } = {},
): AddressPolicy {
  return { allow: allow === null ? null : allow.map(parseEntry), deny: deny.map(parseEntry) };
}

function parseEntry(text: string): Entry {
  const parts =
    /^(?:\[(?<six>[^\]]+)\]|(?<plain>[^:]+)|(?<bare>[^[\]]*:[^[\]]*:[^[\]]*?))(?::(?<port>\d{1,5}))?$/.exec(
      text.trim(),
    )?.groups;
  const host = parts?.['six'] ?? parts?.['plain'] ?? parts?.['bare'];
  const port = parts?.['port'] === undefined ? null : Number(parts['port']);
  if (host === undefined || (port !== null && (port < 1 || port > 65_535))) throw badEntry(text);
  const range = parseRange(host);
  if (range !== null) return { kind: 'range', ...range, port };
  const name = canonicalName(host);
  if (name.startsWith('*')) {
    if (!/^\*\.[a-z0-9_.-]*[a-z0-9_]$/.test(name)) throw badEntry(text);
    return { kind: 'suffix', suffix: name.slice(1), port };
  }
  if (!/^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/.test(name)) throw badEntry(text);
  return { kind: 'name', name, port };
}

function parseRange(text: string): { readonly base: Address; readonly bits: number } | null {
  const [address = '', length] = text.split('/');
  if (!isAddress(address)) return null;
  const written = ipaddr.parse(address);
  const base = ipaddr.process(address);
  const whole = base.kind() === 'ipv4' ? 32 : 128;
  if (length === undefined) return { base, bits: whole };
  if (!/^\d{1,3}$/.test(length)) return null;
  // A mapped range such as ::ffff:10.0.0.0/104 is the IPv4 range that it stands for.
  const bits = Number(length) - (written.kind() === base.kind() ? 0 : 96);
  return bits < 0 || bits > whole ? null : { base, bits };
}

function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}

function badEntry(text: string): Failure {
  return new Failure(
    'invalid_configuration',
    `network.allow: "${text}" is not an address, a CIDR range, a host name or "*.suffix", with or without a port.`,
  );
}

/** Lower case, without brackets and without the dot of a fully qualified name. */
export function canonicalName(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

/** The address that a host literal stands for, or null for a name. */
export function literalAddress(host: string): string | null {
  const name = canonicalName(host);
  return isAddress(name) ? ipaddr.process(name).toString() : null;
}

/**
 * Why this destination may not be reached at any one of `addresses` (every answer of the resolver, or the address
 * that was dialled), or null when it may. One address that is not allowed refuses them all: which of them is
 * dialled is not ours to choose. The reason is a sentence.
 */
export function refusal(
  policy: AddressPolicy,
  destination: Destination,
  addresses: readonly string[],
): string | null {
  const host = canonicalName(destination.host);
  if (addresses.length === 0) return `${host} has no address.`;
  for (const text of addresses) {
    const reason = refusalOf(policy, { host, port: destination.port, text });
    if (reason !== null) return reason;
  }
  return null;
}

function refusalOf(
  policy: AddressPolicy,
  { host, port, text }: { readonly host: string; readonly port: number; readonly text: string },
): string | null {
  const shown = text === host ? text : `${host} (${text})`;
  if (!ipaddr.isValid(text)) return `${shown} is not an address.`;
  const address = ipaddr.process(text);
  const matches = (entry: Entry): boolean =>
    matchesAddress(entry, address, port) || matchesName(entry, host, port);
  if (policy.deny.some(matches)) return `${shown} is the control plane itself, which no operation may reach.`;
  const closed = closedClass(address);
  const named = (policy.allow ?? []).some(
    (entry) => matchesAddress(entry, address, port) && (closed === null || entryNames(entry, closed)),
  );
  if (named) return null;
  if (closed !== null) {
    return `${shown} is ${closed.article} address, which needs naming: add "${textOf(address, port)}" to network.allow.`;
  }
  if (policy.allow === null || policy.allow.some((entry) => matchesName(entry, host, port))) return null;
  return `${shown}, port ${port}, is not in network.allow.`;
}

/**
 * Why this destination may not be asked of a proxy, which resolves names itself: literals are checked like any
 * address, names only by name, so a list of ranges alone allows none.
 */
export function refusalThroughProxy(policy: AddressPolicy, destination: Destination): string | null {
  const host = canonicalName(destination.host);
  const literal = literalAddress(host);
  if (literal !== null) return refusal(policy, destination, [literal]);
  const { port } = destination;
  if (policy.deny.some((entry) => matchesName(entry, host, port))) {
    return `${host} is the control plane itself, which no operation may reach.`;
  }
  if (closedNames.test(host))
    return `${host} means this machine or a metadata service, and a proxy hides its address.`;
  if (policy.allow === null || policy.allow.some((entry) => matchesName(entry, host, port))) return null;
  return `${host}, port ${port}, is not named in network.allow, and behind a proxy its address is not known.`;
}

interface ClosedClass {
  readonly article: string;
  readonly range: string;
}

/** The class that closes an address unless it is named, or null. */
function closedClass(address: Address): ClosedClass | null {
  if (metadataAddresses.has(address.toString())) return { article: 'a metadata service', range: 'metadata' };
  const range = isIPv4Compatible(address) ? 'ipv4-compatible' : address.range();
  return openRanges.has(range) ? null : { article: articles.get(range) ?? `a ${range}`, range };
}

const articles: ReadonlyMap<string, string> = new Map([
  ['unspecified', 'an unspecified'],
  ['linkLocal', 'a link-local'],
  ['ipv4-compatible', 'an IPv4-compatible'],
]);

/** `::a.b.c.d` (RFC 4291, section 2.5.5.1, deprecated), which ipaddr.js takes for an ordinary address. */
function isIPv4Compatible(address: Address): boolean {
  return (
    address.kind() === 'ipv6' &&
    address
      .toByteArray()
      .slice(0, 12)
      .every((byte) => byte === 0) &&
    address.range() === 'unicast'
  );
}

/** A range names a closed class when it lies in it as a whole: 0.0.0.0/0 names nothing, 127.0.0.0/8 loopback. */
function entryNames(entry: Entry, closed: ClosedClass): boolean {
  if (entry.kind !== 'range') return false;
  if (closed.range === 'metadata') return entry.bits === (entry.base.kind() === 'ipv4' ? 32 : 128);
  const first = closedClass(networkAddress(entry, 0));
  const last = closedClass(networkAddress(entry, 1));
  return first?.range === closed.range && last?.range === closed.range;
}

/** The first address of a range, or with `fill` 1 the last. */
function networkAddress({ base, bits }: { base: Address; bits: number }, fill: 0 | 1): Address {
  const bytes = base.toByteArray().map((byte, at) => {
    const kept = Math.min(Math.max(bits - at * 8, 0), 8);
    const mask = (0xff << (8 - kept)) & 0xff;
    return (byte & mask) | (fill === 1 ? ~mask & 0xff : 0);
  });
  return ipaddr.fromByteArray(bytes);
}

function matchesAddress(entry: Entry, address: Address, port: number): boolean {
  return (
    entry.kind === 'range' &&
    (entry.port === null || entry.port === port) &&
    entry.base.kind() === address.kind() &&
    address.match(entry.base, entry.bits)
  );
}

function matchesName(entry: Entry, host: string, port: number): boolean {
  if (entry.kind === 'range' || (entry.port !== null && entry.port !== port)) return false;
  return entry.kind === 'name' ? entry.name === host : host.endsWith(entry.suffix);
}

function textOf(address: Address, port: number): string {
  return address.kind() === 'ipv6' ? `[${address.toString()}]:${port}` : `${address.toString()}:${port}`;
}
