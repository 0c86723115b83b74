// One SQLite connection with our settings and a cache of prepared statements.
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import {
  storeBusyMsMax,
  storeCacheKibibytes,
  storeStatementsMax,
  storeWalBytesMax,
} from '../../../protocol/limits.ts';
import type { StepResult } from '../store.ts';

/** 'WAYS' in the header of the file, so that another program's database is never taken for ours. */
export const applicationId = 0x57_41_59_53;

interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
  readonly writes: boolean;
}

export interface Connection {
  readonly database: DatabaseSync;
  /** Runs one statement and gives what it returned or changed. */
  run(sql: string, parameters?: readonly SQLInputValue[]): StepResult;
  /** Sets what the database's clock says, where it was opened with one. */
  setNow(ms: number): void;
  close(): void;
}

/** The one writing connection. WAL with `synchronous=FULL`: a commit is on the disk when COMMIT returns. */
export function openWritingConnection(path: string, now?: number): Connection {
  // SQLite gives the WAL the mode of the database file, so the file is made first, for its owner alone.
  closeSync(openSync(path, 'a', 0o600));
  // The busy timeout is an option of opening, so it is in force before WAL is asked for.
  const database = new DatabaseSync(path, { timeout: storeBusyMsMax, enableForeignKeyConstraints: true });
  // Only a file that is made now heeds the first: its pages can be moved together later, and given back.
  database.exec(`
    pragma auto_vacuum = incremental;
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma journal_size_limit = ${storeWalBytesMax};
  `);
  return connectionOver(database, now);
}

/** A reading connection: SQLite itself refuses every write through it. */
export function openReadingConnection(path: string, now?: number): Connection {
  const database = new DatabaseSync(path, { timeout: storeBusyMsMax, readOnly: true });
  return connectionOver(database, now);
}

/** Over a database that is open; `startNow` (epoch ms) replaces its clock. */
export function connectionOver(database: DatabaseSync, startNow?: number): Connection {
  database.exec(`
    pragma temp_store = memory;
    pragma trusted_schema = off;
    pragma cache_size = -${storeCacheKibibytes};
  `);
  let now = startNow;
  if (now !== undefined) {
    // Shadows SQLite's own function, so that a test can move the time of leases and expiry.
    database.function('unixepoch', { varargs: true }, () => (now ?? 0) / 1000);
  }
  const statements = new Map<string, Prepared>();
  return {
    database,
    run: (sql, parameters = []) => runPrepared(prepare(database, statements, sql), parameters),
    setNow: (ms) => {
      now = ms;
    },
    close: () => {
      statements.clear();
      database.close();
    },
  };
}

/** The least recently used statement makes room for a new one: a Map keeps the order of insertion. */
function prepare(database: DatabaseSync, statements: Map<string, Prepared>, sql: string): Prepared {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  const statement = database.prepare(sql);
  const prepared = {
    statement,
    // It has a row without columns for each page that it gives back, and does no more than is asked for.
    returnsRows: statement.columns().length > 0 || /^pragma incremental_vacuum/.test(sql),
    writes:
      /^\s*(insert|update|delete|replace)\b/i.test(sql) ||
      /^\s*with\b.*\b(insert|update|delete)\b/is.test(sql),
  };
  if (statements.size >= storeStatementsMax) {
    const oldest = statements.keys().next().value;
    if (oldest !== undefined) statements.delete(oldest);
  }
  statements.set(sql, prepared);
  return prepared;
}

function runPrepared(prepared: Prepared, parameters: readonly SQLInputValue[]): StepResult {
  if (prepared.returnsRows) {
    const rows = prepared.statement.all(...parameters);
    return { rows, changes: prepared.writes ? rows.length : 0 };
  }
  return { rows: [], changes: Number(prepared.statement.run(...parameters).changes) };
}
