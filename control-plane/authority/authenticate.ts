// Who is asking: the personal token of a request (RFC 6750, section 2.1) becomes a caller, or a failure that says why.
import { Failure } from '../../protocol/failures.ts';
import type { Caller, Credential, Presented } from './caller.ts';
import type { Policy, TokenRecord } from './policy.ts';
import { hashToken, isPersonalToken } from './token.ts';

/** The bearer token of a request, or null. */
export function bearerOf({ authorization }: Pick<Presented, 'authorization'>): string | null {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization ?? '')?.[1] ?? null;
}

/**
 * Null where no personal token was presented. Throws `invalid_token` for one that is unknown, expired, revoked or its
 * principal's who is disabled: one sentence for all of them, so that nothing can be learned by trying.
 */
export function authenticatePersonalToken(policy: Policy, presented: Presented, now: number): Caller | null {
  const bearer = bearerOf(presented);
  if (bearer === null || !isPersonalToken(bearer)) return null;
  const token = policy.tokensByHash.get(hashToken(bearer));
  const principal = token === undefined ? undefined : policy.principals.get(token.principal);
  const good = token !== undefined && !token.revoked && (token.expiresAt === null || token.expiresAt > now);
  if (!good || principal === undefined || principal.disabled) throw invalidToken();
  return { principal, credential: credentialOf(token), actors: [] };
}

/** A personal token was made on purpose, with the rights that it has: it counts as elevated. */
export function credentialOf(token: TokenRecord): Credential {
  const { id, name, permissions, expiresAt } = token;
  return {
    kind: 'personal_token',
    id,
    name,
    permissions,
    within: null,
    elevated: true,
    authenticatedAt: null,
    expiresAt,
  };
}

/** Nothing at all was presented. */
export function notSignedIn(): Failure {
  return new Failure(
    'not_signed_in',
    'Send your token as `Authorization: Bearer …`; `wayside login` stores one.',
  );
}

/** Something was presented that is not good, whatever is wrong with it. */
export function invalidToken(cause?: unknown): Failure {
  return new Failure(
    'invalid_token',
    'The token is unknown, expired or revoked. Sign in again with `wayside login`.',
    cause === undefined ? {} : { cause },
  );
}
