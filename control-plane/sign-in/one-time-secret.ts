// Secrets of full entropy that are shown once and stored as SHA-256: cookies, links, recovery codes.
import { createHash, randomBytes } from 'node:crypto';
import { tokenBytes } from '../../protocol/limits.ts';
import { recoveryCodeBytes } from '../../protocol/limits-authority.ts';

export interface OneTimeSecret {
  readonly secret: string;
  readonly hash: string;
}

/** 256 bits, for URLs and cookies. */
export function newSecret(): OneTimeSecret {
  const secret = randomBytes(tokenBytes).toString('base64url');
  return { secret, hash: hashSecret(secret) };
}

export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Without what is read as something else: no I, L, O, U (Crockford's base 32). */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** 100 bits in four groups of five, to be written down: nobody finds one by trying. */
export function newRecoveryCode(): OneTimeSecret {
  const bits = [...randomBytes(recoveryCodeBytes)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const letters = Array.from({ length: 20 }, (_, index) => {
    const value = Number.parseInt(bits.slice(index * 5, index * 5 + 5), 2);
    return alphabet.charAt(value);
  }).join('');
  return { secret: letters.replace(/(.{5})(?=.)/g, '$1-'), hash: hashSecret(letters) };
}

/** The hash under which what somebody typed would be stored; null where it is no recovery code at all. */
export function hashTypedRecoveryCode(typed: string): string | null {
  const letters = typed.toUpperCase().replace(/[\s-]/g, '').replace(/[IL]/g, '1').replace(/O/g, '0');
  return /^[0-9A-HJKMNP-TV-Z]{20}$/.test(letters) ? hashSecret(letters) : null;
}
