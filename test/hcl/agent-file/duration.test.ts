// Durations and quiet hours as texts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration, parseQuietHours, printDuration } from '../../../hcl/agent-file/duration.ts';

describe('a duration', () => {
  it.each([
    ['0s', 0],
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['90m', 5_400_000],
    ['1500ms', 1_500],
  ])('%s has its milliseconds', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '5', 's', '1.5h', '-1s', '1m1h', '1s ', '1 s', '1S', '9999999999s', '1h1h', '١s'])(
    '%j is none',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );

  it('is read as it is printed', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), (ms) => {
        expect(parseDuration(printDuration(ms))).toBe(ms);
      }),
    );
  });
});

describe('quiet hours', () => {
  it('are minutes of the day in a zone', () => {
    expect(parseQuietHours('22:00-06:30')).toEqual({ fromMinute: 1_320, toMinute: 390, zone: 'UTC' });
    expect(parseQuietHours('00:00-23:59 Europe/Berlin')).toEqual({
      fromMinute: 0,
      toMinute: 1_439,
      zone: 'Europe/Berlin',
    });
  });

  it.each([
    '',
    '22-06',
    '24:00-06:00',
    '22:60-06:00',
    '22:00-22:00',
    '22:00-06:00 Nowhere/Else',
    '22:00-06:00  UTC',
  ])('%j are none', (text) => {
    expect(parseQuietHours(text)).toBeNull();
  });
});
