// The pages of somebody's own account: `/account`. Who changes how they sign in has shown moments ago who they are.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { pageRowsMax } from '../../protocol/limits.ts';
import { freshSignInMsMax } from '../../protocol/limits-authority.ts';
import { accountPage, recoveryCodesPage, totpPage } from './account-pages.ts';
import { cookieOf, elevatePathOf, sessionOf, setAttempt, wantedBy } from './browser.ts';
import { acrValues, signInPath } from './contract.ts';
import { clearCookie } from './cookies.ts';
import type { SignInDeps } from './deps.ts';
import { signOut, signOutEverywhere } from './end-sessions.ts';
import { readFactors } from './factor-store.ts';
import { parseFields } from './forms.ts';
import {
  addPasskey,
  beginPasskeyRegistration,
  beginTotp,
  confirmTotp,
  forgetTotp,
  makeRecoveryCodes,
  pendingTotp,
  removePasskey,
} from './own-factors.ts';
import { sendPage } from './page.ts';
import { registrationResponseSchema } from './passkeys.ts';
import { changePassword } from './passwords.ts';
import { linksOf } from './provider-store.ts';
import { selectSessions } from './session-store.ts';
import { authenticatedAt, elevatedUntil, goodSession } from './sessions.ts';
import type { GoodSession } from './sessions.ts';
import { demandSame, open, shownFailure } from './sign-in-routes.ts';

type Act = (request: FastifyRequest, reply: FastifyReply, session: GoodSession) => Promise<unknown>;

export function accountRoutes(scope: FastifyInstance, deps: SignInDeps): void {
  scope.get('/account', open, async (request, reply) => {
    const session = await sessionOf(deps, request);
    if (session === null) return reply.redirect(signInPath({ returnTo: '/account' }), 303);
    return show(deps, reply, { session, error: null, said: null });
  });
  sessionForms(scope, deps);
  passwordForm(scope, deps);
  totpForms(scope, deps);
  passkeyForms(scope, deps);
  onForm(
    scope,
    deps,
    { path: '/account/recovery-codes', fresh: true },
    async (request, reply, { principal }) =>
      sendPage(reply, recoveryCodesPage(await makeRecoveryCodes(deps, { principal, request }))),
  );
}

/** A form of somebody who is signed in, and who, where it must be fresh, has shown moments ago who they are. */
function onForm(
  scope: FastifyInstance,
  deps: SignInDeps,
  form: { readonly path: string; readonly fresh: boolean },
  act: Act,
): void {
  scope.post(form.path, open, async (request, reply) => {
    const session = await sessionOf(deps, request);
    const speaksJson = (request.headers['content-type'] ?? '').startsWith('application/json');
    if (session === null) {
      if (speaksJson) throw new Failure('not_signed_in', 'The session is over. Sign in again at /sign-in.');
      return reply.redirect(signInPath({ returnTo: '/account' }), 303);
    }
    if (form.fresh && !isFresh(deps, session)) {
      if (speaksJson) {
        throw new Failure('elevation_needed', 'Show again who you are at /sign-in/elevate, then repeat it.', {
          details: { acr_values: acrValues[0], max_age: freshSignInMsMax / 1_000 },
        });
      }
      return reply.redirect(elevatePathOf(wantedBy({ return_to: '/account' })), 303);
    }
    return act(request, reply, session);
  });
}

function isFresh(deps: SignInDeps, { row }: GoodSession): boolean {
  const now = deps.clock.now();
  return elevatedUntil(row, now) !== null || now - authenticatedAt(row) < freshSignInMsMax;
}

function sessionForms(scope: FastifyInstance, deps: SignInDeps): void {
  const leave = (reply: FastifyReply): FastifyReply => {
    clearCookie(reply, 'session', deps.origins().secure);
    return reply.redirect('/sign-in', 303);
  };
  onForm(scope, deps, { path: '/account/sign-out', fresh: false }, async (request, reply, session) => {
    await signOut(deps, { principal: session.principal, request }, session.row.id);
    return leave(reply);
  });
  onForm(
    scope,
    deps,
    { path: '/account/sign-out-everywhere', fresh: false },
    async (request, reply, { principal }) => {
      await signOutEverywhere(deps, { principal, request });
      return leave(reply);
    },
  );
  onForm(
    scope,
    deps,
    { path: '/account/sessions/end', fresh: false },
    async (request, reply, { principal }) => {
      const { id } = parseFields(z.object({ id: z.string().max(64) }), request.body);
      const own = await sessionsOf(deps, principal.id);
      if (own.some(({ row }) => row.id === id)) await signOut(deps, { principal, request }, id);
      return reply.redirect('/account', 303);
    },
  );
}

function passwordForm(scope: FastifyInstance, deps: SignInDeps): void {
  const fields = z.object({ password: z.string().max(1_000), again: z.string().max(1_000) });
  onForm(scope, deps, { path: '/account/password', fresh: true }, async (request, reply, session) => {
    const { password, again } = parseFields(fields, request.body);
    const { principal, row } = session;
    try {
      demandSame(password, again);
      await changePassword(deps, { principal, session: row.id, password, request });
      return show(deps, reply, {
        session,
        error: null,
        said: 'The password is changed. All other sessions ended, and command lines have to sign in again.',
      });
    } catch (error) {
      return show(deps, reply, { session, error: shownFailure(error), said: null });
    }
  });
}

function totpForms(scope: FastifyInstance, deps: SignInDeps): void {
  onForm(scope, deps, { path: '/account/totp', fresh: true }, async (request, reply, { principal }) =>
    sendPage(reply, totpPage({ ...(await beginTotp(deps, { principal, request })), error: null })),
  );
  onForm(
    scope,
    deps,
    { path: '/account/totp/confirm', fresh: true },
    async (request, reply, { principal }) => {
      const { code } = parseFields(z.object({ code: z.string().max(64) }), request.body);
      const pending = await pendingTotp(deps, principal);
      try {
        await confirmTotp(deps, { principal, request }, code);
        return await reply.redirect('/account', 303);
      } catch (error) {
        const failure = shownFailure(error);
        if (pending === null) return reply.redirect('/account', 303);
        return sendPage(reply, totpPage({ ...pending, error: failure.message }), failure.status);
      }
    },
  );
  onForm(
    scope,
    deps,
    { path: '/account/totp/remove', fresh: true },
    async (request, reply, { principal }) => {
      await forgetTotp(deps, { principal, request });
      return reply.redirect('/account', 303);
    },
  );
}

function passkeyForms(scope: FastifyInstance, deps: SignInDeps): void {
  const fields = z.object({ name: z.string().trim().min(1).max(63), response: registrationResponseSchema });
  onForm(
    scope,
    deps,
    { path: '/account/passkeys/options', fresh: true },
    async (request, reply, { principal }) => {
      const { options, attempt } = await beginPasskeyRegistration(deps, { principal, request });
      setAttempt(deps, reply, attempt);
      return options;
    },
  );
  onForm(scope, deps, { path: '/account/passkeys', fresh: true }, async (request, reply, { principal }) => {
    const { name, response } = parseFields(fields, request.body);
    const attempt = cookieOf(deps, request, 'attempt');
    await addPasskey(deps, { principal, request }, { attempt, name, response });
    return reply.status(201).send({});
  });
  onForm(
    scope,
    deps,
    { path: '/account/passkeys/remove', fresh: true },
    async (request, reply, { principal }) => {
      const { id } = parseFields(z.object({ id: z.string().max(2_000) }), request.body);
      await removePasskey(deps, { principal, request }, id);
      return reply.redirect('/account', 303);
    },
  );
}

/** Those that are good now. */
async function sessionsOf(deps: SignInDeps, principal: string): Promise<readonly GoodSession[]> {
  const rows = await deps.store.read(
    selectSessions(deps.store, { principal, after: null, limit: pageRowsMax }),
  );
  return rows.flatMap((row) => goodSession(deps, row, deps.clock.now()) ?? []);
}

async function show(
  deps: SignInDeps,
  reply: FastifyReply,
  shown: { readonly session: GoodSession; readonly error: Failure | null; readonly said: string | null },
): Promise<FastifyReply> {
  const { session, error, said } = shown;
  const { principal, row } = session;
  const sessions = await sessionsOf(deps, principal.id);
  const page = accountPage({
    name: principal.name,
    factors: await readFactors(deps.store, principal.id),
    links: await linksOf(deps.store, principal.id),
    sessions: sessions.map(({ row: each }) => ({
      id: each.id,
      isThis: each.id === row.id,
      address: each.address,
      userAgent: each.user_agent,
      lastSeenAt: each.last_seen_at,
    })),
    elevatedUntil: elevatedUntil(row, deps.clock.now()),
    passkeys: deps.origins().rpId !== null,
    error: error?.message ?? null,
    said,
  });
  return sendPage(reply, page, error?.status ?? 200);
}
