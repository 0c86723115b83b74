// Requests and answers about what keeps the data: backups and the keyring.
import { z } from 'zod';
import { backupPassphraseCharactersMax, backupPassphraseCharactersMin } from '../limits.ts';
import { timeSchema } from './page.ts';

/** What the backup is encrypted to: exactly one of a passphrase and a key (base64url of 32 bytes). */
export const backupCreateSchema = z.union([
  z.strictObject({
    passphrase: z.string().min(backupPassphraseCharactersMin).max(backupPassphraseCharactersMax),
  }),
  z.strictObject({ key: z.base64url().length(43) }),
]);

export const keyringSchema = z.object({
  versions: z.array(
    z.object({
      version: z.int(),
      state: z.enum(['active', 'decrypt_only', 'destroyed']),
      created_at: timeSchema,
      retired_at: timeSchema.nullable(),
      /** Stored values that need it. */
      references: z.int(),
    }),
  ),
});

export const keyringRotatedSchema = z.object({
  version: z.int(),
  /** Stored values that were put under the new version. */
  rewrapped: z.int(),
});
