// The pages on which somebody signs in: `/sign-in`, its second step, passkeys, and the one that sets a password.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import type { Goal } from './attempt-store.ts';
import { findAttempt } from './attempt-store.ts';
import {
  afterSignIn,
  carriedOf,
  cookieOf,
  elevatePathOf,
  isReached,
  leave,
  leaveSignedIn,
  sessionOf,
  setAttempt,
  setSignedIn,
  wantedBy,
} from './browser.ts';
import type { Wanted } from './browser.ts';
import type { SignInDeps } from './deps.ts';
import { demandReason } from './elevate.ts';
import { readFactors } from './factor-store.ts';
import { signInFailed } from './failed.ts';
import { goalFieldsSchema, parseFields, waitFor } from './forms.ts';
import { ownPath } from './origins.ts';
import { sendPage } from './page.ts';
import { authenticationResponseSchema } from './passkeys.ts';
import { passkeysScript } from './passkeys-script.ts';
import { enabledProviders } from './provider-store.ts';
import { signedInBy } from './sessions.ts';
import { continuePage, secondFactorPage, setupPage, signInPage } from './sign-in-pages.ts';
import { accountOfLink, setPasswordByLink } from './use-link.ts';
import { signInWithCode } from './with-code.ts';
import { beginPasskey, signInWithPasskey } from './with-passkey.ts';
import { signInWithPassword } from './with-password.ts';
import type { PasswordOutcome } from './with-password.ts';

/** Registered by the scope of the pages; nobody is asked by a permission who they are before they have said it. */
export const open = { config: { permission: 'public' as const }, schema: { hide: true } as never };

const signInFields = goalFieldsSchema.extend({
  name: z.string().max(200),
  password: z.string().max(1_000),
  code: z.string().max(64).default(''),
});

export function signInRoutes(scope: FastifyInstance, deps: SignInDeps): void {
  scope.get('/sign-in/passkeys.js', open, (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(passkeysScript),
  );
  scope.get('/sign-in', open, async (request, reply) => {
    const wanted = wantedBy(parseFields(goalFieldsSchema, request.query));
    const session = await sessionOf(deps, request);
    const now = deps.clock.now();
    if (session === null) return showSignIn(deps, reply, { wanted, name: '', error: null });
    return isReached(wanted, signedInBy(session, now), now)
      ? leave(reply, wanted.returnTo)
      : reply.redirect(elevatePathOf(wanted), 303);
  });
  scope.get('/sign-in/continue', open, (request, reply) => {
    const { return_to } = parseFields(goalFieldsSchema, request.query);
    return sendPage(reply, continuePage(ownPath(return_to, '/account')));
  });
  scope.post('/sign-in', open, async (request, reply) => {
    const fields = parseFields(signInFields, request.body);
    const wanted = wantedBy(fields);
    const { name, password, code } = fields;
    const goal = { returnTo: afterSignIn(wanted), session: null, reason: null };
    try {
      const outcome = await signInWithPassword(deps, { name, password, code, goal, request });
      return answerOutcome(deps, reply, outcome);
    } catch (error) {
      return showSignIn(deps, reply, { wanted, name, error: shownFailure(error) });
    }
  });
  secondFactorRoutes(scope, deps);
  passkeyRoutes(scope, deps);
  setupRoutes(scope, deps);
}

function answerOutcome(deps: SignInDeps, reply: FastifyReply, outcome: PasswordOutcome): FastifyReply {
  if (outcome.type === 'signed_in') return leaveSignedIn(deps, reply, outcome.completed);
  setAttempt(deps, reply, outcome.attempt);
  return reply.redirect('/sign-in/second-factor', 303);
}

/** What is told on the page itself, so that what was typed is not lost; all else is thrown on. */
export function shownFailure(error: unknown): Failure {
  const codes = ['sign_in_failed', 'too_many_requests', 'unavailable', 'weak_password', 'invalid_request'];
  if (error instanceof Failure && codes.includes(error.code)) return error;
  throw error;
}

async function showSignIn(
  deps: SignInDeps,
  reply: FastifyReply,
  shown: { readonly wanted: Wanted; readonly name: string; readonly error: Failure | null },
): Promise<FastifyReply> {
  const { error, name, wanted } = shown;
  const page = signInPage({
    carried: carriedOf(wanted),
    name,
    error: error?.message ?? null,
    withCode: error?.code === 'too_many_requests',
    passkeys: deps.origins().rpId !== null,
    providers: await enabledProviders(deps.store),
  });
  return error === null ? sendPage(reply, page) : sendPage(waitFor(reply, error), page, error.status);
}

function secondFactorRoutes(scope: FastifyInstance, deps: SignInDeps): void {
  const show = async (
    reply: FastifyReply,
    attempt: string | null,
    error: Failure | null,
  ): Promise<FastifyReply> => {
    const found = await findAttempt(deps, { kind: 'second_factor', cookie: attempt });
    if (found === null) return reply.redirect('/sign-in', 303);
    const { passkeys } = await readFactors(deps.store, found.principal ?? '');
    const page = secondFactorPage({
      error: error?.message ?? null,
      passkeys: passkeys.length > 0 && deps.origins().rpId !== null,
      carried: { return_to: found.content.goal.returnTo },
    });
    return error === null ? sendPage(reply, page) : sendPage(waitFor(reply, error), page, error.status);
  };
  scope.get('/sign-in/second-factor', open, (request, reply) =>
    show(reply, cookieOf(deps, request, 'attempt'), null),
  );
  scope.post('/sign-in/second-factor', open, async (request, reply) => {
    const { code } = parseFields(z.object({ code: z.string().max(64) }), request.body);
    const attempt = cookieOf(deps, request, 'attempt');
    try {
      return leaveSignedIn(deps, reply, await signInWithCode(deps, { attempt, code, request }));
    } catch (error) {
      return show(reply, attempt, shownFailure(error));
    }
  });
}

function passkeyRoutes(scope: FastifyInstance, deps: SignInDeps): void {
  scope.post('/sign-in/passkey/options', open, async (request, reply) => {
    const fields = parseFields(goalFieldsSchema, request.body);
    const wanted = wantedBy(fields);
    const session = fields.again === undefined ? null : await sessionOf(deps, request);
    if (fields.again !== undefined && session === null) throw signInFailed();
    const goal: Goal =
      session === null
        ? { returnTo: afterSignIn(wanted), session: null, reason: null }
        : {
            returnTo: wanted.returnTo,
            session: session.row.id,
            reason: fields.reason === undefined ? null : demandReason(fields.reason),
          };
    const { options, attempt } = await beginPasskey(deps, goal);
    setAttempt(deps, reply, attempt);
    return options;
  });
  scope.post('/sign-in/passkey', open, async (request, reply) => {
    const { response } = parseFields(z.object({ response: authenticationResponseSchema }), request.body);
    const attempt = cookieOf(deps, request, 'attempt');
    const completed = await signInWithPasskey(deps, { attempt, response, request });
    setSignedIn(deps, reply, completed);
    return { return_to: completed.returnTo };
  });
}

const setupFields = z.object({
  code: z.string().max(100),
  password: z.string().max(1_000),
  again: z.string().max(1_000),
});

function setupRoutes(scope: FastifyInstance, deps: SignInDeps): void {
  scope.get('/sign-in/setup', open, async (request, reply) => {
    const { code } = parseFields(z.object({ code: z.string().max(100).default('') }), request.query);
    const { principal } = await accountOfLink(deps, code);
    return sendPage(reply, setupPage({ code, name: principal.name, error: null }));
  });
  scope.post('/sign-in/setup', open, async (request, reply) => {
    const { code, password, again } = parseFields(setupFields, request.body);
    const { principal } = await accountOfLink(deps, code);
    try {
      demandSame(password, again);
      const outcome = await setPasswordByLink(deps, { code, password, returnTo: '/account', request });
      return answerOutcome(deps, reply, outcome);
    } catch (error) {
      const failure = shownFailure(error);
      const page = setupPage({ code, name: principal.name, error: failure.message });
      return sendPage(reply, page, failure.status);
    }
  });
}

export function demandSame(password: string, again: string): void {
  if (password !== again) throw new Failure('weak_password', 'The two are not the same. Type both again.');
}
