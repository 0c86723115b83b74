// Signing out: one session, or all of a person. What hangs on a session ends with it.
import type { FastifyRequest } from 'fastify';
import type { PrincipalRecord } from '../authority/policy.ts';
import { signInEvent } from './audit-entry.ts';
import type { SignInDeps } from './deps.ts';
import { endElevation, endSession, endSessions, forgetDevices } from './session-store.ts';

interface Own {
  readonly principal: PrincipalRecord;
  readonly request: FastifyRequest;
}

/** By its owner. Ending one that has ended changes nothing. */
export async function signOut(deps: SignInDeps, { principal, request }: Own, id: string): Promise<void> {
  const at = deps.clock.now();
  await deps.store.write([
    endSession(deps.store, { id, at, why: 'signed_out' }),
    endElevation(deps.store, id),
    signInEvent(deps, {
      principal,
      operation: 'session.end',
      resource: `sessions/${id}`,
      details: {},
      request,
    }),
  ]);
}

/** All sessions and command lines of the person, and no browser is known any more. */
export async function signOutEverywhere(deps: SignInDeps, { principal, request }: Own): Promise<void> {
  await deps.endTokensOf(principal.id);
  const at = deps.clock.now();
  await deps.store.write([
    endSessions(deps.store, { principal: principal.id, except: null, at, why: 'signed_out_everywhere' }),
    forgetDevices(deps.store, principal.id),
    signInEvent(deps, {
      principal,
      operation: 'session.end_all',
      resource: `principals/${principal.id}`,
      details: {},
      request,
    }),
  ]);
}
