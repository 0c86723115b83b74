// oidc-provider as we use it: which flows there are, for whom, how long each thing lives, and where our own parts
// answer its questions.
import type { Adapter, Configuration, KoaContextWithOIDC, Provider } from 'oidc-provider';
import {
  accessTokenMs,
  authorizationCodeMs,
  deviceCodeMs,
  devicePollMs,
  grantMs,
  idTokenMs,
  inactiveAnswerMsMin,
  interactionMs,
  refreshTokenMs,
} from '../../protocol/limits-authority.ts';
import { teamsOf } from '../authority/reach.ts';
import type { SigningKey } from '../secrets/signing-keys.ts';
import { acrValues } from '../sign-in/contract.ts';
import { assertionGrant, assertionParameters } from './assertion.ts';
import { goodPrincipal, grantTypes, hcpClientId, isSecret } from './clients.ts';
import { detailType } from './contract.ts';
import type { OauthParts } from './contract.ts';
import { detailsOf, detailsSchema, detailWithin, keptDetail } from './detail.ts';
import { devicePages } from './device-pages.ts';
import { exchangeGrant, exchangeParameters } from './exchange.ts';
import type { TokenInspector } from './inspect.ts';
import { mayIntrospect } from './may-introspect.ts';
import { isFirstUse } from './once.ts';
import type { Library } from './load-library.ts';
import { messagePage } from './pages.ts';
import { paths } from './paths.ts';
import { proofAlgorithms } from './proof.ts';
import { resourceServerOf } from './resource-server.ts';
import { apiScopes, identityScopes } from './scope.ts';
import { extraClaims, shapeJwt, tokenId } from './token-claims.ts';
import { recordIssued } from './record-issued.ts';

export interface ProviderDeps extends OauthParts {
  readonly library: Library;
  readonly inspector: TokenInspector;
  readonly adapter: (model: string) => Adapter;
}

export async function openProvider(deps: ProviderDeps, key: SigningKey): Promise<Provider> {
  const { library } = deps;
  const jwk = await crypto.subtle.exportKey('jwk', key.privateKey);
  const provider = new library.Provider(deps.issuer(), {
    ...configurationOf(deps),
    jwks: { keys: [{ ...jwk, kid: key.kid, alg: 'ES256', use: 'sig' } as never] },
  });
  // What the front hands over says by which name and scheme the outside reaches us (forward.ts).
  provider.proxy = true;
  adaptModels(provider, deps);
  const withErrors = { ...deps, errors: library.errors };
  provider.registerGrantType(grantTypes.exchange, exchangeGrant(withErrors) as never, exchangeParameters);
  provider.registerGrantType(grantTypes.assertion, assertionGrant(withErrors) as never, assertionParameters);
  provider.use(async (ctx, next) => {
    const startedAt = performance.now();
    await next();
    await afterAnswer(deps, ctx as unknown as KoaContextWithOIDC, startedAt);
  });
  return provider;
}

/** The few things about the library's models that its configuration does not reach. */
function adaptModels(provider: Provider, deps: ProviderDeps): void {
  // Only the hash of a secret is stored, and the library would compare the stored text itself.
  Reflect.set(
    provider.Client.prototype,
    'compareClientSecret',
    function compare(this: object, given: unknown) {
      return isSecret(String(Reflect.get(this, 'clientSecret')), given);
    },
  );
  for (const model of [provider.AccessToken, provider.RefreshToken, provider.ClientCredentials]) {
    const prototype = model.prototype as unknown as {
      kind: string;
      format?: string;
      generateTokenId(): string;
    };
    const { generateTokenId } = prototype;
    prototype.generateTokenId = function generate() {
      const id = generateTokenId.call(this);
      return tokenId(this.kind, this.format) ?? id;
    };
  }
  // Whoever is second loses, also where both ask at once and of different processes.
  Reflect.set(provider.ReplayDetection, 'unique', (issuer: string, jti: string, exp: number) =>
    isFirstUse(deps, { kind: 'replay', id: `${issuer} ${jti}`, until: exp * 1_000 }),
  );
}

async function afterAnswer(deps: ProviderDeps, ctx: KoaContextWithOIDC, startedAt: number): Promise<void> {
  const { path, status } = ctx;
  if (path === paths.token && status === 200) await recordIssued(deps, ctx);
  if (path === paths.introspection && Reflect.get(Object(ctx.body), 'active') === false) {
    // However long it took to find out that a token is nothing, the answer takes as long.
    const left = inactiveAnswerMsMin - (performance.now() - startedAt);
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }
  if (path === paths.device && status === 200) {
    // A person is sent where people sign in, whatever name of ours the device knows.
    const answer = ctx.body as { readonly user_code: string };
    const page = deps.origins().canonical + paths.verification;
    const query = new URLSearchParams({ user_code: answer.user_code });
    ctx.body = {
      ...answer,
      verification_uri: page,
      verification_uri_complete: `${page}?${query.toString()}`,
      interval: Math.floor(devicePollMs / 1_000),
    };
  }
  if (path.startsWith('/.well-known/')) {
    const { introspection_endpoint, revocation_endpoint } = ctx.body as Record<string, unknown>;
    ctx.body = {
      ...(ctx.body as object),
      introspection_endpoint,
      revocation_endpoint,
      scopes_supported: [...identityScopes, ...apiScopes],
      protected_resources: [deps.issuer()],
    };
  }
}

function configurationOf(deps: ProviderDeps): Configuration {
  const seconds = (ms: number) => Math.floor(ms / 1_000);
  const accessToken = seconds(accessTokenMs);
  return {
    adapter: deps.adapter,
    acrValues: [...acrValues],
    claims: {
      openid: ['sub', 'acr', 'amr', 'auth_time'],
      profile: ['name', 'preferred_username'],
      groups: ['groups'],
    },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
    clientBasedCORS: () => false,
    // A code or a token of the library's is judged by the same clock that made it.
    clockTolerance: 5,
    cookies: cookiesOf(deps),
    enabledJWA: {
      clientAuthSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'],
      idTokenSigningAlgValues: ['ES256'],
      dPoPSigningAlgValues: [...proofAlgorithms],
    },
    // A sign-in at a client ends with its tokens, not with the browser that it was confirmed in.
    expiresWithSession: () => false,
    extraTokenClaims: extraClaims(deps),
    features: featuresOf(deps),
    // Nobody's metadata leads to an address of theirs: keys of clients are stored with us.
    fetch: () => Promise.reject(new Error('nothing is fetched for a client')),
    findAccount: (_ctx, id) => accountOf(deps, id),
    formats: { customizers: { jwt: shapeJwt(deps) } },
    interactions: {
      policy: policyOf(deps.library),
      url: (_ctx, interaction) => `${paths.interaction}/${interaction.uid}`,
    },
    // A grant is one sign-in's: it is never found again by a later one.
    loadExistingGrant: async (ctx) => {
      const id = ctx.oidc.result?.consent?.grantId;
      return id === undefined ? undefined : ctx.oidc.provider.Grant.find(id);
    },
    pkce: { required: (_ctx, client) => client.clientId !== hcpClientId },
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = messagePage('This does not go on', out.error_description ?? out.error);
    },
    responseTypes: ['code'],
    revokeGrantPolicy: () => true,
    rotateRefreshToken: () => true,
    routes: {
      authorization: paths.authorization,
      token: paths.token,
      introspection: paths.introspection,
      revocation: paths.revocation,
      jwks: paths.jwks,
      device_authorization: paths.device,
      code_verification: paths.verification,
      end_session: paths.endSession,
    },
    scopes: [...identityScopes],
    ttl: {
      AccessToken: accessToken,
      ClientCredentials: accessToken,
      AuthorizationCode: seconds(authorizationCodeMs),
      DeviceCode: seconds(deviceCodeMs),
      Grant: seconds(grantMs),
      IdToken: seconds(idTokenMs),
      Interaction: seconds(interactionMs),
      RefreshToken: seconds(refreshTokenMs),
      Session: seconds(interactionMs),
    },
  };
}

function cookiesOf(deps: ProviderDeps): NonNullable<Configuration['cookies']> {
  const options = { httpOnly: true, sameSite: 'lax', signed: true } as const;
  return {
    names: { session: 'wayside_oauth', interaction: 'wayside_interaction', resume: 'wayside_resume' },
    long: options,
    short: options,
    // Derived from a key of the keyring; no body of a request is this text, since it is no JSON.
    keys: [deps.secrets.bodyMac('cookies of the authorization server, 1')],
  };
}

function featuresOf(deps: ProviderDeps): NonNullable<Configuration['features']> {
  return {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    deviceFlow: {
      enabled: deps.signIn !== null,
      charset: 'base-20',
      mask: '****-****',
      ...devicePages,
    },
    dPoP: { enabled: true },
    introspection: {
      enabled: true,
      allowedPolicy: (_ctx, client, token) => mayIntrospect(deps, client, token),
    },
    pushedAuthorizationRequests: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, _client, oneOf) => (Array.isArray(oneOf) ? oneOf[0] : oneOf) ?? deps.issuer(),
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource, client) => resourceServerOf(deps, { ctx, resource, client }),
    },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    richAuthorizationRequests: {
      enabled: true,
      types: { [detailType]: { validate: async (ctx) => void (await askedDetails(deps, ctx, undefined)) } },
      authorizationDetailsForGrantSource: ((ctx: KoaContextWithOIDC) =>
        askedDetails(deps, ctx, undefined)) as never,
      authorizationDetailsForAccessToken: ((
        ctx: KoaContextWithOIDC,
        _token: unknown,
        source: { rar?: unknown } | undefined,
      ) => askedDetails(deps, ctx, source?.rar)) as never,
      authorizationDetailsForIntrospection: ((_ctx: unknown, token: { rar?: unknown }) => token.rar) as never,
    },
    rpInitiatedLogout: { enabled: false },
    userinfo: { enabled: false },
  };
}

/** `kept` is what the code or refresh token is confined to, from which the token is made. */
async function askedDetails(
  deps: ProviderDeps,
  ctx: KoaContextWithOIDC,
  kept: unknown,
): Promise<readonly object[]> {
  const within = keptDetail(detailsSchema.parse(kept ?? []));
  const withErrors = { authority: deps.authority, errors: deps.library.errors };
  const detail = await detailWithin(withErrors, ctx.oidc.params?.['authorization_details'], within);
  return detail === null ? [] : detailsOf(detail);
}

async function accountOf(deps: ProviderDeps, id: string) {
  const policy = deps.authority.policy();
  const principal = goodPrincipal(policy, id);
  if (principal === null) return undefined;
  const groups = teamsOf(policy, id).flatMap((team) => policy.principals.get(team.id)?.name ?? []);
  const { name } = principal;
  return { accountId: id, claims: () => ({ sub: id, name, preferred_username: name, groups }) };
}

/**
 * Each request is confirmed by the sign-in that the browser has at that moment: the library's own session, which would
 * outlive a sign-out, is never enough.
 */
function policyOf({ interactionPolicy }: Library) {
  const policy = interactionPolicy.base();
  const { Check } = interactionPolicy;
  policy
    .get('login')
    ?.checks.add(
      new Check('asked_now', 'the sign-in of this moment counts', (ctx) =>
        ctx.oidc.result?.login === undefined ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
      ),
    );
  return policy;
}
