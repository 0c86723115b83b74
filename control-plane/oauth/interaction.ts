// The moment in which a person decides: who is signed in, whether that is strong and fresh enough for what the client
// asks, and, for applications that are not ours, whether they may have it.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Interaction, InteractionResults, Provider } from 'oidc-provider';
import { acrValues, signInPath } from '../sign-in/contract.ts';
import type { Acr, SignedIn, SignInContract } from '../sign-in/contract.ts';
import { firstParties, goodPrincipal } from './clients.ts';
import type { OauthParts } from './contract.ts';
import { prepareAnswer, requestFor } from './forward.ts';
import { consentPage, messagePage } from './pages.ts';
import { paths } from './paths.ts';
import { identityScopes, scopeNames, wholeScope } from './scope.ts';

type Deps = Pick<OauthParts, 'authority' | 'clock' | 'issuer' | 'origins' | 'store' | 'audit'> & {
  readonly signIn: SignInContract;
};

interface Asked {
  readonly provider: Provider;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Null while the page is only shown. */
  readonly decision: string | null;
}

export async function interact(deps: Deps, asked: Asked): Promise<void> {
  const { provider, request, reply } = asked;
  const raw = requestFor(request, deps);
  const interaction = await interactionOf(provider, raw, reply);
  if (interaction === null) {
    return answer(
      reply,
      400,
      messagePage('This sign-in is over', 'It took too long. Begin again where you came from.'),
    );
  }
  const signedIn = await deps.signIn.signedInOf(request);
  const missing = missingOf(interaction, signedIn, deps.clock.now());
  if (missing !== null || signedIn === null) {
    const returnTo = `${paths.interaction}/${interaction.uid}`;
    return redirect(reply, signInPath({ returnTo, ...missing }));
  }
  const principal = goodPrincipal(deps.authority.policy(), signedIn.principalId);
  const client = await provider.Client.find(String(interaction.params['client_id']));
  if (principal === null || client === undefined) {
    return answer(
      reply,
      400,
      messagePage('This sign-in is over', 'Who asked, or you, are not here any more.'),
    );
  }
  const needsWord = !firstParties.has(client.clientId);
  if (needsWord && asked.decision === null) {
    const target = originOf(interaction.params['redirect_uri']);
    const page = consentPage({
      client: client.clientName ?? client.clientId,
      host: target ?? 'an unknown place',
      person: principal.name,
      scopes: describeScopes(interaction.params['scope']),
    });
    return answer(reply, 200, page, target === null ? [] : [target]);
  }
  prepareAnswer(reply);
  const refused = needsWord && asked.decision !== 'allow';
  const result = refused
    ? { error: 'access_denied', error_description: 'the person refused' }
    : await agreedResult(deps, { provider, interaction, signedIn });
  await recordDecision(deps, { interaction, principal, refused, request });
  await provider.interactionFinished(raw, reply.raw, result, { mergeWithLastSubmission: false });
}

async function interactionOf(
  provider: Provider,
  raw: ReturnType<typeof requestFor>,
  reply: FastifyReply,
): Promise<Interaction | null> {
  try {
    return (await provider.interactionDetails(raw, reply.raw)) as Interaction;
  } catch (error) {
    if (Reflect.get(Object(error), 'error') === 'invalid_request') return null;
    throw error;
  }
}

/** What the sign-in lacks of what the client asks (OpenID Connect Core, section 3.1.2.1); null where nothing. */
function missingOf(
  interaction: Interaction,
  signedIn: SignedIn | null,
  now: number,
): { readonly acr?: Acr; readonly maxAgeS?: number } | null {
  const { acr_values, max_age, prompt } = interaction.params;
  const [wanted] = scopeNames(String(acr_values ?? '')).flatMap((name) =>
    acrValues.filter((acr) => acr === name),
  );
  const startedAt = (interaction.iat ?? 0) * 1_000;
  const isAgain = scopeNames(String(prompt ?? '')).includes('login');
  const maxAgeMs = isAgain ? 0 : max_age === undefined ? Infinity : Number(max_age) * 1_000;
  if (signedIn === null) return wanted === undefined ? {} : { acr: wanted };
  const isWeak = wanted !== undefined && acrValues.indexOf(signedIn.acr) < acrValues.indexOf(wanted);
  // Signing in takes time as well: what happened since the client asked is always fresh.
  const isOld = signedIn.authenticatedAt < startedAt && now - signedIn.authenticatedAt > maxAgeMs;
  if (!isWeak && !isOld) return null;
  return {
    ...(isWeak ? { acr: wanted } : {}),
    ...(isOld ? { maxAgeS: Math.max(1, Math.floor((now - startedAt) / 1_000)) } : {}),
  };
}

/** The grant of this one sign-in, with everything that was asked for: more than it may ask the library refused before. */
async function agreedResult(
  deps: Deps,
  agreed: { readonly provider: Provider; readonly interaction: Interaction; readonly signedIn: SignedIn },
): Promise<InteractionResults> {
  const { provider, interaction, signedIn } = agreed;
  const accountId = signedIn.principalId;
  const grant = new provider.Grant({ accountId, clientId: String(interaction.params['client_id']) });
  const asked = scopeNames(String(interaction.params['scope'] ?? ''));
  const identity = asked.filter((name) => (identityScopes as readonly string[]).includes(name));
  const api = asked.filter((name) => !identity.includes(name));
  if (identity.length > 0) grant.addOIDCScope(identity.join(' '));
  const resources = [interaction.params['resource'] ?? deps.issuer()].flat();
  for (const resource of resources) grant.addResourceScope(String(resource), api.join(' '));
  return {
    login: {
      accountId,
      acr: signedIn.acr,
      amr: [...signedIn.amr],
      ts: Math.floor(signedIn.authenticatedAt / 1_000),
      remember: false,
    },
    consent: { grantId: await grant.save() },
  };
}

async function recordDecision(
  deps: Deps,
  made: {
    readonly interaction: Interaction;
    readonly principal: { readonly id: string; readonly name: string; readonly kind: string };
    readonly refused: boolean;
    readonly request: FastifyRequest;
  },
): Promise<void> {
  const { interaction, principal, refused, request } = made;
  const client = String(interaction.params['client_id']);
  await deps.store.write([
    deps.audit.step({
      organization: deps.authority.policy().organization.id,
      principal: { id: principal.id, name: principal.name, kind: principal.kind },
      operation: 'client.authorize',
      permission: null,
      resource: `clients/${client}`,
      result: refused ? 'denied' : 'allowed',
      decision: null,
      details: {
        scope: String(interaction.params['scope'] ?? ''),
        device: interaction.deviceCode !== undefined,
      },
      request: { id: request.id, method: request.method, path: request.url.split('?')[0], ip: request.ip },
    }),
  ]);
}

function describeScopes(scope: unknown): readonly string[] {
  const names = scopeNames(String(scope ?? ''));
  return names.flatMap((name) => {
    switch (name) {
      case wholeScope:
        return ['everything that you may do here'];
      case 'openid':
        return ['to know that it is you'];
      case 'profile':
        return ['your name'];
      case 'groups':
        return ['the teams that you are in'];
      case 'offline_access':
        return ['all of this also while you are away'];
      default:
        return [name];
    }
  });
}

/** `origin` of an address, or its scheme where that is one of an application. */
function originOf(uri: unknown): string | null {
  const url = typeof uri === 'string' ? URL.parse(uri) : null;
  if (url === null) return null;
  return url.origin === 'null' ? url.protocol : url.origin;
}

function answer(
  reply: FastifyReply,
  status: number,
  html: string,
  formTargets: readonly string[] = [],
): void {
  prepareAnswer(reply, formTargets);
  reply.raw.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(html);
}

function redirect(reply: FastifyReply, location: string): void {
  prepareAnswer(reply);
  reply.raw.writeHead(303, { location }).end();
}
