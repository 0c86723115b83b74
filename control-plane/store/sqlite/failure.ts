// Says in our words what SQLite reported, with what to do about it (https://www.sqlite.org/rescode.html).
import { Failure } from '../../../protocol/failures.ts';
import type { FailureCode } from '../../../protocol/failures.ts';
import type { FailureMessage } from './messages.ts';

/** Primary result codes; the extended ones carry them in their low byte. */
const primary = {
  ioError: 10,
  corrupt: 11,
  full: 13,
  readOnly: 8,
  cannotOpen: 14,
  notADatabase: 26,
} as const;

/** Extended codes of a violated constraint: its kind stands above the primary code. */
const constraint = (kind: number) => 19 | (kind << 8);
const uniqueViolations: readonly number[] = [constraint(8), constraint(6)]; // unique, primary key
const foreignKeyViolation = constraint(3);

/** The extended result code of an error from `node:sqlite`, or null for any other error. */
export function resultCode(cause: unknown): number | null {
  if (!(cause instanceof Error) || !('errcode' in cause)) return null;
  return typeof cause.errcode === 'number' ? cause.errcode : null;
}

export function isFull(cause: unknown): boolean {
  return ((resultCode(cause) ?? 0) & 0xff) === primary.full;
}

/** `sql` is the statement that failed; `unknown` says that the outcome of the commit is not known. */
export function describeFailure(cause: unknown, sql: string, unknown = false): FailureMessage {
  if (cause instanceof Failure) {
    return { code: cause.code, message: cause.message, details: cause.details, cause: '' };
  }
  const code = resultCode(cause);
  const text = cause instanceof Error ? cause.message : String(cause);
  const message = (kind: FailureCode, sentence: string, details: Record<string, unknown> = {}) => ({
    code: kind,
    message: sentence,
    details: unknown ? { ...details, unknown: true } : details,
    cause: text,
  });
  if (code !== null && uniqueViolations.includes(code)) {
    const columns = text.replace(/^.*failed: /, '').split(', ');
    const names = columns.map((column) => column.replace(/^.*\./, '')).join(' and ');
    return message('name_taken', `There is already one with the same ${names}: use it, or choose another.`, {
      columns,
    });
  }
  if (code === foreignKeyViolation) {
    return /^\s*delete\b/i.test(sql)
      ? message('in_use', 'It cannot be deleted while something else refers to it.')
      : message('conflict', 'Something that it refers to is no longer there. Read again and retry.');
  }
  return message('store_failed', failureSentence(code, text));
}

function failureSentence(code: number | null, text: string): string {
  switch ((code ?? 0) & 0xff) {
    case primary.full:
      return 'The disk of the data folder is full: nothing was stored. Free some space; nothing has to be restarted.';
    case primary.ioError:
      return 'The disk of the data folder reports an error. Look at the system log, then restart the server.';
    case primary.readOnly:
      return 'The database cannot be written. Check the permissions of the data folder and how its disk is mounted.';
    case primary.cannotOpen:
      return 'The database could not be opened. Check the permissions of the data folder.';
    case primary.corrupt:
    case primary.notADatabase:
      return 'The database is damaged. Stop the server, keep a copy of the data folder, and restore a backup.';
    default:
      return `The store refused a statement: ${text}.`;
  }
}

export function toFailure(message: FailureMessage): Failure {
  return new Failure(message.code, message.message, {
    details: message.details,
    ...(message.cause === '' ? {} : { cause: new Error(message.cause) }),
  });
}
