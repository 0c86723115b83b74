// One process per state folder: an exclusive transaction on a small SQLite file, which the kernel ends when the
// process dies, however it dies (rules.md 3; Node has no flock).
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Failure } from '../protocol/failures.ts';

const sqliteBusy = 5;
export const lockFile = 'lock.sqlite';

export interface StateLock {
  /** Lets the folder go; also done by the end of the process. */
  release(): void;
}

/** Throws `state_locked` with the process id of the holder, and `state_unusable` where no file can be made. */
export function lockState(folder: string, pid: number): StateLock {
  const note = join(folder, 'lock.pid');
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(join(folder, lockFile), { timeout: 0 });
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE');
    writeFileSync(note, `${pid}\n`, { mode: 0o600 });
  } catch (cause) {
    database?.close();
    throw isBusy(cause) ? lockedBy(readHolder(note), folder) : unusable(folder, cause);
  }
  const held = database;
  return {
    release: () => {
      if (!held.isOpen) return;
      rmSync(note, { force: true });
      held.close();
    },
  };
}

function isBusy(cause: unknown): boolean {
  return cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteBusy;
}

function readHolder(note: string): string | null {
  try {
    return readFileSync(note, 'utf8').trim();
  } catch {
    return null;
  }
}

function lockedBy(holder: string | null, folder: string): Failure {
  const who = holder === null ? 'Another process' : `Process ${holder}`;
  return new Failure(
    'state_locked',
    `${who} uses the state folder ${folder}. Stop it first, or give this agent a folder of its own with --state-dir.`,
    { details: { pid: holder } },
  );
}

function unusable(folder: string, cause: unknown): Failure {
  return new Failure(
    'state_unusable',
    `The state folder ${folder} cannot be written by this user: check its owner and mode, or name another with --state-dir.`,
    { cause },
  );
}
