// The keyring on disk: one JSON file for its owner alone, replaced as a whole so that no crash leaves half of it.
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
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
 * Writes beside the old file, syncs, puts it in its place, and syncs the folder: after a power loss there is the
 * old keyring or the new one. With `fresh` a keyring that is there already is an error instead of being replaced.
 */
export async function writeKeyringFile(
  path: string,
  content: KeyringFile,
  options: { readonly fresh?: boolean } = {},
): Promise<void> {
  // Several processes may start at once: each writes beside what the others write.
  const beside = options.fresh === true ? `${path}.${randomUUID()}.new` : `${path}.new`;
  try {
    // What a crash left there may have another mode, or be a link that somebody planted.
    await rm(beside, { force: true });
    await writeDurably(beside, `${JSON.stringify(keyringFileSchema.parse(content), null, 2)}\n`);
    if (options.fresh === true) await link(beside, path).finally(() => rm(beside));
    else await rename(beside, path);
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (cause) {
    throw new Failure(
      'keyring_unusable',
      `The keyring ${path} cannot be written; what was there still is. Check the folder and its disk.`,
      { cause },
    );
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
