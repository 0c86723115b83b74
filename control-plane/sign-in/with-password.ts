// Signs somebody in by name and password: takes room for the attempt, does the same work whoever it is, and asks for a
// second factor where there is one.
import type { FastifyRequest } from 'fastify';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { Step } from '../store/store.ts';
import { findAccount, nobodyId, originOf } from './account.ts';
import { beginAttempt } from './attempt-store.ts';
import type { Goal } from './attempt-store.ts';
import { besideOf, checkCode } from './check-factors.ts';
import { completeSignIn } from './complete.ts';
import type { Completed } from './complete.ts';
import type { SignInDeps } from './deps.ts';
import { hasSecondFactor, readFactors, rehashPassword } from './factor-store.ts';
import type { Factors } from './factor-store.ts';
import { onceOnly, signInFailed } from './failed.ts';
import { waysFor } from './throttle.ts';
import { takeAttempt } from './throttle-store.ts';

export type PasswordOutcome =
  | { readonly type: 'signed_in'; readonly completed: Completed }
  /** The cookie of the attempt that waits for the second factor. */
  | { readonly type: 'second_factor'; readonly attempt: string };

export interface PasswordAttempt {
  readonly name: string;
  readonly password: string;
  /** A code beside the password, or ''. One that is given must be good. */
  readonly code: string;
  readonly goal: Goal;
  readonly request: FastifyRequest;
}

/** Throws `sign_in_failed`, `too_many_requests` and `unavailable`. */
export async function signInWithPassword(deps: SignInDeps, asked: PasswordAttempt): Promise<PasswordOutcome> {
  const account = findAccount(deps.authority.policy(), asked.name);
  const origin = await originOf(deps, asked.request, { name: asked.name, account });
  const beside = besideOf(asked.code);
  const taken = await takeAttempt(deps, waysFor(origin, beside));
  const factors = await readFactors(deps.store, account?.id ?? nobodyId);
  const isGood = await deps.hasher.verify(asked.password, account === null ? null : factors.password);
  const code =
    account === null || beside === 'nothing'
      ? null
      : await checkCode(deps, { principal: account, factors, code: asked.code });
  if (account === null || !isGood || (beside !== 'nothing' && code === null)) throw refused(deps);
  const steps = [...taken.refund, ...(await rehashed(deps, { account, factors, password: asked.password }))];
  if (code === null && hasSecondFactor(factors)) {
    return { type: 'second_factor', attempt: await askForSecond(deps, { ...asked, account, steps }) };
  }
  const { goal, request } = asked;
  const completed = await onceOnly(() =>
    completeSignIn(deps, {
      principal: account,
      methods: ['pwd', ...(code?.methods ?? [])],
      provider: null,
      goal,
      request,
      steps: code === null ? steps : [...steps, code.use],
    }),
  );
  return { type: 'signed_in', completed };
}

/** Nobody is known who could be named in the trail: such failures are counted (rules.md 32). */
function refused(deps: SignInDeps): Error {
  deps.audit.countDenial('sign_in_failed');
  return signInFailed();
}

async function askForSecond(
  deps: SignInDeps,
  asked: { readonly account: PrincipalRecord; readonly goal: Goal; readonly steps: readonly Step[] },
): Promise<string> {
  const { cookie, step } = beginAttempt(deps, {
    kind: 'second_factor',
    principal: asked.account.id,
    content: { goal: asked.goal, methods: ['pwd'] },
  });
  await deps.store.write([...asked.steps, step]);
  return cookie;
}

/** A good password is hashed again where hashing costs something else by now. */
async function rehashed(
  { store, hasher }: SignInDeps,
  of: { readonly account: PrincipalRecord; readonly factors: Factors; readonly password: string },
): Promise<readonly Step[]> {
  const was = of.factors.password;
  if (was === null || !hasher.isOutdated(was)) return [];
  const hash = await hasher.hash(of.password);
  return [rehashPassword(store, { principal: of.account.id, was, hash })];
}
