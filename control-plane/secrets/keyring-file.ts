// The keyring on disk: one JSON file for its owner alone, replaced as a whole so that no crash leaves half of it.
import { constants } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { derivationSchema } from './passphrase.ts';

const keyringFileSchema = z.strictObject({
  format: z.literal('wayside-keyring'),
  version: z.literal(1),
  /** How the passphrase becomes the key that encrypts the keys below; null where they are stored as they are. */
  protection: derivationSchema.nullable(),
  keys: z
    .array(
      z.strictObject({
        version: z.int().min(1),
        state: z.enum(['active', 'decrypt_only', 'destroyed']),
        created_at: z.int(),
        retired_at: z.int().nullable(),
        /** 32 bytes in base64url, encrypted where there is a protection; null once destroyed. */
        key: z.base64url().nullable(),
      }),
    )
    .min(1),
});
export type KeyringFile = z.infer<typeof keyringFileSchema>;

/** Null where there is no file. Throws `keyring_unusable` where it is damaged or others may read it. */
export async function readKeyringFile(path: string): Promise<KeyringFile | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new Failure(
        'keyring_unusable',
        `Others may read the keyring ${path}. Run: chmod 600 ${path}. If they did, rotate it.`,
      );
    }
    return keyringFileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw new Failure(
      'keyring_unusable',
      `The keyring ${path} cannot be read. Restore it from where you keep a copy; without it no secret can be opened.`,
      { cause },
    );
  }
}

/**
 * Writes beside the old file, syncs, renames over it, and syncs the folder: after a power loss there is the old
 * keyring or the new one. With `fresh` an existing file is an error instead of being replaced.
 */
export async function writeKeyringFile(
  path: string,
  content: KeyringFile,
  options: { readonly fresh?: boolean } = {},
): Promise<void> {
  const beside = options.fresh === true ? path : `${path}.new`;
  const creation = options.fresh === true ? constants.O_EXCL : constants.O_TRUNC;
  try {
    const file = await open(beside, constants.O_WRONLY | constants.O_CREAT | creation, 0o600);
    try {
      await file.writeFile(`${JSON.stringify(keyringFileSchema.parse(content), null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    if (beside !== path) await rename(beside, path);
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (cause) {
    if (beside !== path) await rm(beside, { force: true }).catch(() => undefined);
    throw new Failure(
      'keyring_unusable',
      `The keyring ${path} cannot be written. The old one is still there.`,
      {
        cause,
      },
    );
  }
}
