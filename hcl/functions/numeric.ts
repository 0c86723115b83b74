// Numeric functions, exact where the result is: abs, ceil, floor, max, min, parseint, pow, signum.
import type { Decimal } from '../decimal.ts';
import {
  ceil,
  compareDecimals,
  decimal,
  divide,
  floor,
  fromNumber,
  isWhole,
  negate,
  ONE,
  powerOf,
  toBigInt,
  toNumber,
} from '../decimal.ts';
import { numberDigitsMax } from '../limits.ts';
import type { Value } from '../values.ts';
import { countValue, NUMBER, numberValue, STRING } from '../values.ts';
import { numberAt, textAt, wholeAt } from './arguments.ts';
import type { HclFunction, Parameter } from './function.ts';
import { FunctionProblem } from './function.ts';

const NUMBER_PARAMETER: Parameter = { name: 'number', type: NUMBER, description: 'a number' };
const NUMBERS: Parameter = {
  name: 'numbers',
  type: NUMBER,
  description: 'the numbers to compare',
  variadic: true,
};
const TOO_LARGE = `the result takes more than ${numberDigitsMax} digits when written in full`;

/** A result that may lie beyond the limits. */
export function numberResult(value: Decimal | undefined): Value {
  if (!value) throw new FunctionProblem(TOO_LARGE);
  return numberValue(value);
}

const abs: HclFunction = {
  name: 'abs',
  description: 'The number without its sign',
  parameters: [NUMBER_PARAMETER],
  returns: NUMBER,
  marks: 'all',
  examples: [{ call: 'abs(-12.4)', result: '12.4' }],
  call(args) {
    const number = numberAt(args, 0);
    return numberValue(number.coefficient < 0n ? negate(number) : number);
  },
};

const ceilFunction: HclFunction = {
  name: 'ceil',
  description: 'The nearest whole number that is not below the number',
  parameters: [NUMBER_PARAMETER],
  returns: NUMBER,
  marks: 'all',
  examples: [{ call: 'ceil(5.1)', result: '6' }],
  call: (args) => numberValue(ceil(numberAt(args, 0))),
};

const floorFunction: HclFunction = {
  name: 'floor',
  description: 'The nearest whole number that is not above the number',
  parameters: [NUMBER_PARAMETER],
  returns: NUMBER,
  marks: 'all',
  examples: [{ call: 'floor(4.9)', result: '4' }],
  call: (args) => numberValue(floor(numberAt(args, 0))),
};

const max: HclFunction = {
  name: 'max',
  description: 'The greatest of the numbers',
  parameters: [NUMBERS],
  returns: NUMBER,
  marks: 'all',
  examples: [
    { call: 'max(5, 12, 9)', result: '12' },
    { call: 'max([5, 12, 9]...)', result: '12' },
  ],
  call: (args) => pick(args, (order) => order > 0),
};

const min: HclFunction = {
  name: 'min',
  description: 'The smallest of the numbers',
  parameters: [NUMBERS],
  returns: NUMBER,
  marks: 'all',
  examples: [{ call: 'min(12, 54, 3)', result: '3' }],
  call: (args) => pick(args, (order) => order < 0),
};

function pick(args: readonly Value[], isBetter: (order: number) => boolean): Value {
  if (args.length === 0) throw new FunctionProblem('it needs at least one number');
  let best = numberAt(args, 0);
  for (let at = 1; at < args.length; at += 1) {
    const number = numberAt(args, at);
    if (isBetter(compareDecimals(number, best))) best = number;
  }
  return numberValue(best);
}

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

const parseint: HclFunction = {
  name: 'parseint',
  description: 'The whole number that a text writes in a base from 2 to 62',
  parameters: [
    { name: 'number', type: STRING, description: 'the digits, with a `-` before them where it is negative' },
    { name: 'base', type: NUMBER, description: 'the base, from 2 to 62' },
  ],
  returns: NUMBER,
  marks: 'all',
  examples: [
    { call: 'parseint("FF", 16)', result: '255' },
    { call: 'parseint("aA", 62)', result: '656' },
  ],
  call(args) {
    const text = textAt(args, 0);
    const base = wholeAt(args, 1, { min: 2, max: 62 });
    const digits = text.startsWith('-') || text.startsWith('+') ? text.slice(1) : text;
    if (digits.length > numberDigitsMax * 4) throw new FunctionProblem(TOO_LARGE);
    let value = 0n;
    for (const character of base <= 36 ? digits.toLowerCase() : digits) {
      const digit = DIGITS.indexOf(character);
      if (digit < 0 || digit >= base) throw notInBase(text, base);
      value = value * BigInt(base) + BigInt(digit);
    }
    if (digits === '') throw notInBase(text, base);
    return numberResult(decimal(text.startsWith('-') ? -value : value));
  },
};

function notInBase(text: string, base: number): FunctionProblem {
  return new FunctionProblem(`a whole number in base ${base} is required`, {
    argument: 0,
    shown: `${JSON.stringify(text)} is none`,
  });
}

const pow: HclFunction = {
  name: 'pow',
  description: 'The number raised to a power; exact when the power is a whole number that is not negative',
  parameters: [NUMBER_PARAMETER, { name: 'power', type: NUMBER, description: 'the exponent' }],
  returns: NUMBER,
  marks: 'all',
  examples: [
    { call: 'pow(3, 2)', result: '9' },
    { call: 'pow(2, 100)', result: '1267650600228229401496703205376' },
    { call: 'pow(4, 0.5)', result: '2' },
  ],
  call(args) {
    const base = numberAt(args, 0);
    const power = numberAt(args, 1);
    if (!isWhole(power)) return realPower(base, power);
    const whole = toBigInt(power);
    const result = powerOf(base, whole < 0n ? -whole : whole);
    if (whole >= 0n) return numberResult(result);
    if (base.coefficient === 0n) throw new FunctionProblem('zero has no negative powers', { argument: 1 });
    return numberResult(result && divide(ONE, result));
  },
};

/** A power that is no whole number has no exact decimal; this is as near as a double comes. */
function realPower(base: Decimal, power: Decimal): Value {
  const real = toNumber(base) ** toNumber(power);
  if (Number.isNaN(real)) {
    throw new FunctionProblem('a negative number has no power that is not a whole number', { argument: 1 });
  }
  return numberResult(fromNumber(real));
}

const signum: HclFunction = {
  name: 'signum',
  description: 'The sign of the number: -1, 0 or 1',
  parameters: [NUMBER_PARAMETER],
  returns: NUMBER,
  marks: 'all',
  examples: [{ call: 'signum(-13)', result: '-1' }],
  call(args) {
    const { coefficient } = numberAt(args, 0);
    return countValue(coefficient < 0n ? -1 : coefficient > 0n ? 1 : 0);
  },
};

export const numericFunctions: readonly HclFunction[] = [
  abs,
  ceilFunction,
  floorFunction,
  max,
  min,
  parseint,
  pow,
  signum,
];
