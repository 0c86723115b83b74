// The verbs of `format` for numbers: all digits are exact, and where a precision cuts some off, the last one is
// rounded half even.
import type { Decimal } from '../decimal.ts';
import { isWhole, roundHalfEven, tenTo, toBigInt } from '../decimal.ts';

/** A verb of a specification, for instance `%-8.2f`. A width, precision or index that is absent is zero. */
export interface Verb {
  readonly whole: string;
  readonly flags: string;
  readonly width: number;
  readonly precision: number;
  readonly index: number;
  readonly letter: string;
}

const RADIX: Readonly<Record<string, number>> = { b: 2, o: 8, d: 10, x: 16, X: 16 };
const FRACTION_DIGITS = 6;
const PLAIN_EXPONENT_MAX = 21;

/** `%d`, `%b`, `%o`, `%x`, `%X`; undefined for a number that is not whole. The precision is the least number of digits. */
export function formatWhole({ letter, flags, precision }: Verb, value: Decimal): string | undefined {
  if (!isWhole(value)) return undefined;
  const whole = toBigInt(value);
  const digits = (whole < 0n ? -whole : whole).toString(RADIX[letter] ?? 10).padStart(precision, '0');
  return signOf(value, flags) + (letter === 'X' ? digits.toUpperCase() : digits);
}

/** `%f`, `%e`, `%g` and their capitals. Without a precision `%f` and `%e` show six digits, `%g` all there are. */
export function formatFraction({ letter, flags, precision }: Verb, value: Decimal): string {
  const sign = signOf(value, flags);
  const size = value.coefficient < 0n ? { ...value, coefficient: -value.coefficient } : value;
  const lower = letter.toLowerCase();
  if (lower === 'f') return sign + fixed(size, precision || FRACTION_DIGITS);
  const text = lower === 'e' ? scientific(size, precision || FRACTION_DIGITS) : general(size, precision);
  return sign + (letter === lower ? text : text.toUpperCase());
}

function signOf({ coefficient }: Decimal, flags: string): string {
  if (coefficient < 0n) return '-';
  if (flags.includes('+')) return '+';
  return flags.includes(' ') ? ' ' : '';
}

/** With so many digits after the point. */
function fixed({ coefficient, exponent }: Decimal, places: number): string {
  const shift = exponent + places;
  const scaled = shift >= 0 ? coefficient * tenTo(shift) : roundHalfEven(coefficient, -shift);
  const digits = scaled.toString().padStart(places + 1, '0');
  const point = digits.length - places;
  return places === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** One digit before the point and so many after it, with an exponent of two digits or more. */
function scientific(value: Decimal, places: number): string {
  const { digits, power } = significant(value, places + 1);
  return withExponent(digits.padEnd(places + 1, '0'), power);
}

function withExponent(digits: string, power: number): string {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
  const exponent = Math.abs(power).toString().padStart(2, '0');
  return `${digits.slice(0, 1)}${fraction}e${power < 0 ? '-' : '+'}${exponent}`;
}

/** With an exponent when the number is very small or very large, else without; no zeros at the end. */
function general(value: Decimal, precision: number): string {
  const { digits, power } = significant(value, precision);
  const plainMax = precision === 0 ? PLAIN_EXPONENT_MAX : Math.max(precision, 1);
  if (power < -4 || power >= plainMax) return withExponent(digits, power);
  const exponent = power + 1 - digits.length;
  return fixed({ coefficient: BigInt(digits), exponent }, Math.max(0, -exponent));
}

/** The first so many digits (all for 0), without zeros at the end, and the power of ten of the first one. */
function significant({ coefficient, exponent }: Decimal, count: number): { digits: string; power: number } {
  if (coefficient === 0n) return { digits: '0', power: 0 };
  const all = coefficient.toString();
  const excess = count === 0 ? 0 : Math.max(0, all.length - count);
  const kept = roundHalfEven(coefficient, excess).toString();
  const power = exponent + excess + kept.length - 1;
  return { digits: kept.replace(/0+$/, '') || '0', power };
}
