import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDuration } from '../../cli/duration.ts';
import { parseCount } from '../../cli/numbers.ts';

test.each([
  ['0s', 0],
  ['250ms', 250],
  ['90s', 90_000],
  ['15m', 900_000],
  ['1h30m', 5_400_000],
  ['7d', 604_800_000],
  ['1d1h1m1s1ms', 90_061_001],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', '5', 's', '-5s', '1.5h', '5 s', '5S', '1w', '5s ', '1h,5m', '99999999999999999999d', '٣s'])(
  '%j is no duration',
  (text) => {
    expect(() => parseDuration(text)).toThrow(/is not a duration|longer than can be counted/);
  },
);

test('a sum of parts is the sum of their times', () => {
  const parts = fc.array(fc.tuple(fc.nat(1_000), fc.constantFrom('ms', 's', 'm', 'h', 'd')), {
    minLength: 1,
  });
  const units = new Map(Object.entries({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }));
  fc.assert(
    fc.property(parts, (list) => {
      const text = list.map(([count, unit]) => `${count}${unit}`).join('');
      const sum = list.reduce((total, [count, unit]) => total + count * (units.get(unit) ?? NaN), 0);
      expect(parseDuration(text)).toBe(sum);
    }),
  );
});

test('a count is digits within its bounds', () => {
  const option = { name: '--limit', min: 1, max: 100 };
  expect([parseCount('1', option), parseCount('100', option), parseCount('007', option)]).toEqual([
    1, 100, 7,
  ]);
  for (const text of ['0', '101', '', '1e1', '-1', '1.0', ' 1', 'x', '0x1', '9'.repeat(20)]) {
    expect(() => parseCount(text, option)).toThrow('--limit takes a whole number from 1 to 100');
  }
});
