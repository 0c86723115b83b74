// The second step of signing in: a code of an authenticator application, or a recovery code.
import type { FastifyRequest } from 'fastify';
import { accountOf, originOf } from './account.ts';
import { findAttempt, takeAttemptStep } from './attempt-store.ts';
import { besideOf, checkCode } from './check-factors.ts';
import { completeSignIn } from './complete.ts';
import type { Completed } from './complete.ts';
import type { SignInDeps } from './deps.ts';
import { readFactors } from './factor-store.ts';
import { onceOnly, signInFailed } from './failed.ts';
import { parseMethods } from './methods.ts';
import { waysForCode } from './throttle.ts';
import { takeAttempt } from './throttle-store.ts';

/** Throws `sign_in_failed` and `too_many_requests`; the attempt goes on after both, until it lapses. */
export async function signInWithCode(
  deps: SignInDeps,
  asked: { readonly attempt: string | null; readonly code: string; readonly request: FastifyRequest },
): Promise<Completed> {
  const attempt = await findAttempt(deps, { kind: 'second_factor', cookie: asked.attempt });
  const principal = accountOf(deps.authority.policy(), attempt?.principal ?? null);
  if (attempt === null || principal === null) throw signInFailed();
  const origin = await originOf(deps, asked.request, { name: principal.name, account: principal });
  // A recovery code cannot be found by trying, so it is never slowed down for the sake of the account.
  const ways =
    besideOf(asked.code) === 'recovery'
      ? [[{ key: `address ${origin.network}`, pace: 'address' as const }]]
      : waysForCode(origin);
  const taken = await takeAttempt(deps, ways);
  const factors = await readFactors(deps.store, principal.id);
  const code = await checkCode(deps, { principal, factors, code: asked.code });
  if (code === null) {
    deps.audit.countDenial('sign_in_failed');
    throw signInFailed();
  }
  return onceOnly(() =>
    completeSignIn(deps, {
      principal,
      methods: [...parseMethods(attempt.content.methods.join(' ')), ...code.methods],
      provider: null,
      goal: attempt.content.goal,
      request: asked.request,
      steps: [takeAttemptStep(deps.store, attempt.id), code.use, ...taken.refund],
    }),
  );
}
