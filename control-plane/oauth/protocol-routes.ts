// The endpoints of the protocol (RFC 6749, 7009, 7662, 8414, 8628, 9728), behind the same listener as the API. Each is
// public: who may do what there is the protocol's own matter.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from 'oidc-provider';
import { tokenPrefixes } from '../../protocol/ids.ts';
import { tokenBodyBytesMax, userCodesPerMinuteMax } from '../../protocol/limits-authority.ts';
import { permissions } from '../../protocol/permissions.ts';
import { ourAudience } from './audience.ts';
import { bearerClientId, grantTypes, hcpClientId } from './clients.ts';
import type { OauthParts } from './contract.ts';
import { forward } from './forward.ts';
import type { TokenInspector } from './inspect.ts';
import { interact } from './interaction.ts';
import type { PresentedTokens } from './presented.ts';
import { proofAlgorithms } from './proof.ts';
import { paths } from './paths.ts';
import { wholeScope } from './scope.ts';

export interface ProtocolDeps extends OauthParts {
  /** Built when it is first needed, and again when another key signs. */
  readonly provider: () => Promise<Provider>;
  readonly inspector: TokenInspector;
  readonly presented: PresentedTokens;
}

const route = { config: { permission: 'public' }, schema: { hide: true } as never } as const;
const confirmation = {
  ...route,
  config: { permission: 'public', rateLimit: { max: userCodesPerMinuteMax, timeWindow: 60_000 } },
} as const;

export async function protocolRoutes(app: FastifyInstance, deps: ProtocolDeps): Promise<void> {
  // Forms are read here and nowhere else: our own API takes JSON.
  await app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: tokenBodyBytesMax },
      (_request, body, parsed) => parsed(null, new URLSearchParams(String(body))),
    );
    tokenRoutes(scope, deps);
    lookingRoutes(scope, deps);
    personRoutes(scope, deps);
    documentRoutes(scope, deps);
    done();
  });
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** Passes the request on; `change` may fill in what a client left out. */
function passOn(
  deps: ProtocolDeps,
  change: (request: FastifyRequest) => Parameters<typeof forward>[2] = () => ({}),
): Handler {
  return async (request, reply) => {
    const { body } = request;
    const form = body instanceof URLSearchParams ? { form: body } : {};
    const provider = await deps.provider();
    const asked = { request, reply, us: deps };
    await forward(provider, asked, { ...form, ...change(request) });
    return reply;
  };
}

function tokenRoutes(app: FastifyInstance, deps: ProtocolDeps): void {
  app.post(
    paths.token,
    route,
    passOn(deps, (request) => ({ form: completeToken(deps, request) })),
  );
  app.post(
    paths.device,
    route,
    passOn(deps, (request) => ({ form: withResource(deps, formOf(request)) })),
  );
}

function formOf({ body }: FastifyRequest): URLSearchParams {
  return new URLSearchParams(body instanceof URLSearchParams ? body : undefined);
}

/**
 * `audience` is what RFC 8707 calls `resource`, in the words of some clients; those of HashiCorp send theirs whatever
 * our address is. An assertion says who asks, so no client needs to.
 */
function completeToken(deps: ProtocolDeps, request: FastifyRequest): URLSearchParams {
  const form = withResource(deps, formOf(request));
  const grant = form.get('grant_type');
  const speaksForItself = grant === grantTypes.assertion || grant === grantTypes.exchange;
  const isNamed =
    request.headers.authorization !== undefined ||
    ['client_id', 'client_secret', 'client_assertion'].some((name) => form.has(name));
  if (speaksForItself && !isNamed) form.set('client_id', bearerClientId);
  return form;
}

function withResource(deps: ProtocolDeps, parameters: URLSearchParams): URLSearchParams {
  const audience = parameters.get('audience');
  if (audience !== null && !parameters.has('resource')) {
    parameters.set('resource', ourAudience(deps, audience) ?? audience);
  }
  parameters.delete('audience');
  // An empty secret is none (hcp-api.md, section 1.3: public clients are probed with one).
  if (parameters.get('client_secret') === '') parameters.delete('client_secret');
  return parameters;
}

function lookingRoutes(app: FastifyInstance, deps: ProtocolDeps): void {
  const withHandle = (isIntrospection: boolean): Handler => {
    return async (request, reply) => {
      const form = formOf(request);
      if (isIntrospection && !hasCredentials(request, form)) return refuseStranger(deps, reply);
      const text = form.get('token') ?? '';
      // Opaque and refresh tokens are rows that the library finds and removes itself.
      const isRow =
        text.startsWith(tokenPrefixes.refresh) || (!isIntrospection && text.startsWith(tokenPrefixes.access));
      if (isRow || !form.has('token')) return passOn(deps)(request, reply);
      const { handle, drop } = deps.presented.put(await deps.inspector.inspect(text));
      try {
        form.set('token', handle);
        return await passOn(deps, () => ({ form }))(request, reply);
      } finally {
        drop();
      }
    };
  };
  app.post(paths.introspection, route, withHandle(true));
  app.post(paths.revocation, route, withHandle(false));
}

function hasCredentials(request: FastifyRequest, form: URLSearchParams): boolean {
  return (
    request.headers.authorization !== undefined || form.has('client_secret') || form.has('client_assertion')
  );
}

function refuseStranger(deps: ProtocolDeps, reply: FastifyReply): FastifyReply {
  return reply
    .status(401)
    .header('www-authenticate', `Basic realm="${deps.issuer()}"`)
    .type('application/json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send({ error: 'invalid_client', error_description: 'authenticate as the client that asks' });
}

function personRoutes(app: FastifyInstance, deps: ProtocolDeps): void {
  app.get(
    paths.authorization,
    route,
    passOn(deps, (request) => ({ url: completeAuthorization(deps, request.url) })),
  );
  app.get(`${paths.authorization}/:uid`, route, passOn(deps));
  app.post(`${paths.endSession}/confirm`, route, passOn(deps));
  const { signIn } = deps;
  if (signIn === null) return;
  app.get(paths.verification, route, passOn(deps));
  app.post(paths.verification, confirmation, passOn(deps));
  app.get(`${paths.verification}/:uid`, route, passOn(deps));
  const interaction = (isAnswer: boolean): Handler => {
    return async (request, reply) => {
      const decision = isAnswer ? (formOf(request).get('decision') ?? 'refuse') : null;
      await interact({ ...deps, signIn }, { provider: await deps.provider(), request, reply, decision });
      return reply;
    };
  };
  app.get(`${paths.interaction}/:uid`, route, interaction(false));
  app.post(`${paths.interaction}/:uid`, route, interaction(true));
}

/**
 * HCP's tools name no scope of ours and no `prompt`, and expect a refresh token all the same. For the rest a client says
 * what it wants; only `prompt=consent`, which OpenID Connect asks for with `offline_access`, need not be said.
 */
function completeAuthorization(deps: ProtocolDeps, url: string): string {
  const { pathname, searchParams } = new URL(url, deps.issuer());
  const parameters = withResource(deps, new URLSearchParams(searchParams));
  const scopes = (parameters.get('scope') ?? '').split(' ');
  if (parameters.get('client_id') === hcpClientId && !scopes.includes(wholeScope)) {
    parameters.set('scope', [...scopes, wholeScope].filter(Boolean).join(' '));
  }
  if (scopes.includes('offline_access') && !parameters.has('prompt')) parameters.set('prompt', 'consent');
  return `${pathname}?${parameters.toString()}`;
}

function documentRoutes(app: FastifyInstance, deps: ProtocolDeps): void {
  app.get('/.well-known/oauth-authorization-server', route, passOn(deps));
  app.get('/.well-known/openid-configuration', route, passOn(deps));
  app.get(paths.resourceMetadata, route, async (_request, reply) => {
    const issuer = deps.issuer();
    return sendJson(reply, {
      resource: issuer,
      resource_name: 'Wayside',
      authorization_servers: [issuer],
      jwks_uri: `${issuer}${paths.jwks}`,
      scopes_supported: [wholeScope, ...permissions],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: proofAlgorithms,
      authorization_details_types_supported: ['wayside'],
    });
  });
  app.get(paths.jwks, route, async (_request, reply) => {
    // Makes the first key where nobody has asked for a token yet.
    await deps.signer.active();
    const { keys } = await deps.liveness.now();
    return sendJson(reply, { keys: keys.map(({ publicJwk }) => publicJwk) }, 'application/jwk-set+json');
  });
}

function sendJson(reply: FastifyReply, body: unknown, type = 'application/json'): FastifyReply {
  return reply
    .type(type)
    .serializer((value: unknown) => JSON.stringify(value))
    .send(body);
}
