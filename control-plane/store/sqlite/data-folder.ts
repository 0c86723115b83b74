// The folder that holds everything: made for its owner alone, and refused with a sentence where it cannot serve.
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../../protocol/failures.ts';

/** Where the database of a data folder is. */
export function databasePath(folder: string): string {
  return join(folder, 'wayside.db');
}

/** Makes the folder where it is missing. Throws `data_folder_unusable` with what to mend. */
export function prepareDataFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!statSync(folder).isDirectory()) throw new Error('it is not a folder');
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw dataFolderFailure(folder, cause);
  }
}

/** A database with what SQLite keeps beside it; nothing where there is none. */
export async function removeDatabase(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(path + suffix, { force: true });
}

/** Puts a file on the disk, or the names in a folder. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync().finally(() => file.close());
}

export function dataFolderFailure(folder: string, cause: unknown): Failure {
  return new Failure('data_folder_unusable', `The data folder ${folder} cannot be used: ${reason(cause)}`, {
    cause,
  });
}

function reason(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : '';
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'this user may not write there. Change its owner, or choose another one with --data.';
    case 'EROFS':
      return 'it is on a read-only disk. Mount it writable, or choose another one with --data.';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'a file is in the way. Choose another one with --data.';
    case 'ENOSPC':
      return 'its disk is full. Free some space.';
    default:
      return `${cause instanceof Error ? cause.message : String(cause)}. Choose another one with --data.`;
  }
}
