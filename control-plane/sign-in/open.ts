// Sign-in as the control plane opens it: its pages and routes, the cookie as a credential, and what others ask of it.
import type { FastifyInstance } from 'fastify';
import { setupLinkMs, signInSweepRowsMax } from '../../protocol/limits-authority.ts';
import type { Authenticator } from '../authority/caller.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { RouteDeps } from '../http/route.ts';
import { accountRoutes } from './account-routes.ts';
import { forgetAttempts } from './attempt-store.ts';
import { signInEvent } from './audit-entry.ts';
import { elevatedByPassword, sessionAuthenticator } from './authenticator.ts';
import { cookieOf, sessionOf } from './browser.ts';
import type { Step } from '../store/store.ts';
import type { SignInContract } from './contract.ts';
import type { SignInDeps } from './deps.ts';
import { elevateRoutes } from './elevate-routes.ts';
import { speakForms } from './forms.ts';
import { openPasswordHasher } from './hash-password.ts';
import { comesFromUs, publicOriginsOf } from './origins.ts';
import type { PublicOrigins } from './origins.ts';
import { newLink } from './links.ts';
import { openProviderClient } from './provider-client.ts';
import { providerPages } from './provider-pages.ts';
import { providerRoutes } from './provider-routes.ts';
import { sessionRoutes } from './session-routes.ts';
import { forgetSessions } from './session-store.ts';
import { signedInBy } from './sessions.ts';
import { signInRoutes } from './sign-in-routes.ts';
import { forgetThrottles } from './throttle-store.ts';

export interface SignIn extends SignInContract {
  readonly origins: () => PublicOrigins;
  /** The way in which browsers sign in to the API. */
  readonly authenticator: Authenticator;
  /** Lets what a person signed in with by another way be elevated by `POST /v1/elevate`, too. */
  elevatable(authenticator: Authenticator): Authenticator;
  /** Registers pages and routes. */
  register(app: FastifyInstance, routes: RouteDeps): Promise<void>;
  /** Passwords that were hashed so far. */
  hashesComputed(): number;
  /** Removes what has lapsed: attempts, counts of failures, sessions that are long over. */
  tidy(): Promise<void>;
  /** The first owner's link; its steps, the event of it among them, go into the unit that makes the first token. */
  setupLink(owner: PrincipalRecord): { readonly url: string; readonly steps: readonly Step[] };
}

export interface SignInOptions extends Omit<SignInDeps, 'hasher' | 'origins'> {
  readonly publicUrl: string | null;
  /** Where the API listens; asked when it does. */
  readonly listening: () => string;
}

export function openSignIn(options: SignInOptions): SignIn {
  const { publicUrl, listening, ...parts } = options;
  const origins = () => publicOriginsOf({ publicUrl, listening: listening() });
  const hasher = openPasswordHasher();
  const deps: SignInDeps = { ...parts, hasher, origins };
  const { clock } = deps;
  return {
    origins,
    authenticator: sessionAuthenticator(deps),
    elevatable: (authenticator) => elevatedByPassword(deps, authenticator),
    async register(app, routes) {
      await app.register(async (scope) => {
        speakForms(scope, deps);
        signInRoutes(scope, deps);
        elevateRoutes(scope, deps);
        accountRoutes(scope, deps);
        providerPages(scope, { ...deps, providers: openProviderClient(deps) });
      });
      sessionRoutes(app, { ...deps, ...routes });
      providerRoutes(app, { ...deps, ...routes });
    },
    async signedInOf(request) {
      const { origin } = request.headers;
      if (!comesFromUs(origins(), { method: request.method, origin })) return null;
      if (cookieOf(deps, request, 'session') === null) return null;
      const session = await sessionOf(deps, request);
      return session === null ? null : signedInBy(session, clock.now());
    },
    hashesComputed: () => hasher.computed(),
    tidy: () => tidy(deps),
    setupLink: (owner) => setupLink(deps, owner),
  };
}

function setupLink(
  deps: SignInDeps,
  owner: PrincipalRecord,
): { readonly url: string; readonly steps: readonly Step[] } {
  const link = newLink(deps, {
    principal: owner.id,
    purpose: 'setup',
    removesFactors: false,
    createdBy: null,
    lifeMs: setupLinkMs,
  });
  const { id, path, expiresAt, steps } = link;
  const event = signInEvent(deps, {
    principal: owner,
    operation: 'sign_in_link.create',
    resource: `principals/${owner.id}`,
    details: { after: { link: id, purpose: 'setup', removes_factors: false, expires_at: expiresAt } },
    request: null,
  });
  return { url: deps.origins().canonical + path, steps: [...steps, event] };
}

/** In pieces, so that no other write waits long; until nothing is left that has lapsed. */
async function tidy(deps: SignInDeps): Promise<void> {
  const { store, clock } = deps;
  for (;;) {
    const steps = [forgetThrottles(deps), forgetAttempts(deps), ...forgetSessions(store, clock.now())];
    const results = await store.write(steps);
    if (results.every(({ changes }) => changes < signInSweepRowsMax)) return;
  }
}
