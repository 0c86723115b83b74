// Exact decimal numbers: `coefficient` times ten to the `exponent` (hashicorp/hcl, spec.md "Primitive Types": an
// arbitrary-precision number whose integers are exact). Only a division rounds, and only when it must.
import { exponentDigitsMax, numberDigitsMax, quotientDigits } from './limits.ts';

/** Normalized: the coefficient is not divisible by ten, and zero has the exponent 0. */
export interface Decimal {
  readonly coefficient: bigint;
  readonly exponent: number;
}

export const ZERO: Decimal = { coefficient: 0n, exponent: 0 };
export const ONE: Decimal = { coefficient: 1n, exponent: 0 };

/** Below it a coefficient is handled as a double, which is exact there and much faster. */
const SMALL = 1_000_000_000_000_000n;
const powersOfTen = Array.from({ length: 256 }, (_, power) => 10n ** BigInt(power));

/** Ten to the `power`, which is zero or more. */
export function tenTo(power: number): bigint {
  return powersOfTen[power] ?? 10n ** BigInt(power);
}

/** The normalized decimal, or undefined when it would take more than `numberDigitsMax` digits to write it. */
export function decimal(coefficient: bigint, exponent = 0): Decimal | undefined {
  if (coefficient < SMALL && coefficient > -SMALL) return smallDecimal(coefficient, exponent);
  let digits = coefficient;
  let power = exponent;
  for (let chunk = 64; chunk >= 1; chunk /= 4) {
    while (digits % tenTo(chunk) === 0n) {
      digits /= tenTo(chunk);
      power += chunk;
    }
  }
  return digitCount(digits) + Math.abs(power) > numberDigitsMax
    ? undefined
    : { coefficient: digits, exponent: power };
}

function smallDecimal(coefficient: bigint, exponent: number): Decimal | undefined {
  if (coefficient === 0n) return ZERO;
  let digits = Number(coefficient);
  let power = exponent;
  while (digits % 10 === 0) {
    digits /= 10;
    power += 1;
  }
  if (Math.abs(power) >= numberDigitsMax) return undefined;
  return { coefficient: power === exponent ? coefficient : BigInt(digits), exponent: power };
}

function digitCount(digits: bigint): number {
  return digits.toString().length - (digits < 0n ? 1 : 0);
}

/**
 * Reads digits with an optional sign, fraction and exponent, as a literal, a JSON number or a string has them.
 * Undefined when the text is not such a number; `null` when it is one beyond the limits.
 */
export function parseDecimal(text: string): Decimal | null | undefined {
  const parts = /^(-?)0*([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)0*([0-9]+))?$/.exec(text);
  if (!parts) return undefined;
  const [, sign = '', whole = '', fraction = '', exponentSign = '', exponentDigits = '0'] = parts;
  const digits = trimZeros(whole + fraction);
  if (/^0*$/.test(digits)) return ZERO;
  if (digits.length > numberDigitsMax || exponentDigits.length > exponentDigitsMax) return null;
  const dropped = whole.length + fraction.length - digits.length;
  const power = Number(exponentSign + exponentDigits) - fraction.length + dropped;
  return decimal(BigInt(sign + digits), power) ?? null;
}

/** Without the zeros at its end, by a loop from the end because a pattern would search from every zero. */
function trimZeros(digits: string): string {
  let end = digits.length;
  while (end > 1 && digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end);
}

/** All digits, never an exponent: what a string or JSON shows. */
export function printDecimal(value: Decimal): string {
  if (value.exponent >= 0) return value.coefficient.toString() + '0'.repeat(value.exponent);
  const negative = value.coefficient < 0n;
  const digits = (negative ? -value.coefficient : value.coefficient)
    .toString()
    .padStart(1 - value.exponent, '0');
  const point = digits.length + value.exponent;
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** The decimal nearest to a finite double, by its shortest text. */
export function fromNumber(value: number): Decimal | undefined {
  return Number.isFinite(value) ? (parseDecimal(String(value)) ?? undefined) : undefined;
}

/** The nearest double, infinite when the value is out of its range. */
export function toNumber(value: Decimal): number {
  return Number(`${value.coefficient}e${value.exponent}`);
}

export function isWhole(value: Decimal): boolean {
  return value.exponent >= 0;
}

/** The whole number, a fraction cut off toward zero. */
export function toBigInt(value: Decimal): bigint {
  return value.exponent >= 0
    ? value.coefficient * tenTo(value.exponent)
    : value.coefficient / tenTo(-value.exponent);
}

export function compareDecimals(left: Decimal, right: Decimal): number {
  const [a, b] = aligned(left, right);
  return a < b ? -1 : a > b ? 1 : 0;
}

export function equalDecimals(left: Decimal, right: Decimal): boolean {
  return left.exponent === right.exponent && left.coefficient === right.coefficient;
}

export function negate(value: Decimal): Decimal {
  return value.coefficient === 0n ? value : { coefficient: -value.coefficient, exponent: value.exponent };
}

export function add(left: Decimal, right: Decimal): Decimal | undefined {
  const [a, b, exponent] = aligned(left, right);
  return decimal(a + b, exponent);
}

export function subtract(left: Decimal, right: Decimal): Decimal | undefined {
  const [a, b, exponent] = aligned(left, right);
  return decimal(a - b, exponent);
}

export function multiply(left: Decimal, right: Decimal): Decimal | undefined {
  return decimal(left.coefficient * right.coefficient, left.exponent + right.exponent);
}

/**
 * Exact when the coefficients divide, else rounded half even to `quotientDigits` significant digits.
 * The divisor is not zero: the caller has said so to the author before.
 */
export function divide(left: Decimal, right: Decimal): Decimal | undefined {
  const exponent = left.exponent - right.exponent;
  if (left.coefficient % right.coefficient === 0n) {
    return decimal(left.coefficient / right.coefficient, exponent);
  }
  const extra = quotientDigits + 1 - digitCount(left.coefficient) + digitCount(right.coefficient);
  const shift = Math.max(extra, 0);
  const numerator = left.coefficient * tenTo(shift);
  const quotient = numerator / right.coefficient;
  const exact = quotient * right.coefficient === numerator;
  return roundTo(quotient, { digits: quotientDigits, exponent: exponent - shift, exact });
}

/** Half even; `exact` false says that something not zero was cut off after the last digit. */
function roundTo(
  quotient: bigint,
  { digits, exponent, exact }: { digits: number; exponent: number; exact: boolean },
): Decimal | undefined {
  const excess = digitCount(quotient) - digits;
  if (excess <= 0) return decimal(quotient, exponent);
  return decimal(roundHalfEven(quotient, excess, exact), exponent + excess);
}

/** The quotient of `value` by ten to the `places`, rounded to the nearest, a tie to the even one. */
export function roundHalfEven(value: bigint, places: number, exact = true): bigint {
  const unit = tenTo(places);
  const kept = value / unit;
  const rest = value % unit;
  const twice = (rest < 0n ? -rest : rest) * 2n;
  const up = twice > unit || (twice === unit && (!exact || kept % 2n !== 0n));
  return up ? kept + (value < 0n ? -1n : 1n) : kept;
}

/** What remains of a division cut off toward zero: it has the sign of the dividend. The divisor is not zero. */
export function remainder(left: Decimal, right: Decimal): Decimal | undefined {
  const [a, b, exponent] = aligned(left, right);
  return decimal(a % b, exponent);
}

export function floor(value: Decimal): Decimal {
  if (isWhole(value)) return value;
  const whole = toBigInt(value);
  return decimal(value.coefficient < 0n ? whole - 1n : whole) ?? value;
}

export function ceil(value: Decimal): Decimal {
  return negate(floor(negate(value)));
}

/** Exact. The power is zero or more; undefined when the result would be beyond the limits. */
export function powerOf({ coefficient, exponent }: Decimal, power: bigint): Decimal | undefined {
  if (power === 0n) return ONE;
  const isUnit = coefficient === 0n || coefficient === 1n || coefficient === -1n;
  if (isUnit && exponent === 0) return decimal(power % 2n === 0n ? coefficient * coefficient : coefficient);
  const digitsLeast = Math.abs(exponent) + (isUnit ? 0 : Math.max(1, digitCount(coefficient) - 1) / 4);
  if (digitsLeast * Number(power) > numberDigitsMax) return undefined;
  return decimal(coefficient ** power, exponent * Number(power));
}

function aligned(left: Decimal, right: Decimal): readonly [bigint, bigint, number] {
  const exponent = Math.min(left.exponent, right.exponent);
  return [
    left.coefficient * tenTo(left.exponent - exponent),
    right.coefficient * tenTo(right.exponent - exponent),
    exponent,
  ];
}
