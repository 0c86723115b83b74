// One process per data folder. The kernel keeps the exclusion and frees it when the process dies; a file beside it
// says who holds it, for people.
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { Failure } from '../../../protocol/failures.ts';
import { resultCode } from './failure.ts';

/** SQLITE_BUSY. */
const busy = 5;

const holderSchema = z.object({ pid: z.int(), host: z.string(), started_at: z.int(), message: z.string() });

export interface FolderLock {
  release(): void;
}

/**
 * Takes the lock of `folder` or throws `store_locked`, naming who has it. `lock.sqlite` carries an exclusive
 * transaction, because Node has no flock. It is opened by SQLite alone: POSIX drops all locks of a file when the
 * process closes any descriptor of it.
 */
export function takeFolderLock(
  folder: string,
  options: { readonly purpose: string; readonly now: number },
): FolderLock {
  const note = join(folder, 'lock.json');
  const path = join(folder, 'lock.sqlite');
  // On a file that it may not write, SQLite would quietly begin a reading transaction, which excludes nobody.
  if (existsSync(path)) accessSync(path, constants.W_OK);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('begin exclusive');
  } catch (cause) {
    database.close();
    if (resultCode(cause) === busy) throw locked(folder, note, cause);
    throw cause;
  }
  const holder: z.infer<typeof holderSchema> = {
    pid: process.pid,
    host: hostname(),
    started_at: options.now,
    message: `Held by ${options.purpose} for as long as it runs. Deleting this file frees nothing.`,
  };
  writeFileSync(note, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  return {
    release: () => {
      // The note goes first: a later holder writes its own, and must not lose it to us.
      rmSync(note, { force: true });
      database.close();
    },
  };
}

function locked(folder: string, note: string, cause: unknown): Failure {
  const holder = readHolder(note);
  const who =
    holder === null
      ? 'Another process'
      : `Process ${holder.pid} on ${holder.host} (since ${new Date(holder.started_at).toISOString()})`;
  return new Failure(
    'store_locked',
    `${who} uses the data folder ${folder}. Stop it first, or give this one another folder with --data. ` +
      'To run several control planes over the same data, use PostgreSQL.',
    { cause, details: holder === null ? {} : { pid: holder.pid, host: holder.host } },
  );
}

function readHolder(note: string): z.infer<typeof holderSchema> | null {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(note, 'utf8')));
  } catch {
    // Between taking the lock and writing the note there is a moment without one.
    return null;
  }
}
