// Sets a password by a one-time link: ends every session and command line and forgets every browser of that person, and
// signs them in.
import type { FastifyRequest } from 'fastify';
import type { PrincipalRecord } from '../authority/policy.ts';
import { GuardFailed } from '../store/store.ts';
import type { SignInLinksTable } from '../store/tables-sign-in.ts';
import { accountOf } from './account.ts';
import { beginAttempt } from './attempt-store.ts';
import { signInEvent } from './audit-entry.ts';
import { completeSignIn } from './complete.ts';
import type { SignInDeps } from './deps.ts';
import { hasSecondFactor, putPassword, readFactors, removeSecondFactors } from './factor-store.ts';
import { linkSpent, readLink, useLink } from './links.ts';
import { demandGoodPassword } from './passwords.ts';
import { endSessions, forgetDevices } from './session-store.ts';
import type { PasswordOutcome } from './with-password.ts';

/** Who a link is for. Throws `sign_in_link_spent`. */
export async function accountOfLink(
  deps: SignInDeps,
  code: string,
): Promise<{ readonly link: SignInLinksTable; readonly principal: PrincipalRecord }> {
  const link = await readLink(deps, code);
  const principal = accountOf(deps.authority.policy(), link.principal);
  if (principal === null) throw linkSpent();
  return { link, principal };
}

/**
 * Throws `sign_in_link_spent`, and `weak_password`, after which the link is still good. A second factor that stays is
 * asked for as ever.
 */
export async function setPasswordByLink(
  deps: SignInDeps,
  asked: {
    readonly code: string;
    readonly password: string;
    readonly returnTo: string;
    readonly request: FastifyRequest;
  },
): Promise<PasswordOutcome> {
  const { request, password } = asked;
  const { link, principal } = await accountOfLink(deps, asked.code);
  demandGoodPassword(password, principal);
  const factors = await readFactors(deps.store, principal.id);
  const removes = link.removes_factors === 1;
  const hash = await deps.hasher.hash(password);
  const at = deps.clock.now();
  const { store } = deps;
  const steps = [
    useLink(store, { id: link.id, at }),
    putPassword(store, { principal: principal.id, hash, changed_at: at }),
    ...(removes ? removeSecondFactors(store, principal.id) : []),
    endSessions(store, { principal: principal.id, except: null, at, why: 'password_set' }),
    forgetDevices(store, principal.id),
    signInEvent(deps, {
      principal,
      operation: 'password.set',
      resource: `principals/${principal.id}`,
      details: { by: link.purpose, link: link.id, factors_removed: removes },
      request,
    }),
  ];
  // First: what somebody else holds must not outlive a password that was set because of them.
  await deps.endTokensOf(principal.id);
  const goal = { returnTo: asked.returnTo, session: null, reason: null };
  try {
    if (hasSecondFactor(factors) && !removes) {
      const content = { goal, methods: ['pwd'] };
      const attempt = beginAttempt(deps, { kind: 'second_factor', principal: principal.id, content });
      await store.write([...steps, attempt.step]);
      return { type: 'second_factor', attempt: attempt.cookie };
    }
    const methods = ['pwd'] as const;
    const completed = await completeSignIn(deps, {
      principal,
      methods,
      provider: null,
      goal,
      request,
      steps,
    });
    return { type: 'signed_in', completed };
  } catch (error) {
    throw error instanceof GuardFailed ? linkSpent() : error;
  }
}
