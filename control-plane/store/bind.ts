// What may be bound to a statement: values that both engines store alike.
import type { SQLInputValue } from 'node:sqlite';
import type { CompiledQuery } from 'kysely';

/** U+0000 stands in no text of PostgreSQL, so it stands in none of ours: it is stored as the replacement character. */
const replacement = '\u{fffd}';

/** Throws a plain Error, because a value of another type is a mistake in our code and not of the world. */
export function boundParameters({ sql, parameters }: CompiledQuery): readonly SQLInputValue[] {
  let hasNull = false;
  for (const [index, value] of parameters.entries()) {
    if (typeof value === 'string' && value.includes('\0')) hasNull = true;
    if (!isBindable(value)) {
      throw new Error(
        `a ${typeof value} cannot be bound as parameter ${index + 1} in: ${sql}. Booleans are 0 or 1, times are numbers.`,
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
    case 'string':
    case 'bigint':
      return true;
    case 'number':
      return Number.isFinite(value);
    default:
      return value === null || value instanceof Uint8Array;
  }
}
