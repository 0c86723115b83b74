// Signs somebody in by a passkey alone, or as the second step after a password: the question, and the answer to it.
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { PasskeysTable } from '../store/tables-sign-in.ts';
import { accountOf } from './account.ts';
import { beginAttempt, findAttempt, takeAttemptStep } from './attempt-store.ts';
import type { Goal } from './attempt-store.ts';
import { signInEvent } from './audit-entry.ts';
import { completeSignIn } from './complete.ts';
import type { Completed } from './complete.ts';
import type { SignInDeps } from './deps.ts';
import { selectPasskey, usePasskey } from './factor-store.ts';
import { onceOnly, signInFailed } from './failed.ts';
import { askForPasskey, checkPasskey } from './passkeys.ts';
import type { AuthenticationResponse, CheckedPasskey } from './passkeys.ts';

/** What the browser is asked, and the cookie of the attempt. Throws `passkeys_unavailable`. */
export async function beginPasskey(deps: SignInDeps, goal: Goal) {
  const options = await askForPasskey(deps.origins());
  const { challenge } = options;
  const { cookie, step } = beginAttempt(deps, {
    kind: 'passkey',
    principal: null,
    content: { goal, challenge },
  });
  await deps.store.write([step]);
  return { options, attempt: cookie };
}

/** Throws `sign_in_failed`. Where a passkey may have been copied that is written down. */
export async function signInWithPasskey(
  deps: SignInDeps,
  asked: {
    readonly attempt: string | null;
    readonly response: AuthenticationResponse;
    readonly request: FastifyRequest;
  },
): Promise<Completed> {
  const { response, request } = asked;
  const attempt = await findAttempt(deps, { kind: 'passkey', cookie: asked.attempt });
  const [passkey] = await deps.store.read(selectPasskey(deps.store, response.id));
  const principal = accountOf(deps.authority.policy(), passkey?.principal ?? null);
  if (attempt === null || passkey === undefined || principal === null) throw refused(deps);
  const { challenge, goal } = attempt.content;
  const checked = await checkOrReport(deps, { response, challenge, passkey, principal, request });
  const at = deps.clock.now();
  return onceOnly(() =>
    completeSignIn(deps, {
      principal,
      methods: checked.methods,
      provider: null,
      goal,
      request,
      steps: [
        takeAttemptStep(deps.store, attempt.id),
        usePasskey(deps.store, { id: passkey.id, was: passkey.counter, counter: checked.counter, at }),
      ],
    }),
  );
}

async function checkOrReport(
  deps: SignInDeps,
  asked: {
    readonly response: AuthenticationResponse;
    readonly challenge: string;
    readonly passkey: PasskeysTable;
    readonly principal: PrincipalRecord;
    readonly request: FastifyRequest;
  },
): Promise<CheckedPasskey> {
  const { principal, passkey, request } = asked;
  try {
    return await checkPasskey(deps.origins(), asked);
  } catch (error) {
    if (!(error instanceof Failure) || error.details['copied'] !== true) throw error;
    await deps.store.write([
      signInEvent(deps, {
        principal,
        operation: 'passkey.suspect',
        resource: `passkeys/${passkey.id}`,
        details: { name: passkey.name, why: 'its count of uses did not go up, so there may be a copy of it' },
        request,
        result: 'denied',
      }),
    ]);
    throw signInFailed();
  }
}

function refused(deps: SignInDeps): Error {
  deps.audit.countDenial('sign_in_failed');
  return signInFailed();
}
