// The page on which somebody who is signed in shows again who they are: `/sign-in/elevate`.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Failure } from '../../protocol/failures.ts';
import { carriedOf, leaveSignedIn, sessionOf, wantedBy } from './browser.ts';
import type { Wanted } from './browser.ts';
import { completeSignIn } from './complete.ts';
import { signInPath } from './contract.ts';
import type { SignInDeps } from './deps.ts';
import { demandReason, showAgain } from './elevate.ts';
import { readFactors } from './factor-store.ts';
import { onceOnly } from './failed.ts';
import { goalFieldsSchema, parseFields, waitFor } from './forms.ts';
import { sendPage } from './page.ts';
import { providersOf } from './provider-store.ts';
import type { GoodSession } from './sessions.ts';
import { elevatePage } from './sign-in-pages.ts';
import { open, shownFailure } from './sign-in-routes.ts';

const fieldsSchema = goalFieldsSchema.extend({
  password: z.string().max(1_000).default(''),
  code: z.string().max(64).default(''),
});

/** Only a wish for less than elevation, or for youth alone, asks for no reason. */
function elevates({ acr, maxAgeMs }: Wanted): boolean {
  return acr === null ? maxAgeMs === null : acr === 'urn:wayside:acr:elevated';
}

export function elevateRoutes(scope: FastifyInstance, deps: SignInDeps): void {
  scope.get('/sign-in/elevate', open, async (request, reply) => {
    const wanted = wantedBy(parseFields(goalFieldsSchema, request.query));
    const session = await sessionOf(deps, request);
    if (session === null) return reply.redirect(signInPath(wantedPath(wanted)), 303);
    return show(deps, reply, { wanted, session, reason: '', error: null });
  });
  scope.post('/sign-in/elevate', open, async (request, reply) => {
    const fields = parseFields(fieldsSchema, request.body);
    const wanted = wantedBy(fields);
    const session = await sessionOf(deps, request);
    if (session === null) return reply.redirect(signInPath(wantedPath(wanted)), 303);
    try {
      return leaveSignedIn(deps, reply, await strengthen(deps, request, { session, wanted, fields }));
    } catch (error) {
      const reason = fields.reason ?? '';
      return show(deps, reply, { wanted, session, reason, error: shownFailure(error) });
    }
  });
}

async function strengthen(
  deps: SignInDeps,
  request: FastifyRequest,
  asked: {
    readonly session: GoodSession;
    readonly wanted: Wanted;
    readonly fields: z.output<typeof fieldsSchema>;
  },
) {
  const { session, wanted, fields } = asked;
  const { principal, row } = session;
  const reason = elevates(wanted) ? demandReason(fields.reason ?? '') : null;
  const { password, code } = fields;
  const shown = await showAgain(deps, { principal, credential: row.id, password, code, request });
  const goal = { returnTo: wanted.returnTo, session: row.id, reason };
  return onceOnly(() => completeSignIn(deps, { principal, provider: null, goal, request, ...shown }));
}

function wantedPath({ returnTo, acr }: Wanted): Parameters<typeof signInPath>[0] {
  return acr === null ? { returnTo } : { returnTo, acr };
}

async function show(
  deps: SignInDeps,
  reply: FastifyReply,
  shown: {
    readonly wanted: Wanted;
    readonly session: GoodSession;
    readonly reason: string;
    readonly error: Failure | null;
  },
): Promise<FastifyReply> {
  const { wanted, session, reason, error } = shown;
  const factors = await readFactors(deps.store, session.principal.id);
  const page = elevatePage({
    carried: carriedOf(wanted),
    name: session.principal.name,
    reason,
    elevates: elevates(wanted),
    error: error?.message ?? null,
    hasPassword: factors.password !== null,
    asksForCode: factors.totp !== null || factors.recoveryCodes.length > 0,
    passkeys: factors.passkeys.length > 0 && deps.origins().rpId !== null,
    providers: await providersOf(deps.store, session.principal.id),
  });
  return error === null ? sendPage(reply, page) : sendPage(waitFor(reply, error), page, error.status);
}
