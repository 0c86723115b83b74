// Numbers in `format`, against what JavaScript writes where doubles are exact.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseDecimal, ZERO } from '../../../hcl/decimal.ts';
import { formatFraction, formatWhole } from '../../../hcl/functions/format-number.ts';

const verb = { whole: '%', flags: '', width: 0, precision: 0, index: 0 };
const read = (text: string) => parseDecimal(text) ?? ZERO;
/** Exact as doubles, with few binary digits, so that JavaScript rounds the same number; ties it rounds away. */
const eighths = fc.integer({ min: -1_000_000, max: 1_000_000 }).map((count) => count / 8);

it('%f and %e agree with toFixed and toExponential except for ties', () => {
  fc.assert(
    fc.property(eighths, fc.integer({ min: 3, max: 10 }), (number, precision) => {
      const value = read(String(number));
      const sign = number === 0 ? '' : undefined;
      expect(formatFraction({ ...verb, letter: 'f', precision }, value)).toBe(
        number.toFixed(precision).replace(/^-(?=[0.]*$)/, sign ?? '-'),
      );
      const exponential = formatFraction({ ...verb, letter: 'e', precision: 15 }, value);
      expect(exponential).toBe(
        number
          .toExponential(15)
          .replace(/e([-+])(\d)$/, 'e$10$2')
          .replace(/^-(?=[0.]*e)/, ''),
      );
    }),
  );
});

it('%g has all digits and gives the number back', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
      fc.integer({ min: -30, max: 30 }),
      (coefficient, exponent) => {
        const value = read(`${coefficient}e${exponent}`);
        expect(read(formatFraction({ ...verb, letter: 'g' }, value))).toEqual(value);
      },
    ),
  );
});

it('ties go to the even digit', () => {
  const fixed = (text: string, precision: number) =>
    formatFraction({ ...verb, letter: 'f', precision }, read(text));
  expect(
    ['0.125', '0.375', '-0.125', '2.5', '0.05'].map((text) => fixed(text, text === '2.5' ? 1 : 2)),
  ).toEqual(['0.12', '0.38', '-0.12', '2.5', '0.05']);
  expect(fixed('0.0000001', 2)).toBe('0.00');
  expect(fixed('9.999', 2)).toBe('10.00');
});

it('whole numbers are written in any base that has a verb', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), (number) => {
      for (const [letter, radix] of [
        ['b', 2],
        ['o', 8],
        ['d', 10],
        ['x', 16],
      ] as const) {
        expect(formatWhole({ ...verb, letter }, read(number.toString()))).toBe(number.toString(radix));
      }
    }),
  );
  expect(formatWhole({ ...verb, letter: 'd' }, read('1.5'))).toBeUndefined();
});
