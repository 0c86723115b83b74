// Access tokens become callers: verified here without asking anybody, and never with more than the token says.
import type { Authenticator, Caller, Presented } from '../authority/caller.ts';
import { bearerOf, invalidToken } from '../authority/authenticate.ts';
import { isPersonalToken } from '../authority/token.ts';
import { tokenPrefixes } from '../../protocol/ids.ts';
import { isElevated } from './claims.ts';
import type { OauthParts, TokenFacts } from './contract.ts';
import type { TokenInspector } from './inspect.ts';
import { withinOf } from './detail.ts';
import { thumbprintOfProof } from './proof.ts';
import { ceilingOf, narrower } from './scope.ts';

type Deps = Pick<OauthParts, 'authority' | 'clock' | 'issuer' | 'proofs'> & {
  readonly inspector: TokenInspector;
};

/** Null where no access token was presented; `invalid_token` for one that is not good, whatever is wrong with it. */
export function accessTokenAuthenticator(deps: Deps): Authenticator {
  return async (presented, now) => {
    const token = accessTokenOf(presented);
    if (token === null) return null;
    const facts = await deps.inspector.inspect(token.text);
    if (facts === null || facts.audience !== deps.issuer()) throw invalidToken();
    if (!(await isHolder(deps, { facts, presented, token }))) throw invalidToken();
    return callerOf(deps, facts, now);
  };
}

interface Token {
  readonly scheme: 'Bearer' | 'DPoP';
  readonly text: string;
}

function accessTokenOf(presented: Presented): Token | null {
  const proven = /^DPoP +([A-Za-z0-9._~+/=-]+)$/i.exec(presented.authorization ?? '')?.[1];
  if (proven !== undefined) return { scheme: 'DPoP', text: proven };
  const text = bearerOf(presented);
  if (text === null || isPersonalToken(text)) return null;
  // Other bearer tokens have a prefix of their own and somebody else who knows them.
  const isOurs = text.startsWith(tokenPrefixes.access) || /^[\w-]+\.[\w-]*\.[\w-]*$/.test(text);
  return isOurs ? { scheme: 'Bearer', text } : null;
}

/** A bound token is good only with a proof, and a proof is good only for a bound token (RFC 9449, section 7.1). */
async function isHolder(
  deps: Deps,
  held: { readonly facts: TokenFacts; readonly presented: Presented; readonly token: Token },
): Promise<boolean> {
  const { facts, presented, token } = held;
  if (facts.keyThumbprint === null) return token.scheme === 'Bearer';
  if (token.scheme !== 'DPoP' || presented.dpop === undefined) return false;
  const thumbprint = await thumbprintOfProof(
    { memory: deps.proofs, clock: deps.clock },
    {
      proof: presented.dpop,
      method: presented.method,
      url: new URL(presented.url ?? '/', deps.issuer()).href,
      token: token.text,
      request: presented.request ?? '',
    },
  );
  return thumbprint === facts.keyThumbprint;
}

/** Throws `invalid_token` where the subject, or one who acts for it, is not there any more or is disabled. */
export function callerOf(deps: Pick<Deps, 'authority'>, facts: TokenFacts, now: number): Caller {
  const { principals, organization } = deps.authority.policy();
  if (facts.organization !== organization.id) throw invalidToken();
  const [principal, ...actors] = [facts.subject, ...facts.actors].map((id) => {
    const found = principals.get(id);
    if (found === undefined || found.disabled) throw invalidToken();
    return found;
  });
  if (principal === undefined) throw invalidToken();
  const detailed = facts.detail?.permissions ?? null;
  return {
    principal,
    actors,
    credential: {
      kind: 'access_token',
      id: facts.id,
      name: facts.client,
      permissions: narrower(ceilingOf(facts.scope), detailed === null ? null : ceilingOf(detailed.join(' '))),
      within: withinOf(facts),
      elevated: isElevated(facts, now),
      authenticatedAt: facts.authenticatedAt,
      expiresAt: facts.expiresAt,
    },
  };
}
