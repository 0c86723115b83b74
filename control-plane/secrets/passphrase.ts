// Keys from passphrases by scrypt (RFC 7914). Its cost is written beside what it protects, so that it can grow;
// what is read from a file is bounded, because a file may come from anybody.
import { randomBytes, scrypt } from 'node:crypto';
import { z } from 'zod';
import { scryptCostDefault, scryptCostMax, scryptSaltBytes } from '../../protocol/limits.ts';

export const derivationSchema = z.strictObject({
  kdf: z.literal('scrypt'),
  n: z
    .int()
    .min(2)
    .max(scryptCostMax)
    .refine((n) => (n & (n - 1)) === 0, 'is a power of two'),
  r: z.literal(8),
  p: z.literal(1),
  salt: z.base64url().min(16).max(128),
});
export type Derivation = z.infer<typeof derivationSchema>;

/** A fresh salt and our present cost. */
export function newDerivation(cost: number = scryptCostDefault): Derivation {
  return { kdf: 'scrypt', n: cost, r: 8, p: 1, salt: randomBytes(scryptSaltBytes).toString('base64url') };
}

/** 32 bytes. The passphrase is taken in Unicode NFKC, so that two keyboards give the same key. */
export function deriveKey(passphrase: string, derivation: Derivation): Promise<Buffer> {
  const { n, r, p } = derivation;
  const salt = Buffer.from(derivation.salt, 'base64url');
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFKC'), salt, 32, { N: n, r, p, maxmem: 256 * n * r }, (cause, key) => {
      if (cause === null) resolve(key);
      else reject(cause);
    });
  });
}
