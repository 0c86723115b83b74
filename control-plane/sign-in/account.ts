// Who a name stands for at sign-in, and from where the attempt comes as that account sees it.
import type { FastifyRequest } from 'fastify';
import type { Policy, PrincipalRecord } from '../authority/policy.ts';
import { knownDeviceMs, knownNetworkMs } from '../../protocol/limits-authority.ts';
import { readCookie } from './cookies.ts';
import type { SignInDeps } from './deps.ts';
import { hashSecret } from './one-time-secret.ts';
import { selectDevices } from './session-store.ts';
import { networkOf } from './throttle.ts';
import type { Origin } from './throttle.ts';

/** Of nobody: it reads as much as that of somebody and finds nothing. */
export const nobodyId = '00000000-0000-0000-0000-000000000000';

/** An enabled user of that name, or null; services never sign in. */
export function findAccount(policy: Policy, name: string): PrincipalRecord | null {
  for (const principal of policy.principals.values()) {
    if (principal.name === name) return isAccount(principal) ? principal : null;
  }
  return null;
}

/** The same by id. */
export function accountOf(policy: Policy, id: string | null): PrincipalRecord | null {
  const principal = id === null ? undefined : policy.principals.get(id);
  return principal !== undefined && isAccount(principal) ? principal : null;
}

function isAccount({ kind, disabled }: PrincipalRecord): boolean {
  return kind === 'user' && !disabled;
}

/** `name` is what was typed; it counts even where there is no such account. */
export async function originOf(
  { store, clock, origins }: SignInDeps,
  request: FastifyRequest,
  asked: { readonly name: string; readonly account: PrincipalRecord | null },
): Promise<Origin> {
  const network = networkOf(request.ip);
  const cookie = readCookie(request.headers.cookie, 'device', origins().secure);
  const hash = cookie === null ? null : hashSecret(cookie);
  const devices = await store.read(selectDevices(store, asked.account?.id ?? nobodyId));
  const now = clock.now();
  const device = devices.find((each) => each.hash === hash && now - each.last_seen_at < knownDeviceMs);
  return {
    account: asked.name,
    network,
    device: device?.hash ?? null,
    isKnownNetwork: devices.some(
      (each) => each.network === network && now - each.last_seen_at < knownNetworkMs,
    ),
  };
}
