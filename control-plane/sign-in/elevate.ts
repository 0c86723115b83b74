// Elevation (RFC 9470): somebody who is signed in shows again who they are and says why, and may then do what is
// sensitive for a quarter of an hour, with that one credential.
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import {
  elevationReasonCharactersMax,
  elevationReasonCharactersMin,
} from '../../protocol/limits-authority.ts';
import type { Caller, Credential } from '../authority/caller.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { Step } from '../store/store.ts';
import { accountOf } from './account.ts';
import { besideOf, checkCode } from './check-factors.ts';
import { elevationSteps } from './complete.ts';
import type { Amr } from './contract.ts';
import type { SignInDeps } from './deps.ts';
import { hasSecondFactor, readFactors } from './factor-store.ts';
import { onceOnly, signInFailed } from './failed.ts';
import { formatMethods } from './methods.ts';
import { newSecret } from './one-time-secret.ts';
import { renewSession } from './session-store.ts';
import { waysForCredential } from './throttle.ts';
import { takeAttempt } from './throttle-store.ts';

/** Who shows again that they are `principal`, to strengthen one credential. */
export interface Again {
  readonly principal: PrincipalRecord;
  readonly credential: string;
  readonly password: string;
  /** A code or a recovery code; '' where there is none. */
  readonly code: string;
  readonly request: FastifyRequest;
}

export interface ShownAgain {
  readonly methods: readonly Amr[];
  readonly steps: readonly Step[];
}

/**
 * Password, and second factor where there is one. Guesses count for the credential alone, so that nobody else is slowed
 * down by somebody who took it. Throws `sign_in_failed` and `too_many_requests`.
 */
export async function showAgain(deps: SignInDeps, again: Again): Promise<ShownAgain> {
  const { principal, credential, password, code: typed } = again;
  const beside = besideOf(typed);
  const taken = await takeAttempt(deps, [waysForCredential(credential, beside)]);
  const factors = await readFactors(deps.store, principal.id);
  const isGood = await deps.hasher.verify(password, factors.password);
  const code = beside === 'nothing' ? null : await checkCode(deps, { principal, factors, code: typed });
  if (!isGood || (beside !== 'nothing' && code === null)) {
    deps.audit.countDenial('sign_in_failed');
    throw signInFailed();
  }
  if (code === null && hasSecondFactor(factors)) {
    throw new Failure(
      'sign_in_failed',
      'Your password is not enough: give a code beside it, or use a passkey.',
      {
        details: { second_factor: true },
      },
    );
  }
  return {
    methods: ['pwd', ...(code?.methods ?? [])],
    steps: code === null ? taken.refund : [...taken.refund, code.use],
  };
}

/** A sentence of the person. Throws `invalid_request` for one that says nothing. */
export function demandReason(reason: string): string {
  const text = reason.trim().replace(/\s+/g, ' ');
  if (text.length >= elevationReasonCharactersMin && text.length <= elevationReasonCharactersMax) return text;
  throw new Failure(
    'invalid_request',
    `Say in ${elevationReasonCharactersMin} to ${elevationReasonCharactersMax} characters what you need it for.`,
  );
}

/** Which credentials can be elevated. Throws `conflict` for one that needs no elevation or belongs to no person. */
export function demandElevatable(caller: Caller): {
  readonly principal: PrincipalRecord;
  readonly credential: Credential;
} {
  const { credential, principal, actors } = caller;
  const isPersons = principal.kind === 'user' && actors.length === 0;
  if (isPersons && (credential?.kind === 'session' || credential?.kind === 'access_token')) {
    return { principal, credential };
  }
  throw new Failure(
    'conflict',
    credential?.kind === 'personal_token'
      ? 'A personal token has all its rights at any time; only what you signed in with is elevated.'
      : 'Only a session of a person, or what a person signed in with, can be elevated.',
  );
}

/** Throws `conflict`, `sign_in_failed`, `too_many_requests`. Answers the cookie of the session where it is one. */
export async function elevateCaller(
  deps: SignInDeps,
  asked: {
    readonly caller: Caller;
    readonly reason: string;
    readonly password: string;
    readonly code: string;
    readonly request: FastifyRequest;
  },
): Promise<{ readonly session: string | null }> {
  const { credential, principal } = demandElevatable(asked.caller);
  if (accountOf(deps.authority.policy(), principal.id) === null) throw signInFailed();
  const reason = demandReason(asked.reason);
  const { password, code, request } = asked;
  const shown = await showAgain(deps, { principal, credential: credential.id, password, code, request });
  const { secret, hash } = newSecret();
  const isSession = credential.kind === 'session';
  const { methods } = shown;
  const renewed = { id: credential.id, hash, methods: formatMethods(methods), at: deps.clock.now() };
  await onceOnly(() =>
    deps.store.write([
      ...shown.steps,
      ...(isSession ? [renewSession(deps.store, renewed)] : []),
      ...elevationSteps(deps, { principal, methods, request, credential: credential.id, reason }),
    ]),
  );
  return { session: isSession ? secret : null };
}
