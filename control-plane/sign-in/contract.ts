// What the rest of the control plane asks of sign-in: who is signed in in the browser that asks, how strongly and
// since when, and the page to which a browser is sent for more.
import type { FastifyRequest } from 'fastify';

/** How strongly somebody is signed in (OpenID Connect Core, section 2, `acr`), from weak to strong. */
export const acrValues = [
  'urn:wayside:acr:single-factor',
  'urn:wayside:acr:multi-factor',
  /** Signed in again on purpose, with a reason; it lasts `elevationMsMax` at the most. */
  'urn:wayside:acr:elevated',
] as const;
export type Acr = (typeof acrValues)[number];

/** Methods by which somebody showed who they are (RFC 8176): `pwd`, `otp`, `mfa`, `hwk`, `swk`, `user`, `fed`. */
export type Amr = 'pwd' | 'otp' | 'mfa' | 'hwk' | 'swk' | 'user' | 'kba' | 'fed';

/** A session that is good at this moment. */
export interface SignedIn {
  readonly principalId: string;
  /** Epoch ms of the last time that the person actively showed who they are, elevation included. */
  readonly authenticatedAt: number;
  readonly acr: Acr;
  readonly amr: readonly Amr[];
  readonly sessionId: string;
  /** Epoch ms; null unless `acr` is the elevated one. */
  readonly elevatedUntil: number | null;
}

/** What others hold of sign-in. */
export interface SignInContract {
  /**
   * Null where the request carries no session cookie or one that is no longer good; also for a write, or a request
   * with an `Origin`, that does not come from a page of ours. Never throws for what a browser sends.
   */
  signedInOf(request: FastifyRequest): Promise<SignedIn | null>;
}

/**
 * The page that signs somebody in and then leads to `returnTo`, a path of our own origin. With `acr` or `maxAgeS`
 * (seconds since the last active authentication) it asks somebody who is signed in already for what is missing.
 */
export function signInPath(asked: {
  readonly returnTo: string;
  readonly acr?: Acr;
  readonly maxAgeS?: number;
}): string {
  const query = new URLSearchParams({ return_to: asked.returnTo });
  if (asked.acr !== undefined) query.set('acr_values', asked.acr);
  if (asked.maxAgeS !== undefined) query.set('max_age', String(asked.maxAgeS));
  return `/sign-in?${query.toString()}`;
}
