import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCron } from '../../../control-plane/schedules/cron.ts';
import { Failure } from '../../../protocol/failures.ts';
import { cronCharactersMax } from '../../../protocol/limits.ts';

describe('a cron expression', () => {
  test('has five fields, or six with a second before them', () => {
    expect(parseCron('5 4 * * *')).toMatchObject({ seconds: [0], minutes: [5], hours: [4] });
    expect(parseCron('30 5 4 * * *')).toMatchObject({ seconds: [30], minutes: [5], hours: [4] });
  });

  test('may be spaced out', () => {
    expect(parseCron('  5\t4  * * * \n')).toEqual(parseCron('5 4 * * *'));
  });

  test('may be a nickname', () => {
    expect(parseCron('@Weekly')).toEqual(parseCron('0 0 * * 0'));
    expect(parseCron('@hourly')).toEqual(parseCron('0 * * * *'));
  });

  test('holds lists, ranges, steps and names, in any order and case', () => {
    expect(parseCron('50,5-15/5,*/20 * * JAN-mar,december *')).toMatchObject({
      minutes: [0, 5, 10, 15, 20, 40, 50],
      months: [1, 2, 3, 12],
    });
    expect(parseCron('0 0 * * Mon-wed,friday').weekdays).toEqual(
      [1, 2, 3, 5].map((weekday) => ({ kind: 'weekday', weekday })),
    );
  });

  test('takes Sunday as 0 and as 7', () => {
    expect(parseCron('0 0 * * 7')).toEqual(parseCron('0 0 * * 0'));
    expect(parseCron('0 0 * * 7#2,7L')).toEqual(parseCron('0 0 * * 0#2,0L'));
  });

  test('wraps a range that runs backwards around', () => {
    expect(parseCron('0 22-2 * nov-feb *')).toMatchObject({
      hours: [0, 1, 2, 22, 23],
      months: [1, 2, 11, 12],
    });
  });

  test('knows days that depend on the month', () => {
    expect(parseCron('0 0 L,L-3,15W,LW * ?').days).toEqual([
      { kind: 'last', before: 0 },
      { kind: 'last', before: 3 },
      { kind: 'nearest_workday', day: 15 },
      { kind: 'nearest_workday', day: null },
    ]);
    expect(parseCron('0 0 ? * fri#2,sunL').weekdays).toEqual([
      { kind: 'nth_weekday', weekday: 5, nth: 2 },
      { kind: 'last_weekday', weekday: 0 },
    ]);
  });

  test('takes either day field where both restrict, as classic cron does', () => {
    expect(parseCron('0 0 13 * fri').eitherDay).toBe(true);
    expect(parseCron('0 0 1-31 * 1').eitherDay).toBe(true);
    for (const text of ['0 0 13 * *', '0 0 * * fri', '0 0 */2 * fri', '0 0 13 * ?', '@monthly']) {
      expect(parseCron(text).eitherDay, text).toBe(false);
    }
  });
});

describe('what is no cron expression', () => {
  const wrong: readonly (readonly [text: string, says: RegExp])[] = [
    ['', /this one has 0/],
    ['* * * *', /this one has 4/],
    ['* * * * * * *', /this one has 7/],
    ['@fortnightly', /this one has 1/],
    ['60 * * * *', /`60` is no minute/],
    ['* 24 * * *', /`24` is no hour/],
    ['* * 0 * *', /`0` is no day of the month/],
    ['* * 32 * *', /`32` is no day of the month/],
    ['* * * 13 *', /`13` is no month/],
    ['* * * * 8', /`8` is no day of the week/],
    ['*/0 * * * *', /minute/],
    ['5/15 * * * *', /minute/],
    ['1* * * * *', /minute/],
    ['*5 * * * *', /minute/],
    ['70-2 * * * *', /minute/],
    ['1,,2 * * * *', /minute/],
    ['-1 * * * *', /minute/],
    ['1.5 * * * *', /minute/],
    ['* * * janfeb *', /month/],
    ['* * * * sun1', /day of the week/],
    ['* * * * 1#6', /day of the week/],
    ['* * ?,1 * *', /day of the month/],
    ['0 0 30 2 *', /impossible/],
    ['0 0 31 4,6,9,11 *', /impossible/],
  ];
  test.for(wrong)('%j is refused with a sentence', ([text, says]) => {
    expect(() => parseCron(text)).toThrow(
      expect.objectContaining({ code: 'invalid_schedule', message: expect.stringMatching(says) as string }),
    );
  });

  test('is refused before a range is written out that fills the memory', () => {
    expect(() => parseCron('0-99999999999 * * * *')).toThrow(Failure);
    expect(() => parseCron('* * * * 1-99999999999')).toThrow(Failure);
  });

  test('never breaks the parser: everything is read or refused, and what is read is in bounds', () => {
    const pieces = fc.constantFrom(
      ...'0 1 5 9 10 59 * / - , # ? L W jan sun @ 7 31 Mon'.split(' '),
      ' ',
      ' ',
    );
    const texts = fc.oneof(
      fc.array(pieces, { maxLength: 40 }).map((all) => all.join('')),
      fc.string(),
    );
    fc.assert(
      fc.property(texts, (text) => {
        let fields;
        try {
          fields = parseCron(text.slice(0, cronCharactersMax));
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
          expect((error as Failure).code).toBe('invalid_schedule');
          return;
        }
        const { seconds, minutes, hours, months } = fields;
        for (const [values, max] of [
          [seconds, 59],
          [minutes, 59],
          [hours, 23],
          [months, 12],
        ] as const) {
          expect(values.length).toBeGreaterThan(0);
          expect([...new Set(values)].sort((a, b) => a - b)).toEqual(values);
          expect(values.every((value) => Number.isInteger(value) && value >= 0 && value <= max)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
