// Says in our words what PostgreSQL or the way to it reported, with what to do about it
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
import { DatabaseError } from 'pg';
import { Failure } from '../../../protocol/failures.ts';

/** The table and columns of each unique index, to say which names clash. */
export type UniqueIndexes = ReadonlyMap<
  string,
  { readonly table: string; readonly columns: readonly string[] }
>;

/** The database gave this one up for the sake of another transaction: it is run again. */
const runAgain = new Set(['40001', '40P01', '55P03']);
/** This server takes nothing now, but it or another one will: shutting down, starting, standby, too many clients. */
const awayNow = new Set(['57P01', '57P02', '57P03', '57P05', '25006', '53300', '25P03', '25P04']);

export function stateOf(cause: unknown): string | null {
  return cause instanceof DatabaseError ? (cause.code ?? null) : null;
}

export function mayRunAgain(cause: unknown): boolean {
  return runAgain.has(stateOf(cause) ?? '');
}

/** True where the connection or the server behind it is of no use any more, and a new one may be. */
export function isAway(cause: unknown): boolean {
  const state = stateOf(cause);
  return state === null || state.startsWith('08') || awayNow.has(state);
}

/** `sql` is the statement that failed. */
export function toStoreFailure(cause: unknown, sql: string, indexes: UniqueIndexes): Failure {
  if (cause instanceof Failure) return cause;
  if (!(cause instanceof DatabaseError)) return unavailable(cause);
  switch (cause.code) {
    case '23505':
      return nameTaken(cause, indexes);
    case '23503':
    case '23001':
      return /^\s*delete\b/i.test(sql)
        ? new Failure('in_use', 'It cannot be deleted while something else refers to it.', { cause })
        : new Failure('conflict', 'Something that it refers to is no longer there. Read again and retry.', {
            cause,
          });
    default:
      return isAway(cause) || mayRunAgain(cause) || cause.code === '57014'
        ? unavailable(cause)
        : storeFailed(cause);
  }
}

export function unavailable(cause: unknown): Failure {
  return new Failure('store_unavailable', `${sentenceOfAway(cause)} What was asked for was not stored.`, {
    cause,
    details: { retry_after_ms: 1_000 },
  });
}

/** Whether a commit happened could not be found out (rules.md 4). */
export function outcomeUnknown(cause: unknown): Failure {
  return new Failure(
    'store_failed',
    'The connection to the database was lost in a commit. Whether this was stored is not known: read again.',
    { cause, details: { unknown: true } },
  );
}

function nameTaken(cause: DatabaseError, indexes: UniqueIndexes): Failure {
  const index = indexes.get(cause.constraint ?? '');
  const columns = index?.columns ?? [];
  const names = columns.length === 0 ? 'name' : columns.join(' and ');
  return new Failure(
    'name_taken',
    `There is already one with the same ${names}: use it, or choose another.`,
    {
      cause,
      details: { columns: columns.map((column) => `${index?.table ?? ''}.${column}`) },
    },
  );
}

function storeFailed(cause: DatabaseError): Failure {
  const sentence = () => {
    switch (cause.code) {
      case '53100':
        return 'The disk of the database is full: nothing was stored. Free some space; nothing has to be restarted.';
      case '58030':
      case 'XX001':
      case 'XX002':
        return `The database reports damage or a failing disk: ${cause.message}. Look at its log.`;
      case '42501':
        return `The user of the database lacks a right: ${cause.message}. It must own its schema.`;
      default:
        return `The store refused a statement: ${cause.message}.`;
    }
  };
  return new Failure('store_failed', sentence(), { cause });
}

function sentenceOfAway(cause: unknown): string {
  switch (stateOf(cause)) {
    case '53300':
      return 'The database has no connection left for us. Raise its max_connections, or lower `connections` in DATABASE_URL.';
    case '25006':
      return 'The database is a standby and takes no writes.';
    case '55P03':
    case '40P01':
      return 'Another session of the database holds a lock that this needs.';
    case '57014':
      return 'The database took too long for a statement.';
    default:
      return `The database cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}.`;
  }
}
