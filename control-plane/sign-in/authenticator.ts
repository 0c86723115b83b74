// A session cookie becomes a caller: the way in which browsers sign in to the API.
import { Failure } from '../../protocol/failures.ts';
import type { Authenticator } from '../authority/caller.ts';
import { readCookie } from './cookies.ts';
import type { SignInDeps } from './deps.ts';
import { comesFromUs } from './origins.ts';
import { authenticatedAt, elevatedUntil, elevationOf, openTouch, readSession } from './sessions.ts';

/**
 * A bearer token beside the cookie wins. Throws `forbidden` where a page of somebody else asks (the cookie rides along
 * with its requests), and `invalid_token` for a session that is over.
 */
export function sessionAuthenticator(deps: SignInDeps): Authenticator {
  const touch = openTouch(deps);
  return async (presented, now) => {
    if (presented.authorization !== undefined) return null;
    const origins = deps.origins();
    const cookie = readCookie(presented.cookie, 'session', origins.secure);
    if (cookie === null) return null;
    if (!comesFromUs(origins, presented)) {
      throw new Failure(
        'forbidden',
        'This request carries a session and does not come from a page of ours. If it does, start the server with ' +
          '--public-url and the origin that the browser shows.',
      );
    }
    const session = await readSession(deps, cookie, now);
    if (session === null)
      throw new Failure('invalid_token', 'The session is over. Sign in again at /sign-in.');
    const { row, principal } = session;
    touch(row, now);
    return {
      principal,
      credential: {
        kind: 'session',
        id: row.id,
        name: 'session',
        permissions: null,
        within: null,
        elevated: elevatedUntil(row, now) !== null,
        authenticatedAt: authenticatedAt(row),
        expiresAt: row.expires_at,
      },
      actors: [],
    };
  };
}

/** What a person signed in with otherwise counts as elevated while `POST /v1/elevate` has made it so. */
export function elevatedByPassword(deps: SignInDeps, authenticator: Authenticator): Authenticator {
  return async (presented, now) => {
    const caller = await authenticator(presented, now);
    const credential = caller?.credential;
    if (caller === null || credential === undefined || credential === null) return caller;
    if (credential.kind !== 'access_token' || credential.elevated) return caller;
    if (caller.principal.kind !== 'user' || caller.actors.length > 0) return caller;
    const until = await elevationOf(deps, credential.id, now);
    return until === null ? caller : { ...caller, credential: { ...credential, elevated: true } };
  };
}
