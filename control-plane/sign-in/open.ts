// Sign-in as the control plane opens it: its pages and routes, the cookie as a credential, and what others ask of it.
import type { FastifyInstance } from 'fastify';
import { upkeepMs } from '../../protocol/limits.ts';
import type { Authenticator } from '../authority/caller.ts';
import type { RouteDeps } from '../http/route.ts';
import { accountRoutes } from './account-routes.ts';
import { forgetAttempts } from './attempt-store.ts';
import { elevatedByPassword, sessionAuthenticator } from './authenticator.ts';
import { cookieOf, sessionOf } from './browser.ts';
import type { SignInContract } from './contract.ts';
import type { SignInDeps } from './deps.ts';
import { elevateRoutes } from './elevate-routes.ts';
import { speakForms } from './forms.ts';
import { openPasswordHasher } from './hash-password.ts';
import { comesFromUs, publicOriginsOf } from './origins.ts';
import type { PublicOrigins } from './origins.ts';
import { openProviderClient } from './provider-client.ts';
import { providerPages } from './provider-pages.ts';
import { providerRoutes } from './provider-routes.ts';
import { sessionRoutes } from './session-routes.ts';
import { forgetSessions } from './session-store.ts';
import { readSessionById, signedInBy } from './sessions.ts';
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
  close(): void;
}

export interface SignInOptions extends Omit<SignInDeps, 'hasher' | 'origins' | 'clock'> {
  readonly publicUrl: string | null;
  /** Where the API listens; asked when it does. */
  readonly listening: () => string;
  readonly clock: { now(): number; after(ms: number, wake: () => void): () => void };
  readonly report: (cause: unknown) => void;
}

export function openSignIn(options: SignInOptions): SignIn {
  const { publicUrl, listening, report, ...parts } = options;
  const origins = () => publicOriginsOf({ publicUrl, listening: listening() });
  const hasher = openPasswordHasher();
  const deps: SignInDeps = { ...parts, hasher, origins };
  const upkeep = keepTidy(deps, options.clock, report);
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
      return session === null ? null : signedInBy(session, deps.clock.now());
    },
    isSessionAlive: async (id) => (await readSessionById(deps, id, deps.clock.now())) !== null,
    hashesComputed: () => hasher.computed(),
    close: upkeep,
  };
}

/** Removes at the start, and every hour, what has lapsed. Answers what ends it. */
function keepTidy(
  deps: SignInDeps,
  clock: SignInOptions['clock'],
  report: (cause: unknown) => void,
): () => void {
  let cancel = (): void => undefined;
  let closed = false;
  const tidy = async (): Promise<void> => {
    const { store } = deps;
    await store
      .write([forgetThrottles(deps), forgetAttempts(deps), ...forgetSessions(store, deps.clock.now())])
      .catch(report);
    if (!closed) cancel = clock.after(upkeepMs, () => void tidy());
  };
  cancel = clock.after(0, () => void tidy());
  return () => {
    closed = true;
    cancel();
  };
}
