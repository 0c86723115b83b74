// Who is asking: the bearer token of a request (RFC 6750, section 2.1) becomes a caller, or a failure that says why.
import { Failure } from '../../protocol/failures.ts';
import type { Caller } from './authorize.ts';
import type { Policy } from './policy.ts';
import { hashToken } from './token.ts';

/**
 * `header` is the Authorization header, `now` epoch ms. Throws `not_signed_in` without a token and `invalid_token`
 * for one that is unknown, expired, revoked or its principal's who is disabled: one sentence for all of them, so
 * that nothing can be learned by trying.
 */
export function authenticate(policy: Policy, header: string | undefined, now: number): Caller {
  const match = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header ?? '');
  if (match?.[1] === undefined) {
    throw new Failure(
      'not_signed_in',
      'Send your token as `Authorization: Bearer …`; `wayside login` stores one.',
    );
  }
  const token = policy.tokensByHash.get(hashToken(match[1]));
  const principal = token === undefined ? undefined : policy.principals.get(token.principal);
  const good = token !== undefined && !token.revoked && (token.expiresAt === null || token.expiresAt > now);
  if (!good || principal === undefined || principal.disabled) {
    throw new Failure(
      'invalid_token',
      'The token is unknown, expired or revoked. Sign in again with `wayside login`.',
    );
  }
  return { principal, token };
}
