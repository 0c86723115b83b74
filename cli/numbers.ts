// Whole numbers as options carry them.
import { Failure } from '../protocol/failures.ts';

/** Throws `invalid_configuration`, naming the option. */
export function parseCount(
  text: string,
  option: { readonly name: string; readonly min: number; readonly max: number },
): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (number >= option.min && number <= option.max) return number;
  throw new Failure(
    'invalid_configuration',
    `${option.name} takes a whole number from ${option.min} to ${option.max}; ${JSON.stringify(text)} is not.`,
  );
}
