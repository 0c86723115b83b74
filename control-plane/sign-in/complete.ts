// The end of every sign-in: a new session, or the session that is there made stronger, in one unit with what proved
// it and the event that says so.
import { randomUUIDv7 } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { elevationMsMax, sessionMsMax } from '../../protocol/limits-authority.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { Step } from '../store/store.ts';
import type { Goal } from './attempt-store.ts';
import { signInEvent, userAgentOf } from './audit-entry.ts';
import type { Amr } from './contract.ts';
import { readCookie } from './cookies.ts';
import type { SignInDeps } from './deps.ts';
import { signInFailed } from './failed.ts';
import { formatMethods } from './methods.ts';
import { hashSecret, newSecret } from './one-time-secret.ts';
import { insertSession, putDevice, putElevation, renewSession } from './session-store.ts';
import { readSessionById } from './sessions.ts';
import { networkOf } from './throttle.ts';

/** Who showed what. */
export interface Shown {
  readonly principal: PrincipalRecord;
  readonly methods: readonly Amr[];
  /** Id of the identity provider that vouches for them. */
  readonly provider: string | null;
  readonly goal: Goal;
  readonly request: FastifyRequest;
  /** What has to be written with it: codes that are used up, attempts that are taken back. */
  readonly steps: readonly Step[];
}

export interface Completed {
  readonly sessionId: string;
  /** Cookies to set. */
  readonly session: string;
  readonly device: string | null;
  readonly returnTo: string;
}

/** Throws GuardFailed where what was shown was used by another request in between. */
export async function completeSignIn(deps: SignInDeps, shown: Shown): Promise<Completed> {
  const { session } = shown.goal;
  return session === null ? beginSession(deps, shown) : strengthenSession(deps, shown, session);
}

async function beginSession(deps: SignInDeps, shown: Shown): Promise<Completed> {
  const { store, clock, origins } = deps;
  const { principal, request, methods, provider } = shown;
  const { secret, hash } = newSecret();
  const now = clock.now();
  const id = randomUUIDv7();
  // A browser keeps its cookie for all accounts that sign in with it.
  const device = readCookie(request.headers.cookie, 'device', origins().secure) ?? newSecret().secret;
  await store.write([
    ...shown.steps,
    insertSession(store, {
      id,
      organization: principal.organization,
      principal: principal.id,
      hash,
      methods: formatMethods(methods),
      provider,
      address: request.ip,
      user_agent: userAgentOf(request),
      store_incarnation: store.incarnation,
      created_at: now,
      authenticated_at: now,
      last_seen_at: now,
      expires_at: now + sessionMsMax,
      ended_at: null,
      end_reason: null,
    }),
    putDevice(store, {
      hash: hashSecret(device),
      principal: principal.id,
      network: networkOf(request.ip),
      created_at: now,
      last_seen_at: now,
    }),
    signInEvent(deps, {
      principal,
      operation: 'session.create',
      resource: `sessions/${id}`,
      details: { methods, provider },
      request,
    }),
  ]);
  return { sessionId: id, session: secret, device, returnTo: shown.goal.returnTo };
}

async function strengthenSession(deps: SignInDeps, shown: Shown, id: string): Promise<Completed> {
  const { store, clock } = deps;
  const { principal, methods, request, goal } = shown;
  const now = clock.now();
  const session = await readSessionById(deps, id, now);
  // Somebody else than the one who is signed in here.
  if (session === null || session.principal.id !== principal.id) throw signInFailed();
  const { secret, hash } = newSecret();
  await store.write([
    ...shown.steps,
    renewSession(store, { id, hash, methods: formatMethods(methods), at: now }),
    ...elevationSteps(deps, { principal, methods, request, credential: id, reason: goal.reason }),
  ]);
  return { sessionId: id, session: secret, device: null, returnTo: goal.returnTo };
}

/** Elevates a credential where there is a reason for it, else only says that its owner showed again who they are. */
export function elevationSteps(
  deps: SignInDeps,
  elevated: {
    readonly principal: PrincipalRecord;
    readonly methods: readonly Amr[];
    readonly request: FastifyRequest;
    readonly credential: string;
    readonly reason: string | null;
  },
): readonly Step[] {
  const { principal, methods, request, credential, reason } = elevated;
  const now = deps.clock.now();
  const elevated_until = now + elevationMsMax;
  const event = {
    principal,
    operation: reason === null ? 'session.reauthenticate' : 'session.elevate',
    resource: `sessions/${credential}`,
    details: reason === null ? { methods } : { methods, reason, elevated_until },
    request,
  };
  if (reason === null) return [signInEvent(deps, event)];
  return [
    putElevation(deps.store, {
      credential,
      principal: principal.id,
      reason,
      methods: formatMethods(methods),
      elevated_at: now,
      elevated_until,
    }),
    signInEvent(deps, event),
  ];
}
