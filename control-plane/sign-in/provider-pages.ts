// The pages that lead to an identity provider and back: `/sign-in/with/:provider` and `/sign-in/callback/:provider`.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Goal } from './attempt-store.ts';
import { afterSignIn, cookieOf, leaveSignedIn, sessionOf, setAttempt, wantedBy } from './browser.ts';
import type { SignInDeps } from './deps.ts';
import { demandReason } from './elevate.ts';
import { signInFailed } from './failed.ts';
import { goalFieldsSchema, parseFields } from './forms.ts';
import type { GoalFields } from './forms.ts';
import { html } from './html.ts';
import { sendPage } from './page.ts';
import type { ProviderClient } from './provider-client.ts';
import { open } from './sign-in-routes.ts';
import { beginWithProvider, finishWithProvider } from './with-provider.ts';

type Deps = SignInDeps & { readonly providers: ProviderClient };

export function providerPages(scope: FastifyInstance, deps: Deps): void {
  scope.get<{ Params: { provider: string } }>('/sign-in/with/:provider', open, async (request, reply) => {
    const name = request.params.provider;
    const goal = await goalOf(deps, request, parseFields(goalFieldsSchema, request.query));
    const redirectUri = originOfRequest(deps, request) + callbackPath(name);
    const { url, attempt } = await beginWithProvider(deps, { name, redirectUri, goal });
    setAttempt(deps, reply, attempt);
    // No redirect: the chain that begins with a form would have to stay with us (`form-action`).
    return sendPage(reply, {
      title: `On to ${name}`,
      continueTo: url,
      body: html`<p><a href="${url}">Go on to ${name}</a></p>`,
    });
  });
  scope.get<{ Params: { provider: string } }>('/sign-in/callback/:provider', open, async (request, reply) => {
    const name = request.params.provider;
    const currentUrl = originOfRequest(deps, request) + request.url;
    const attempt = cookieOf(deps, request, 'attempt');
    return leaveSignedIn(deps, reply, await finishWithProvider(deps, { name, attempt, currentUrl, request }));
  });
}

export function callbackPath(name: string): string {
  return `/sign-in/callback/${encodeURIComponent(name)}`;
}

async function goalOf(deps: Deps, request: FastifyRequest, fields: GoalFields): Promise<Goal> {
  const wanted = wantedBy(fields);
  if (fields.again === undefined) return { returnTo: afterSignIn(wanted), session: null, reason: null };
  const session = await sessionOf(deps, request);
  if (session === null) throw signInFailed();
  const reason = fields.reason === undefined ? null : demandReason(fields.reason);
  return { returnTo: wanted.returnTo, session: session.row.id, reason };
}

/** The one of our origins under which the browser is, because its cookies are there. */
function originOfRequest(deps: Deps, request: FastifyRequest): string {
  const { all, canonical } = deps.origins();
  const host = request.headers.host ?? '';
  return all.find((origin) => origin.replace(/^https?:\/\//, '') === host) ?? canonical;
}
