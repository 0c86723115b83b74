// The JWT bearer grant (RFC 7523, section 2.1): a service shows a JWT that it signed itself, once, or one of an outside
// issuer that a federation accepts.
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTPayload } from 'jose';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { isId } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';
import { clockSkewMsMax } from '../../protocol/limits.ts';
import { accessTokenMs, assertionMsMax, bearerCharactersMax } from '../../protocol/limits-authority.ts';
import type { Permission } from '../../protocol/permissions.ts';
import { audienceOf } from './audience.ts';
import { clientKey } from './claims.ts';
import { bearerClientId, readCredential } from './clients.ts';
import type { GoodCredential } from './clients.ts';
import type { OauthParts } from './contract.ts';
import { federate, federationKey, issuerOf, outsideAlgorithms } from './federation.ts';
import type { PresentedAssertion } from './federation.ts';
import { issueAccessToken, requestFactsOf, tokenAnswer } from './issue.ts';
import type { Issue, Issued } from './issue.ts';
import type { Library } from './load-library.ts';
import { isFirstUse } from './once.ts';
import { paths } from './paths.ts';
import { ceilingOf, scopeWithin, unknownScopes } from './scope.ts';
import { hashOf } from './store.ts';
import { proofMissing, provenKeyOf } from './token-proof.ts';

export const assertionParameters = ['assertion', 'provider', 'scope', 'resource', 'audience'] as const;
type Parameters = Readonly<Record<(typeof assertionParameters)[number], string | undefined>>;

type Deps = OauthParts & { readonly errors: Library['errors'] };

export function assertionGrant(deps: Deps): (ctx: KoaContextWithOIDC) => Promise<void> {
  return async (ctx) => {
    const { assertion, provider, scope, resource, audience } = ctx.oidc.params as unknown as Parameters;
    if (assertion === undefined || assertion.length > bearerCharactersMax) {
      throw new deps.errors.InvalidRequest('assertion is missing or too long');
    }
    const grant = {
      assertion,
      provider: provider ?? null,
      scope,
      client: ctx.oidc.client?.clientId ?? '',
      audience: resource ?? audience,
      keyThumbprint: await provenKeyOf(deps, ctx),
    };
    const issued = await issueForAssertion(deps, grant, requestFactsOf(ctx));
    ctx.body = tokenAnswer(issued, deps.clock.now());
  };
}

/** Throws `InvalidGrant`, `InvalidScope` or `InvalidTarget`. */
export async function issueForAssertion(
  deps: Deps,
  grant: {
    readonly assertion: string;
    readonly provider: string | null;
    readonly scope: string | undefined;
    readonly audience: string | undefined;
    readonly client: string;
    /** Of the key that the token is to be bound to; null where nobody has proven one. */
    readonly keyThumbprint: string | null;
  },
  request: Readonly<Record<string, unknown>>,
): Promise<Issued> {
  const bearer =
    (await ownAssertion(deps, grant)) ??
    (await outsideAssertion(
      deps,
      { assertion: grant.assertion, provider: grant.provider, request },
      grant.client,
    ));
  if (bearer === null) throw new deps.errors.InvalidGrant('the assertion is not accepted');
  const { ceiling, details, ...issue } = bearer;
  const [unknown] = unknownScopes(grant.scope);
  const scope = scopeWithin(ceiling, grant.scope);
  if (unknown !== undefined || scope === null) {
    throw new deps.errors.InvalidScope('the service may not have so much', unknown ?? grant.scope ?? '');
  }
  const audience = await audienceOf(deps, grant.audience ?? deps.issuer());
  if (audience === null) throw new deps.errors.InvalidTarget();
  const { keyThumbprint } = grant;
  return issueAccessToken(
    deps,
    { ...issue, scope, audience, keyThumbprint },
    { grantType: 'jwt-bearer', details, request },
  );
}

type Bearer = Omit<Issue, 'scope' | 'audience' | 'keyThumbprint'> & {
  readonly ceiling: ReadonlySet<Permission> | null;
  readonly details: Readonly<Record<string, unknown>>;
};

/** Null where it was not signed by a service of ours. */
async function ownAssertion(
  deps: Deps,
  grant: { readonly assertion: string; readonly client: string; readonly keyThumbprint: string | null },
): Promise<Bearer | null> {
  const { assertion, client } = grant;
  const id = issuerOf(assertion);
  if (id === null || !isId(id)) return null;
  const credential = await readCredential(deps, id);
  if (credential === null || credential.row.kind !== 'public_key') return null;
  // Who authenticated as one client does not bring the word of another.
  if (client !== bearerClientId && client !== id) return null;
  const claims = await verifyOwn(deps, credential, assertion);
  if (claims === null) return null;
  // Before it counts as used: whoever forgot the proof may come again.
  if (credential.row.dpop === 1 && grant.keyThumbprint === null) throw proofMissing(deps);
  const key = await useOnce(deps, {
    issuer: id,
    jti: claims.jti ?? '',
    expiresAt: (claims.exp ?? 0) * 1_000,
  });
  const { row, principal } = credential;
  return {
    subject: principal,
    client: id,
    parents: [key, clientKey(id)],
    ceiling: row.permissions === null ? null : ceilingOf(row.permissions),
    details: { credential: row.name },
  };
}

async function verifyOwn(
  deps: Deps,
  { row, principal }: GoodCredential,
  assertion: string,
): Promise<JWTPayload | null> {
  try {
    const keys = createLocalJWKSet(parseJson(row.jwks ?? '') as JSONWebKeySet);
    const { payload } = await jwtVerify(assertion, keys, {
      issuer: row.id,
      audience: [deps.issuer(), deps.issuer() + paths.token],
      algorithms: outsideAlgorithms,
      requiredClaims: ['exp', 'sub', 'jti'],
      clockTolerance: clockSkewMsMax / 1_000,
      currentDate: new Date(deps.clock.now()),
    });
    const lasts = (payload.exp ?? 0) * 1_000 - deps.clock.now();
    const isOwn = [row.id, principal.id, principal.name].includes(payload.sub ?? '');
    return isOwn && typeof payload.jti === 'string' && lasts > 0 && lasts <= assertionMsMax ? payload : null;
  } catch {
    return null;
  }
}

/**
 * An assertion is good once. Where it comes a second time, somebody copied it: what the first one brought ends too.
 * Resolves with the key under which that is done.
 */
async function useOnce(
  deps: Deps,
  used: { readonly issuer: string; readonly jti: string; readonly expiresAt: number },
): Promise<string> {
  const id = `${used.issuer} ${used.jti}`;
  const key = hashOf('assertion', id);
  const until = used.expiresAt + clockSkewMsMax + accessTokenMs;
  if (await isFirstUse(deps, { kind: 'assertion-use', id, until })) return key;
  await deps.revoke([key]);
  throw new deps.errors.InvalidGrant('the assertion was used before');
}

/** Null where no federation accepts it. */
async function outsideAssertion(
  deps: Deps,
  presented: PresentedAssertion,
  client: string,
): Promise<Bearer | null> {
  const federated = await federate(deps, presented);
  if (federated === null) return null;
  const { federation, principal, claims } = federated;
  return {
    subject: principal,
    client,
    parents: [federationKey(federation.id)],
    ceiling: federation.permissions === null ? null : ceilingOf(federation.permissions),
    details: { federation: federation.name, outside_issuer: federation.issuer, outside_subject: claims.sub },
  };
}
