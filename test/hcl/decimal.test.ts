// Exact decimals, against whole numbers of any size and against the algebra that they obey.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Decimal } from '../../hcl/decimal.ts';
import {
  add,
  ceil,
  compareDecimals,
  decimal,
  divide,
  equalDecimals,
  floor,
  fromNumber,
  isWhole,
  multiply,
  negate,
  parseDecimal,
  powerOf,
  printDecimal,
  remainder,
  roundHalfEven,
  subtract,
  toBigInt,
  toNumber,
  ZERO,
} from '../../hcl/decimal.ts';
import { numberDigitsMax, quotientDigits } from '../../hcl/limits.ts';

const decimals = fc
  .tuple(
    fc.oneof(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.bigInt({ min: -99n, max: 99n })),
    fc.integer({ min: -40, max: 40 }),
  )
  .map(([coefficient, exponent]) => decimal(coefficient, exponent) ?? ZERO);

function parse(text: string): Decimal {
  const value = parseDecimal(text);
  if (!value) throw new Error(text);
  return value;
}

/** The number as a whole number of units of ten to the -200. */
function scaled({ coefficient, exponent }: Decimal): bigint {
  return coefficient * 10n ** BigInt(exponent + 200);
}

describe('reading and writing', () => {
  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['0.0', '0'],
    ['007', '7'],
    ['1.50', '1.5'],
    ['-1.050', '-1.05'],
    ['1e3', '1000'],
    ['1E+3', '1000'],
    ['1.5e-3', '0.0015'],
    ['100', '100'],
    ['0e999999', '0'],
    ['123456789012345678901234567890.5', '123456789012345678901234567890.5'],
  ])('%s is written %s', (text, written) => {
    expect(printDecimal(parse(text))).toBe(written);
  });

  it.each([
    '',
    '-',
    '+1',
    '.5',
    '5.',
    '1e',
    'e1',
    '1_0',
    '0x1',
    ' 1',
    '1 ',
    'NaN',
    'Infinity',
    '1.2.3',
    '--1',
    '١',
  ])('%s is no number', (text) => {
    expect(parseDecimal(text)).toBeUndefined();
  });

  it.each([
    '1e5001',
    '1e-5001',
    `1${'0'.repeat(numberDigitsMax + 1)}`,
    `1.${'1'.repeat(numberDigitsMax)}`,
    '1e9999999999',
  ])('a number beyond the limit is told from a text that is none', (text) => {
    expect(parseDecimal(text)).toBeNull();
  });

  it('comes back as it was', () => {
    fc.assert(
      fc.property(decimals, (value) => {
        expect(parse(printDecimal(value))).toEqual(value);
      }),
    );
  });

  it('is normalized: equal numbers are equal parts', () => {
    fc.assert(
      fc.property(decimals, fc.nat(30), (value, zeros) => {
        const same = decimal(value.coefficient * 10n ** BigInt(zeros), value.exponent - zeros);
        expect(same).toEqual(value);
      }),
    );
  });

  it('agrees with doubles on what doubles are exact about', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        const value = fromNumber(number);
        expect(value && toNumber(value)).toBe(number === 0 ? 0 : number);
      }),
    );
  });
});

describe('arithmetic', () => {
  it('adds, subtracts, multiplies and compares exactly', () => {
    fc.assert(
      fc.property(decimals, decimals, (left, right) => {
        expect(scaled(add(left, right) ?? ZERO)).toBe(scaled(left) + scaled(right));
        expect(scaled(subtract(left, right) ?? ZERO)).toBe(scaled(left) - scaled(right));
        expect(scaled(multiply(left, right) ?? ZERO) * 10n ** 200n).toBe(scaled(left) * scaled(right));
        expect(Math.sign(compareDecimals(left, right))).toBe(
          scaled(left) < scaled(right) ? -1 : scaled(left) > scaled(right) ? 1 : 0,
        );
        expect(equalDecimals(left, right)).toBe(scaled(left) === scaled(right));
      }),
    );
  });

  it('divides to the nearest number of so many digits', () => {
    fc.assert(
      fc.property(decimals, decimals, (left, right) => {
        fc.pre(right.coefficient !== 0n);
        const quotient = divide(left, right) ?? ZERO;
        const error = subtract(left, multiply(quotient, right) ?? ZERO) ?? ZERO;
        const digits = printDecimal({ coefficient: quotient.coefficient, exponent: 0 }).replace(
          '-',
          '',
        ).length;
        expect(digits).toBeLessThanOrEqual(quotientDigits);
        const ulp = decimal(1n, quotient.exponent + digits - quotientDigits) ?? ZERO;
        const bound = multiply(ulp, right) ?? ZERO;
        const size = (value: Decimal): Decimal => (value.coefficient < 0n ? negate(value) : value);
        expect(
          compareDecimals(multiply(size(error), decimal(2n) ?? ZERO) ?? ZERO, size(bound)),
        ).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('gives back what was multiplied', () => {
    fc.assert(
      fc.property(decimals, decimals, (left, right) => {
        fc.pre(right.coefficient !== 0n);
        expect(divide(multiply(left, right) ?? ZERO, right)).toEqual(left);
      }),
    );
  });

  it('rounds a quotient half even', () => {
    const half = parse(`${'1'.repeat(153)}25`);
    expect(printDecimal(divide(half, parse('10')) ?? ZERO)).toBe(`${'1'.repeat(153)}2.5`);
    expect(printDecimal(divide(parse('2'), parse('3')) ?? ZERO)).toBe(`0.${'6'.repeat(153)}7`);
    expect([25n, 35n, -25n, -35n, 26n, 24n].map((value) => roundHalfEven(value, 1))).toEqual([
      2n,
      4n,
      -2n,
      -4n,
      3n,
      2n,
    ]);
    expect(roundHalfEven(25n, 1, false)).toBe(3n);
  });

  it('leaves a remainder with the sign of the dividend', () => {
    fc.assert(
      fc.property(decimals, decimals, (left, right) => {
        fc.pre(right.coefficient !== 0n);
        expect(scaled(remainder(left, right) ?? ZERO)).toBe(scaled(left) % scaled(right));
      }),
    );
  });

  it('finds the whole numbers around', () => {
    fc.assert(
      fc.property(decimals, (value) => {
        expect(isWhole(floor(value)) && isWhole(ceil(value))).toBe(true);
        const below = scaled(value) - scaled(floor(value));
        expect(below >= 0n && below < 10n ** 200n).toBe(true);
        expect(scaled(ceil(value)) - scaled(floor(value))).toBe(isWhole(value) ? 0n : 10n ** 200n);
        expect(toBigInt(floor(value))).toBe(scaled(floor(value)) / 10n ** 200n);
      }),
    );
  });

  it('raises to whole powers exactly', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -1000n, max: 1000n }),
        fc.integer({ min: -3, max: 3 }),
        fc.nat(20),
        (coefficient, exponent, power) => {
          const base = decimal(coefficient, exponent) ?? ZERO;
          let product: Decimal = decimal(1n) ?? ZERO;
          for (let at = 0; at < power; at += 1) product = multiply(product, base) ?? ZERO;
          expect(powerOf(base, BigInt(power))).toEqual(product);
        },
      ),
    );
  });

  it('ends at the limit, however it gets there', () => {
    const large = parse('1e4000');
    expect(multiply(large, large)).toBeUndefined();
    expect(add(large, parse('1e-4000'))).toBeUndefined();
    expect(divide(large, parse('1e-4000'))).toBeUndefined();
    expect(powerOf(parse('10'), 5001n)).toBeUndefined();
    expect(powerOf(parse('2'), 1_000_000_000n)).toBeUndefined();
    expect(powerOf(parse('1'), 10n ** 4999n)).toEqual(parse('1'));
    expect(powerOf(parse('-1'), 10n ** 4999n + 1n)).toEqual(parse('-1'));
  });
});
