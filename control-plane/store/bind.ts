// What may be bound to a statement: values that both engines store alike.
import type { SQLInputValue } from 'node:sqlite';
import type { CompiledQuery } from 'kysely';

/** U+0000 stands in no text of PostgreSQL, so it stands in none of ours: it is stored as the replacement character. */
const replacement = '\u{fffd}';

/** Throws a plain Error, because a value of another type is a mistake in our code and not of the world. */
export function boundParameters({ sql, parameters }: CompiledQuery): readonly SQLInputValue[] {
  let hasNull = false;
  for (const value of parameters) {
    if (typeof value === 'string') {
      if (value.includes('\0')) hasNull = true;
    } else if (!isBindable(value)) {
      const place = parameters.findIndex((each) => Object.is(each, value)) + 1;
      throw new Error(
        `a ${typeof value} cannot be bound as parameter ${place} in: ${sql}. Booleans are 0 or 1, times are numbers.`,
      );
    }
  }
  return hasNull ? withoutNulls(parameters) : (parameters as readonly SQLInputValue[]);
}

function withoutNulls(parameters: readonly unknown[]): readonly SQLInputValue[] {
  return parameters.map((value) =>
    typeof value === 'string' ? value.replaceAll('\0', replacement) : (value as SQLInputValue),
  );
}

function isBindable(value: unknown): boolean {
  switch (typeof value) {
    case 'bigint':
      return true;
    case 'number':
      return Number.isFinite(value);
    default:
      return value === null || value instanceof Uint8Array;
  }
}
