// Timestamps, against the calendar of JavaScript, and durations.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { civilOf, parseDuration, parseTimestamp, printTimestamp } from '../../../hcl/functions/timestamp.ts';

const instants = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9998-12-31T00:00:00Z'),
  noInvalidDate: true,
});

describe('timestamps', () => {
  it('are the instants that JavaScript reads', () => {
    fc.assert(
      fc.property(instants, (date) => {
        const timestamp = parseTimestamp(date.toISOString());
        expect(timestamp?.instant).toBe(BigInt(date.getTime()) * 1_000_000n);
        const civil = civilOf(timestamp ?? { instant: 0n, offset: 0 });
        expect([
          civil.year,
          civil.month,
          civil.day,
          civil.hour,
          civil.minute,
          civil.second,
          civil.weekday,
        ]).toEqual([
          date.getUTCFullYear(),
          date.getUTCMonth() + 1,
          date.getUTCDate(),
          date.getUTCHours(),
          date.getUTCMinutes(),
          date.getUTCSeconds(),
          date.getUTCDay(),
        ]);
      }),
    );
  });

  it('are written as they were read, whatever the offset', () => {
    fc.assert(
      fc.property(
        instants,
        fc.integer({ min: -23 * 60, max: 23 * 60 }),
        fc.nat(999_999_999),
        (date, offset, nanosecond) => {
          const instant = BigInt(Math.floor(date.getTime() / 1000)) * 1_000_000_000n + BigInt(nanosecond);
          const written = printTimestamp({ instant, offset }) ?? '';
          expect(parseTimestamp(written)).toEqual({ instant, offset });
        },
      ),
    );
  });

  it.each([
    '2018-01-02',
    '2018-01-02T23:12Z',
    '2018-01-02 23:12:01Z',
    '2018-13-02T23:12:01Z',
    '2018-00-02T23:12:01Z',
    '2019-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2018-04-31T00:00:00Z',
    '2018-01-02T24:00:00Z',
    '2018-01-02T23:60:00Z',
    '2018-01-02T23:59:60Z',
    '2018-01-02T23:12:01',
    '2018-01-02T23:12:01+8',
    '2018-01-02T23:12:01+24:00',
    '2018-01-02T23:12:01.Z',
    '18-01-02T23:12:01Z',
    '٢٠١٨-01-02T23:12:01Z',
  ])('%s is none', (text) => {
    expect(parseTimestamp(text)).toBeUndefined();
  });

  it('know leap years', () => {
    expect(parseTimestamp('2000-02-29T00:00:00Z')).toBeDefined();
    expect(parseTimestamp('2024-02-29T00:00:00Z')).toBeDefined();
  });
});

describe('durations', () => {
  it.each<[string, bigint]>([
    ['0', 0n],
    ['5s', 5_000_000_000n],
    ['30s', 30_000_000_000n],
    ['1478s', 1_478_000_000_000n],
    ['-5s', -5_000_000_000n],
    ['+5s', 5_000_000_000n],
    ['5.0s', 5_000_000_000n],
    ['5.6s', 5_600_000_000n],
    ['5.s', 5_000_000_000n],
    ['.5s', 500_000_000n],
    ['1.004s', 1_004_000_000n],
    ['10ns', 10n],
    ['11us', 11_000n],
    ['12µs', 12_000n],
    ['12μs', 12_000n],
    ['13ms', 13_000_000n],
    ['15m', 900_000_000_000n],
    ['16h', 57_600_000_000_000n],
    ['3h30m', 12_600_000_000_000n],
    ['1h2m3s4ms5us6ns', 3_723_004_005_006n],
    ['39h9m14.425s', 140_954_425_000_000n],
    ['0.3333333333333333333h', 1_199_999_999_999n],
    ['2562047h47m16.854775807s', 9_223_372_036_854_775_807n],
  ])('%s', (text, nanoseconds) => {
    expect(parseDuration(text)).toBe(nanoseconds);
  });

  it.each([
    '',
    '3',
    '-',
    's',
    '.',
    '-.',
    '.s',
    '1d',
    '1h 2m',
    '9999999h',
    '2562047h47m16.854775808s',
    '1H',
    '1e3s',
    '--1s',
  ])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});
