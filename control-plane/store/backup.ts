// Online backup: a consistent copy of the running database, encrypted as it is read. The keyring is not in it.
import { createReadStream } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../../protocol/failures.ts';
import { backupChunkBytes } from '../../protocol/limits.ts';
import { encryptBackup } from './backup-format.ts';
import type { BackupSecret } from './backup-format.ts';
import { syncPath } from './sqlite/data-folder.ts';
import type { Store } from './store.ts';

export interface BackupDeps {
  readonly store: Store;
  /** Where the copy lies while it is encrypted: as private as the database itself. */
  readonly dataFolder: string;
  readonly clock: { now(): number };
}

/**
 * The bytes of a backup, for a file or an HTTP answer. The copy is removed when the last byte was taken, or when the
 * reader stops early. Throws `conflict` while another backup of the same folder is being made.
 */
export async function* readBackup(
  deps: BackupDeps,
  secret: BackupSecret,
): AsyncGenerator<Uint8Array, void, undefined> {
  const copy = await takeCopyPath(deps.dataFolder);
  try {
    const createdAt = deps.clock.now();
    await deps.store.backup(copy.path);
    const source = createReadStream(copy.path, { highWaterMark: backupChunkBytes });
    yield* encryptBackup(source, { secret, createdAt, incarnation: deps.store.incarnation });
  } finally {
    await copy.release();
  }
}

/** Writes bytes into a new file for its owner alone, durably, or not at all. Resolves with their number. */
export async function writeNewFile(path: string, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  const beside = `${path}.part`;
  await rm(beside, { force: true });
  let written = 0;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      for await (const piece of bytes) {
        await file.writeFile(piece);
        written += piece.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await link(beside, path);
    await syncPath(dirname(path));
    return written;
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const code = cause instanceof Error && 'code' in cause ? cause.code : '';
    throw new Failure(
      'invalid_configuration',
      code === 'EEXIST'
        ? `${path} is already there. Choose another name: a backup never replaces a file.`
        : `${path} cannot be written: ${(cause as Error).message}.`,
      { cause },
    );
  } finally {
    await rm(beside, { force: true });
  }
}

const copiesInUse = new Set<string>();

async function takeCopyPath(dataFolder: string): Promise<{ path: string; release: () => Promise<void> }> {
  const path = join(dataFolder, 'backup.tmp');
  if (copiesInUse.has(path)) {
    throw new Failure('conflict', 'Another backup is being made. Retry when it is done.');
  }
  copiesInUse.add(path);
  try {
    // What a crash left there is of no use to anybody.
    await rm(path, { force: true });
    await (await open(path, 'wx', 0o600)).close();
  } catch (cause) {
    copiesInUse.delete(path);
    throw cause;
  }
  return {
    path,
    release: async () => {
      copiesInUse.delete(path);
      await rm(path, { force: true });
    },
  };
}
