// Who asks, by which credential, and on whose behalf. Every way to sign in ends in one of these.
import type { Permission } from '../../protocol/permissions.ts';
import type { PrincipalRecord } from './policy.ts';
import type { ResourcePath } from './level.ts';

/** What was presented, once it has been found good. It can only ever take rights away. */
export interface Credential {
  readonly kind: 'personal_token' | 'access_token' | 'session' | 'run_token';
  readonly id: string;
  readonly name: string;
  /** Ceiling of permissions; null where the credential adds none. */
  readonly permissions: ReadonlySet<Permission> | null;
  /** Nothing outside of it can be reached; null where the credential is not confined. */
  readonly within: ResourcePath | null;
  /** Whether sensitive permissions may be used; a session or sign-in token without it is asked to elevate. */
  readonly elevated: boolean;
  /** Epoch ms of the last active authentication of a person; null for machines. */
  readonly authenticatedAt: number | null;
  /** Epoch ms; null for what ends by revocation only. */
  readonly expiresAt: number | null;
}

/** `credential` is null where the server acts for a principal that pressed earlier. */
export interface Caller {
  readonly principal: PrincipalRecord;
  readonly credential: Credential | null;
  /** Who acts for the principal (RFC 8693, `act`), nearest first; empty where the principal acts itself. */
  readonly actors: readonly PrincipalRecord[];
}

/** The parts of a request that can say who asks. */
export interface Presented {
  readonly method: string;
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** A proof that the sender holds the key of its token (RFC 9449), and what that proof is about. */
  readonly dpop?: string | undefined;
  /** Path and query of the request. */
  readonly url?: string | undefined;
  /** Names the request, so that looking at it twice is no replay. */
  readonly request?: string | undefined;
}

/**
 * One way to sign in. Null means that nothing of its kind was presented; for something of its kind that is not good it
 * throws `invalid_token`.
 */
export type Authenticator = (presented: Presented, now: number) => Caller | null | Promise<Caller | null>;

/** A caller without a credential: the server on behalf of somebody. */
export function onBehalfOf(principal: PrincipalRecord): Caller {
  return { principal, credential: null, actors: [] };
}
