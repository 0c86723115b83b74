// Whether what somebody typed beside a password is good, and the step that uses it up.
import { totpCell, isTotpCode, stepOfCode } from './totp.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { Step } from '../store/store.ts';
import type { Amr } from './contract.ts';
import type { SignInDeps } from './deps.ts';
import { useRecoveryCode, useTotpStep } from './factor-store.ts';
import type { Factors } from './factor-store.ts';
import { hashTypedRecoveryCode } from './one-time-secret.ts';
import type { Beside } from './throttle.ts';

export interface GoodCode {
  readonly methods: readonly Amr[];
  /** Fails where the code was used in the meantime. */
  readonly use: Step;
}

/** What somebody typed into the field for codes. Whatever is no code of ours is taken for one that is wrong. */
export function besideOf(code: string): Beside {
  if (code.trim() === '') return 'nothing';
  return hashTypedRecoveryCode(code) === null || isTotpCode(code) ? 'code' : 'recovery';
}

/** Null where the code is not good, or there is nothing that it could be for. */
export async function checkCode(
  deps: SignInDeps,
  asked: { readonly principal: PrincipalRecord; readonly factors: Factors; readonly code: string },
): Promise<GoodCode | null> {
  const { principal, factors, code } = asked;
  return besideOf(code) === 'recovery'
    ? checkRecoveryCode(deps, { principal, factors, code })
    : checkTotp(deps, { principal, factors, code });
}

async function checkTotp(
  { store, secrets, clock }: SignInDeps,
  { principal, factors, code }: Parameters<typeof checkCode>[1],
): Promise<GoodCode | null> {
  if (factors.totp === null) return null;
  const { id, seed: envelope, last_step: lastStep } = factors.totp;
  const seed = await secrets.openTextAtRest(envelope, totpCell({ organization: principal.organization, id }));
  const step = stepOfCode(code, { seed, lastStep, now: clock.now() });
  return step === null ? null : { methods: ['otp', 'mfa'], use: useTotpStep(store, { id, step }) };
}

function checkRecoveryCode(
  { store, clock }: SignInDeps,
  { principal, factors, code }: Parameters<typeof checkCode>[1],
): GoodCode | null {
  const hash = hashTypedRecoveryCode(code);
  if (hash === null || !factors.recoveryCodes.includes(hash)) return null;
  const use = useRecoveryCode(store, { principal: principal.id, hash, at: clock.now() });
  return { methods: ['kba', 'mfa'], use };
}
