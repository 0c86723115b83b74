// What every page does with a browser: which session it has, which cookies it gets, where it goes on.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { knownDeviceMs, signInAttemptMs } from '../../protocol/limits-authority.ts';
import type { Completed } from './complete.ts';
import { acrValues, signInPath } from './contract.ts';
import type { Acr, SignedIn } from './contract.ts';
import { clearCookie, readCookie, setCookie } from './cookies.ts';
import type { CookieName } from './cookies.ts';
import type { SignInDeps } from './deps.ts';
import type { GoalFields } from './forms.ts';
import { reaches } from './methods.ts';
import { ownPath } from './origins.ts';
import { readSession } from './sessions.ts';
import type { GoodSession } from './sessions.ts';

const home = '/account';

/** The good session of a browser, or null. */
export async function sessionOf(deps: SignInDeps, request: FastifyRequest): Promise<GoodSession | null> {
  const cookie = cookieOf(deps, request, 'session');
  return cookie === null ? null : readSession(deps, cookie, deps.clock.now());
}

export function cookieOf(deps: SignInDeps, request: FastifyRequest, name: CookieName): string | null {
  return readCookie(request.headers.cookie, name, deps.origins().secure);
}

/** Sets what a sign-in has made and leads on. */
export function leaveSignedIn(deps: SignInDeps, reply: FastifyReply, completed: Completed): FastifyReply {
  setSignedIn(deps, reply, completed);
  return leave(reply, completed.returnTo);
}

export function setSignedIn(
  deps: SignInDeps,
  reply: FastifyReply,
  { session, device }: Pick<Completed, 'session' | 'device'>,
): void {
  const { secure } = deps.origins();
  setCookie(reply, { name: 'session', value: session, secure });
  if (device !== null) setCookie(reply, { name: 'device', value: device, secure, maxAgeMs: knownDeviceMs });
  clearCookie(reply, 'attempt', secure);
}

export function setAttempt(deps: SignInDeps, reply: FastifyReply, value: string): void {
  setCookie(reply, { name: 'attempt', value, secure: deps.origins().secure, maxAgeMs: signInAttemptMs });
}

/**
 * After a form. What an authorization server redirects to is of another origin, and browsers apply `form-action` to
 * the whole chain that begins with a form; so a page in between ends it.
 */
export function leave(reply: FastifyReply, to: string): FastifyReply {
  const path = to.startsWith('/oauth2/') ? `/sign-in/continue?${new URLSearchParams({ return_to: to })}` : to;
  return reply.redirect(path, 303);
}

/** What a sign-in is asked to reach. */
export interface Wanted {
  readonly returnTo: string;
  readonly acr: Acr | null;
  readonly maxAgeMs: number | null;
}

export function wantedBy(fields: GoalFields): Wanted {
  const asked = (fields.acr_values ?? '').split(' ');
  return {
    returnTo: ownPath(fields.return_to, home),
    acr: acrValues.find((acr) => asked.includes(acr)) ?? null,
    maxAgeMs: fields.max_age === undefined ? null : Number(fields.max_age) * 1_000,
  };
}

export function isReached(wanted: Wanted, signedIn: SignedIn, now: number): boolean {
  const isStrong = wanted.acr === null || reaches(signedIn.acr, wanted.acr);
  return isStrong && (wanted.maxAgeMs === null || now - signedIn.authenticatedAt <= wanted.maxAgeMs);
}

/** The fields of a form that carry it along. */
export function carriedOf({ returnTo, acr, maxAgeMs }: Wanted): Record<string, string> {
  return {
    return_to: returnTo,
    ...(acr === null ? {} : { acr_values: acr }),
    ...(maxAgeMs === null ? {} : { max_age: String(maxAgeMs / 1_000) }),
  };
}

/** Where a fresh sign-in goes on: it is as young as can be, and it may still have to become stronger. */
export function afterSignIn({ returnTo, acr }: Wanted): string {
  return acr === null ? returnTo : signInPath({ returnTo, acr });
}

export function elevatePathOf(wanted: Wanted): string {
  return `/sign-in/elevate?${new URLSearchParams(carriedOf(wanted))}`;
}
