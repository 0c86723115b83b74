// What is put into the tokens that the library makes: for people and for services, as text and as JWT alike.
import type { AccessToken, ClientCredentials, JWTStructured, KoaContextWithOIDC } from 'oidc-provider';
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { elevatedAcr } from '../../protocol/api/authority.ts';
import { tokenBytes } from '../../protocol/limits.ts';
import { tokenPrefixes } from '../../protocol/ids.ts';
import { familyKey } from './adapter.ts';
import { claimsOfFacts, clientKey } from './claims.ts';
import { goodPrincipal, readCredential } from './clients.ts';
import type { OauthParts, TokenFacts } from './contract.ts';
import { detailsSchema, keptDetail } from './detail.ts';
import { ceilingOf, scopeOf } from './scope.ts';
import { hashOf } from './store.ts';

type Token = AccessToken | ClientCredentials;
type Deps = Pick<OauthParts, 'authority' | 'store' | 'clock' | 'issuer'>;

/** How somebody signed in, as the session, code or refresh token that a token is made from remembers it. */
interface Authentication {
  readonly acr?: string | undefined;
  readonly authTime?: number | undefined;
}

/** Stored with an opaque token, and read back by inspect.ts; the JWT form gets its claims from `shapeJwt`. */
export function extraClaims(
  deps: Deps,
): (ctx: KoaContextWithOIDC, token: Token) => Promise<Record<string, string | number | boolean>> {
  return async (ctx, token) => {
    const { organization, principals } = deps.authority.policy();
    if (token.kind === 'ClientCredentials') return { org: organization.id, principal_type: 'service' };
    const { acr, authTime } = authenticationOf(ctx);
    return {
      org: organization.id,
      principal_type: principals.get((token as AccessToken).accountId)?.kind ?? 'user',
      ...(acr === undefined ? {} : { acr }),
      ...(authTime === undefined ? {} : { auth_time: authTime }),
      elevated: acr === elevatedAcr,
    };
  };
}

function authenticationOf(ctx: KoaContextWithOIDC): Authentication {
  const { entities } = ctx.oidc;
  return (entities.AuthorizationCode ?? entities.DeviceCode ?? entities.RefreshToken ?? {}) as Authentication;
}

/** Gives a JWT the claims of RFC 9068 and ours, whatever the library put there. */
export function shapeJwt(
  deps: Deps,
): (ctx: KoaContextWithOIDC, token: Token, parts: JWTStructured) => Promise<void> {
  return async (ctx, token, parts) => {
    const { kind, subject, scope, parents } = await holderOf(deps, token);
    token.scope = scope;
    const { acr, authTime } =
      token.kind === 'ClientCredentials' ? ({} as Authentication) : authenticationOf(ctx);
    const {
      iat = 0,
      exp = 0,
      jti = randomUUIDv7(),
    } = parts.payload as Readonly<{
      iat?: number;
      exp?: number;
      jti?: string;
    }>;
    const facts: TokenFacts = {
      id: jti,
      key: '',
      organization: deps.authority.policy().organization.id,
      subject,
      client: token.clientId ?? '',
      audience: String(token.aud),
      scope,
      detail: keptDetail(detailsSchema.parse(token.rar ?? [])),
      issuedAt: iat * 1_000,
      notBefore: iat * 1_000,
      expiresAt: exp * 1_000,
      actors: [],
      mayAct: null,
      parents,
      acr: acr ?? null,
      authenticatedAt: authTime === undefined ? null : authTime * 1_000,
      elevated: kind === 'service' || acr === elevatedAcr,
      keyThumbprint: token.jkt ?? null,
    };
    parts.payload = claimsOfFacts(facts, {
      issuer: deps.issuer(),
      principalType: kind,
    }) as typeof parts.payload;
  };
}

interface Holder {
  readonly kind: string;
  readonly subject: string;
  readonly scope: string;
  readonly parents: readonly string[];
}

async function holderOf(deps: Deps, token: Token): Promise<Holder> {
  if (token.kind === 'ClientCredentials') {
    const credential = await readCredential(deps, token.clientId ?? '');
    if (credential === null) throw new Error('the client was authenticated and is not there any more');
    const { row, principal } = credential;
    return {
      kind: principal.kind,
      subject: principal.id,
      scope: token.scope ?? scopeOf(row.permissions === null ? null : ceilingOf(row.permissions)),
      parents: [clientKey(row.id)],
    };
  }
  const { accountId, grantId } = token as AccessToken;
  const principal = goodPrincipal(deps.authority.policy(), accountId);
  if (principal === null) throw new Error('the account was found and is not there any more');
  return {
    kind: principal.kind,
    subject: principal.id,
    scope: token.scope ?? '',
    parents: grantId === undefined ? [] : [familyKey(hashOf('Grant', grantId))],
  };
}

/** Identifiers of tokens: a UUID for what is no secret, a prefix that scanners know for what is one. */
export function tokenId(kind: string, format: string | undefined): string | null {
  if (format === 'jwt') return randomUUIDv7();
  if (kind === 'AccessToken') return tokenPrefixes.access + randomBytes(tokenBytes).toString('base64url');
  if (kind === 'RefreshToken') return tokenPrefixes.refresh + randomBytes(tokenBytes).toString('base64url');
  return null;
}
