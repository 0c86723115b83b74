// Which addresses our own requests to outside issuers may go to. Whoever configures an issuer, or controls its name,
// must not be able to make the control plane talk to this machine or its network (server-side request forgery).
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Failure } from '../../protocol/failures.ts';

/** Tells why an address may not be dialled, or null. */
export type AddressGuard = (address: string) => string | null;

/**
 * Public addresses may be dialled, and those that the operator names (addresses or CIDR ranges). Throws
 * `invalid_configuration` for a range that is none.
 */
export function guardAddresses(allowed: readonly string[]): AddressGuard {
  const ranges = allowed.map(parseRange);
  return (text) => {
    if (!ipaddr.isValid(text)) return `${text} is no address`;
    const address = ipaddr.process(text);
    const isNamed = ranges.some(
      ([base, bits]) => base.kind() === address.kind() && address.match(base, bits),
    );
    if (isNamed) return null;
    const range = address.range();
    return range === 'unicast' && !isIPv4Compatible(address) ? null : `${text} is a ${range} address`;
  };
}

function parseRange(text: string): readonly [ipaddr.IPv4 | ipaddr.IPv6, number] {
  try {
    if (text.includes('/')) return ipaddr.parseCIDR(text);
    const address = ipaddr.process(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  } catch (cause) {
    throw new Failure(
      'invalid_configuration',
      `${JSON.stringify(text)} is neither an address nor a range such as 10.0.0.0/8.`,
      { cause },
    );
  }
}

/** `::a.b.c.d` (RFC 4291, section 2.5.5.1, deprecated), which passes for an ordinary address. */
function isIPv4Compatible(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return (
    address.kind() === 'ipv6' &&
    address
      .toByteArray()
      .slice(0, 12)
      .every((byte) => byte === 0)
  );
}

/** Resolves a name for a connection, and refuses it where one of its addresses may not be dialled. */
export function guardedLookup(guard: AddressGuard): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const refused = addresses.map(({ address }) => guard(address)).find((why) => why !== null);
      if (refused !== undefined || addresses[0] === undefined) {
        return callback(new Error(refused ?? `${hostname} has no address`), '', 0);
      }
      if (options.all === true) return callback(null, addresses);
      return callback(null, addresses[0].address, addresses[0].family);
    });
  };
}
