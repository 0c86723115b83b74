// What oidc-provider cannot do: introspect and revoke tokens that are JWTs (it refuses them). Such a token is looked at
// by us first; where it is good, the library gets a handle for this one request, behind which stands what it says.
import { randomUUID } from 'node:crypto';
import type { AdapterPayload } from 'oidc-provider';
import { actOf } from './claims.ts';
import type { OauthParts, TokenFacts } from './contract.ts';
import { detailsOf } from './detail.ts';

export interface PresentedTokens {
  /** Puts a good token behind a handle until `drop`; for null the handle leads nowhere. */
  put(facts: TokenFacts | null): { readonly handle: string; readonly drop: () => void };
  /** For the adapter. */
  find(model: string, id: string): AdapterPayload | undefined;
  /** For the adapter, by the token's own id: false where it is none that is behind a handle. */
  revoke(id: string): Promise<boolean>;
}

export function openPresentedTokens(deps: Pick<OauthParts, 'authority' | 'revoke'>): PresentedTokens {
  const held = new Map<string, TokenFacts>();
  return {
    put(facts) {
      const handle = randomUUID();
      if (facts !== null) held.set(handle, facts);
      return { handle, drop: () => void held.delete(handle) };
    },
    find(model, id) {
      const facts = held.get(id);
      return facts === undefined || model !== 'AccessToken' ? undefined : payloadOf(deps, facts);
    },
    async revoke(id) {
      // The library knows the token by its own name from then on; only requests under way are looked through.
      const facts = [...held.values()].find((each) => each.id === id);
      if (facts === undefined) return false;
      await deps.revoke([facts.key]);
      return true;
    },
  };
}

/** As the library keeps a token; what it has no word for is in `extra`, which introspection shows (RFC 7662, 2.2). */
function payloadOf(deps: Pick<OauthParts, 'authority'>, facts: TokenFacts): AdapterPayload {
  const { detail } = facts;
  const principal = deps.authority.policy().principals.get(facts.subject);
  return {
    kind: 'AccessToken',
    jti: facts.id,
    clientId: facts.client,
    aud: facts.audience,
    scope: facts.scope,
    iat: Math.floor(facts.issuedAt / 1_000),
    exp: Math.floor(facts.expiresAt / 1_000),
    ...(facts.keyThumbprint === null ? {} : { jkt: facts.keyThumbprint }),
    ...(detail === null ? {} : { rar: detailsOf(detail) }),
    extra: {
      sub: facts.subject,
      nbf: Math.floor(facts.notBefore / 1_000),
      org: facts.organization,
      principal_type: principal?.kind ?? 'user',
      ...(principal === undefined ? {} : { username: principal.name }),
      ...(facts.acr === null ? {} : { acr: facts.acr }),
      ...(facts.authenticatedAt === null ? {} : { auth_time: Math.floor(facts.authenticatedAt / 1_000) }),
      elevated: facts.elevated,
      ...(facts.actors.length === 0 ? {} : { act: actOf(facts.actors) }),
      ...(facts.mayAct === null ? {} : { may_act: { sub: facts.mayAct } }),
    },
  };
}
