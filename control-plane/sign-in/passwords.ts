// Changes one's own password, for somebody who is signed in and showed recently who they are.
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import { signInEvent } from './audit-entry.ts';
import type { SignInDeps } from './deps.ts';
import { putPassword } from './factor-store.ts';
import { refusePassword } from './password-policy.ts';
import { endSessions } from './session-store.ts';

/** Throws `weak_password`. */
export function demandGoodPassword(password: string, principal: PrincipalRecord): void {
  const why = refusePassword(password, principal);
  if (why !== null) throw new Failure('weak_password', why);
}

/** Every other session of the person ends with it, and every command line. Throws `weak_password`. */
export async function changePassword(
  deps: SignInDeps,
  change: {
    readonly principal: PrincipalRecord;
    readonly session: string;
    readonly password: string;
    readonly request: FastifyRequest;
  },
): Promise<void> {
  const { principal, session, password, request } = change;
  demandGoodPassword(password, principal);
  const hash = await deps.hasher.hash(password);
  await deps.endTokensOf(principal.id);
  const at = deps.clock.now();
  await deps.store.write([
    putPassword(deps.store, { principal: principal.id, hash, changed_at: at }),
    endSessions(deps.store, { principal: principal.id, except: session, at, why: 'password_changed' }),
    signInEvent(deps, {
      principal,
      operation: 'password.set',
      resource: `principals/${principal.id}`,
      details: { by: 'self' },
      request,
    }),
  ]);
}
