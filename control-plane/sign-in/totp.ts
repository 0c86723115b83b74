// One-time codes of an authenticator application (RFC 6238): a seed, its URI, and a code that is accepted once.
import { generateSecret, generateURI, verifySync } from 'otplib';
import { totpPeriodS, totpSeedBytes } from '../../protocol/limits-authority.ts';
import type { SealedCell } from '../secrets/seal-at-rest.ts';

/** A new seed in base32, 160 bits (RFC 4226, section 4, R6). */
export function newTotpSeed(): string {
  return generateSecret({ length: totpSeedBytes });
}

/** What an authenticator application reads, as a link or typed in. */
export function totpUri(seed: string, account: { readonly name: string; readonly issuer: string }): string {
  return generateURI({ secret: seed, label: account.name, issuer: account.issuer, period: totpPeriodS });
}

/** Spaces are how applications show a code, and no part of it. */
export function isTotpCode(text: string): boolean {
  return /^\d{6}$/.test(plainCode(text));
}

function plainCode(text: string): string {
  return text.replace(/\s+/g, '');
}

/**
 * The time step of a good code, or null. One step before and behind is heard (RFC 6238, section 5.2); a step is
 * accepted once, so only those after `lastStep` count.
 */
export function stepOfCode(
  code: string,
  against: { readonly seed: string; readonly lastStep: number; readonly now: number },
): number | null {
  if (!isTotpCode(code)) return null;
  const answer = verifySync({
    secret: against.seed,
    token: plainCode(code),
    epoch: Math.floor(against.now / 1_000),
    period: totpPeriodS,
    epochTolerance: totpPeriodS,
  });
  if (!answer.valid || !('timeStep' in answer)) return null;
  return answer.timeStep > against.lastStep ? answer.timeStep : null;
}

export function totpCell(seed: { readonly organization: string; readonly id: string }): SealedCell {
  return { table: 'totp_seeds', organization: seed.organization, project: '', row: seed.id, column: 'seed' };
}
