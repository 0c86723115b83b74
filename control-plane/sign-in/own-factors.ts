// What somebody adds to and removes from their own ways to sign in: one-time codes, passkeys, recovery codes.
import { randomUUIDv7 } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import { passkeysPerPrincipalMax, recoveryCodesCount } from '../../protocol/limits-authority.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step } from '../store/store.ts';
import { beginAttempt, findAttempt, takeAttemptStep } from './attempt-store.ts';
import { signInEvent } from './audit-entry.ts';
import type { SignInDeps } from './deps.ts';
import {
  activateSeed,
  deletePasskey,
  insertPasskey,
  insertPendingSeed,
  readFactors,
  removeTotp,
  replaceRecoveryCodes,
} from './factor-store.ts';
import { onceOnly, signInFailed } from './failed.ts';
import { newRecoveryCode } from './one-time-secret.ts';
import { askToRegister, checkRegistration } from './passkeys.ts';
import type { RegistrationResponse } from './passkeys.ts';
import { newTotpSeed, stepOfCode, totpCell, totpUri } from './totp.ts';

/** Who changes their own factors, in which request. */
export interface Own {
  readonly principal: PrincipalRecord;
  readonly request: FastifyRequest;
}

/** A fresh seed that becomes the active one with its first code; until then the old one stays. */
export async function beginTotp(
  deps: SignInDeps,
  { principal }: Own,
): Promise<{ readonly seed: string; readonly uri: string }> {
  const seed = newTotpSeed();
  const id = randomUUIDv7();
  const { organization, name } = principal;
  const sealed = await deps.secrets.sealAtRest(seed, totpCell({ organization, id }));
  const row = { id, principal: principal.id, seed: sealed, created_at: deps.clock.now() };
  await deps.store.write(insertPendingSeed(deps.store, row));
  return { seed, uri: totpUri(seed, { name, issuer: 'Wayside' }) };
}

/** The seed that waits for its first code, or null. */
export async function pendingTotp(
  deps: SignInDeps,
  { id: principal, organization, name }: PrincipalRecord,
): Promise<{ readonly id: string; readonly seed: string; readonly uri: string } | null> {
  const { pendingTotp: pending } = await readFactors(deps.store, principal);
  if (pending === null) return null;
  const { id, seed: envelope } = pending;
  const seed = await deps.secrets.openTextAtRest(envelope, totpCell({ organization, id }));
  return { id, seed, uri: totpUri(seed, { name, issuer: 'Wayside' }) };
}

/** Throws `sign_in_failed` where the code is not that of the seed that was shown last. */
export async function confirmTotp(deps: SignInDeps, own: Own, code: string): Promise<void> {
  const pending = await pendingTotp(deps, own.principal);
  if (pending === null) throw signInFailed();
  const lastStep = stepOfCode(code, { seed: pending.seed, lastStep: 0, now: deps.clock.now() });
  if (lastStep === null) throw signInFailed();
  const steps = activateSeed(deps.store, { id: pending.id, principal: own.principal.id, lastStep });
  await onceOnly(() => commit(deps, own, 'totp.add', {}, steps));
}

export async function forgetTotp(deps: SignInDeps, own: Own): Promise<void> {
  await commit(deps, own, 'totp.remove', {}, [removeTotp(deps.store, own.principal.id)]);
}

/** What the browser is asked, and the cookie of the attempt. */
export async function beginPasskeyRegistration(deps: SignInDeps, { principal }: Own) {
  const { passkeys } = await readFactors(deps.store, principal.id);
  if (passkeys.length >= passkeysPerPrincipalMax) {
    throw new Failure(
      'limit_exceeded',
      `You have ${passkeys.length} passkeys. Remove one that you do not use.`,
    );
  }
  const options = await askToRegister(deps.origins(), { principal, known: passkeys });
  const attempt = beginAttempt(deps, {
    kind: 'passkey_registration',
    principal: principal.id,
    content: { challenge: options.challenge },
  });
  await deps.store.write([attempt.step]);
  return { options, attempt: attempt.cookie };
}

/** Throws `sign_in_failed` for an answer that is not good, and `name_taken` for a passkey that is known. */
export async function addPasskey(
  deps: SignInDeps,
  own: Own,
  answer: {
    readonly attempt: string | null;
    readonly name: string;
    readonly response: RegistrationResponse;
  },
): Promise<void> {
  const attempt = await findAttempt(deps, { kind: 'passkey_registration', cookie: answer.attempt });
  if (attempt === null || attempt.principal !== own.principal.id) throw signInFailed();
  const { challenge } = attempt.content;
  const made = await checkRegistration(deps.origins(), { response: answer.response, challenge });
  const now = deps.clock.now();
  await commit(deps, own, 'passkey.add', { name: answer.name, passkey: made.id }, [
    takeAttemptStep(deps.store, attempt.id),
    insertPasskey(deps.store, {
      ...made,
      principal: own.principal.id,
      name: answer.name,
      created_at: now,
      last_used_at: null,
    }),
  ]);
}

/** Throws `not_found`. */
export async function removePasskey(deps: SignInDeps, own: Own, id: string): Promise<void> {
  const steps = [deletePasskey(deps.store, { id, principal: own.principal.id })];
  try {
    await commit(deps, own, 'passkey.remove', { passkey: id }, steps);
  } catch (error) {
    if (error instanceof GuardFailed) throw new Failure('not_found', 'You have no such passkey.');
    throw error;
  }
}

/** New codes, shown once; all older ones stop working. */
export async function makeRecoveryCodes(deps: SignInDeps, own: Own): Promise<readonly string[]> {
  const codes = Array.from({ length: recoveryCodesCount }, newRecoveryCode);
  await commit(deps, own, 'recovery_codes.create', { count: codes.length }, [
    ...replaceRecoveryCodes(deps.store, {
      principal: own.principal.id,
      hashes: codes.map(({ hash }) => hash),
      at: deps.clock.now(),
    }),
  ]);
  return codes.map(({ secret }) => secret);
}

async function commit(
  deps: SignInDeps,
  { principal, request }: Own,
  operation: string,
  details: Readonly<Record<string, unknown>>,
  steps: readonly Step[],
): Promise<void> {
  const resource = `principals/${principal.id}`;
  const event = signInEvent(deps, { principal, operation, resource, details, request });
  await deps.store.write([...steps, event]);
}
