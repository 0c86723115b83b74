// One-time tokens: what they look like, what of them is stored, and where they may be used from.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { Failure } from '../../protocol/failures.ts';
import { tokenPrefixes } from '../../protocol/ids.ts';
import { tokenBytes } from '../../protocol/limits.ts';

export interface FreshToken {
  /** Shown once, never stored. */
  readonly token: string;
  readonly hash: string;
}

/** `wsj_` + id + `.` + secret + `.` + the root pin. */
export function makeJoinToken(id: string, rootPin: string): FreshToken {
  const secret = randomBytes(tokenBytes).toString('base64url');
  return { token: `${tokenPrefixes.join}${id}.${secret}.${rootPin}`, hash: hashSecret(secret) };
}

/** 32 random bytes need no slow hash. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

export function secretMatches(secret: string, hash: string): boolean {
  const given = Buffer.from(hashSecret(secret), 'hex');
  const stored = Buffer.from(hash, 'hex');
  return given.length === stored.length && timingSafeEqual(given, stored);
}

/** Throws `invalid_request` for what is not an address range (RFC 4632, RFC 4291). */
export function checkNetworks(networks: readonly string[]): void {
  for (const network of networks) {
    if (!ipaddr.isValidCIDR(network)) {
      throw new Failure(
        'invalid_request',
        `${network} is not a network: write it as 10.0.0.0/8 or fd00::/8.`,
      );
    }
  }
}

/** True where `address` is in one of the networks, or where there are none. */
export function mayUseFrom(address: string, networks: readonly string[]): boolean {
  if (networks.length === 0) return true;
  if (!ipaddr.isValid(address)) return false;
  // An IPv4 address that came over an IPv6 socket counts as IPv4.
  const from = ipaddr.process(address);
  return networks.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network);
    return base.kind() === from.kind() && from.match(base, bits);
  });
}

/** The one command for the agent's machine; the token comes by standard input (rules.md 33). */
export function enrollCommand(token: string, enrollUrl: string): string {
  return `echo ${token} | wayside-agent enroll --server ${enrollUrl}`;
}

/** The same for an agent that comes back. */
export function recoverCommand(token: string, enrollUrl: string): string {
  return `echo ${token} | wayside-agent enroll --recover --server ${enrollUrl}`;
}
