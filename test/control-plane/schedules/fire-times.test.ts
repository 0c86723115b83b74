import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCron } from '../../../control-plane/schedules/cron.ts';
import { canonicalZone, fireTimes, nextFireTime } from '../../../control-plane/schedules/fire-times.ts';
import type { ClockPolicy } from '../../../control-plane/schedules/fire-times.ts';
import { changeIn, expressions, policies, slowFireTimes, windowOf } from './oracle.ts';
import type { Window } from './oracle.ts';

const usual: ClockPolicy = { skippedHour: 'run_after', doubledHour: 'first' };

/** The fire times of a window, as the code under test finds them one after the other. */
function fastFireTimes(text: string, window: Window, policy: ClockPolicy): number[] {
  const times: number[] = [];
  for (const at of fireTimes(parseCron(text), window.zone, window.from - 1, policy)) {
    if (at >= window.until) break;
    times.push(at);
  }
  return times;
}

function timesOf(text: string, zone: string, from: string, until: string, policy = usual): string[] {
  const window = { zone, from: Date.parse(from), until: Date.parse(until), stepMs: 60_000, moments: [] };
  return fastFireTimes(text, window, policy).map((at) => new Date(at).toISOString().replace(':00.000Z', 'Z'));
}

const changes: readonly (readonly [name: string, zone: string, from: string, until: string])[] = [
  ['spring in Berlin', 'Europe/Berlin', '2026-03-27T00:00Z', '2026-03-31T00:00Z'],
  ['autumn in Berlin', 'Europe/Berlin', '2026-10-23T00:00Z', '2026-10-27T00:00Z'],
  ['spring in New York', 'America/New_York', '2026-03-06T00:00Z', '2026-03-10T00:00Z'],
  ['autumn in New York', 'America/New_York', '2026-10-30T00:00Z', '2026-11-03T00:00Z'],
  ['half an hour forward on Lord Howe', 'Australia/Lord_Howe', '2026-10-02T00:00Z', '2026-10-06T00:00Z'],
  ['half an hour back on Lord Howe', 'Australia/Lord_Howe', '2026-04-03T00:00Z', '2026-04-07T00:00Z'],
  ['the beginning of Ramadan in Casablanca', 'Africa/Casablanca', '2026-02-13T00:00Z', '2026-02-17T00:00Z'],
  ['the end of Ramadan in Casablanca', 'Africa/Casablanca', '2026-03-20T00:00Z', '2026-03-24T00:00Z'],
  ['midnight forward in Tehran', 'Asia/Tehran', '2021-03-20T00:00Z', '2021-03-24T00:00Z'],
  ['midnight back in Tehran', 'Asia/Tehran', '2021-09-20T00:00Z', '2021-09-24T00:00Z'],
  ['midnight skipped in São Paulo', 'America/Sao_Paulo', '2018-11-02T00:00Z', '2018-11-06T00:00Z'],
  ['one minute past midnight in St. John’s', 'America/St_Johns', '2010-03-12T00:00Z', '2010-03-16T00:00Z'],
  ['a quarter of an hour in Kathmandu', 'Asia/Kathmandu', '1985-12-30T00:00Z', '1986-01-03T00:00Z'],
  ['the day that Samoa skipped', 'Pacific/Apia', '2011-12-28T00:00Z', '2012-01-02T00:00Z'],
  ['an ordinary end of February', 'UTC', '2028-02-27T00:00Z', '2028-03-02T00:00Z'],
];

describe('fire times are those that a slow look at every minute finds', () => {
  test.for(changes)('%s', ([, zone, from, until]) => {
    const window = windowOf(zone, from, until);
    fc.assert(
      fc.property(
        expressions({ near: changeIn(window) }),
        policies,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (expression, policy, part) => {
          const slow = slowFireTimes(expression, window, policy);
          const fast = fastFireTimes(expression.text, window, policy);
          expect(fast, expression.text).toEqual(slow);
          // From any moment on, asked afresh, the answer is the next of the same times.
          const after = Math.floor(window.from + part * (window.until - window.from));
          const next = nextFireTime(parseCron(expression.text), zone, after, policy);
          const expected = slow.find((at) => at > after);
          if (expected === undefined) expect(next ?? Infinity).toBeGreaterThanOrEqual(window.until);
          else expect(next).toBe(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.for(['America/New_York', 'Australia/Lord_Howe'])(
    'half hour by half hour in %s, over years',
    (zone) => {
      const window = windowOf(zone, '2026-01-01T00:00Z', '2027-12-31T00:00Z', 1_800_000);
      const clocksChange = new Date(Date.UTC(2026, 10, 1));
      fc.assert(
        fc.property(expressions({ halfHours: true, near: clocksChange }), policies, (expression, policy) => {
          const fast = fastFireTimes(expression.text, window, policy);
          expect(fast, expression.text).toEqual(slowFireTimes(expression, window, policy));
        }),
        { numRuns: 30 },
      );
    },
  );

  test('second by second, where the clocks change', () => {
    const spring = windowOf('Europe/Berlin', '2026-03-29T00:30Z', '2026-03-29T01:30Z', 1_000);
    const autumn = windowOf('Europe/Berlin', '2026-10-24T23:30Z', '2026-10-25T02:00Z', 1_000);
    fc.assert(
      fc.property(expressions({ seconds: true }), policies, (expression, policy) => {
        for (const window of [spring, autumn]) {
          const fast = fastFireTimes(expression.text, window, policy);
          expect(fast, expression.text).toEqual(slowFireTimes(expression, window, policy));
        }
      }),
      { numRuns: 40 },
    );
  });
});

test('fire times ascend strictly, and each follows from the one before', () => {
  const zones = fc.constantFrom(
    'Europe/Berlin',
    'Australia/Lord_Howe',
    'Africa/Casablanca',
    'Pacific/Apia',
    'UTC',
  );
  const starts = fc.integer({ min: Date.UTC(1975), max: Date.UTC(2080) });
  fc.assert(
    fc.property(
      expressions({ seconds: true }),
      zones,
      starts,
      policies,
      (expression, zone, start, policy) => {
        const fields = parseCron(expression.text);
        let before = start;
        for (const at of fireTimes(fields, zone, start, policy).take(25)) {
          expect(at).toBeGreaterThan(before);
          expect(nextFireTime(fields, zone, before, policy)).toBe(at);
          expect(nextFireTime(fields, zone, at - 1, policy)).toBe(at);
          before = at;
        }
      },
    ),
    { numRuns: 200 },
  );
});

describe('a time that the clocks skip', () => {
  const [from, until] = ['2026-03-28T00:00Z', '2026-03-30T12:00Z'];

  test('runs once at the end of the gap', () => {
    expect(timesOf('30 2 * * *', 'Europe/Berlin', from, until)).toEqual([
      '2026-03-28T01:30Z',
      '2026-03-29T01:00Z',
      '2026-03-30T00:30Z',
    ]);
    expect(timesOf('*/20 2 29 3 *', 'Europe/Berlin', from, until)).toEqual(['2026-03-29T01:00Z']);
  });

  test('is left out where that is asked for', () => {
    expect(timesOf('30 2 * * *', 'Europe/Berlin', from, until, { ...usual, skippedHour: 'skip' })).toEqual([
      '2026-03-28T01:30Z',
      '2026-03-30T00:30Z',
    ]);
  });

  test('does not run twice where the end of the gap is a fire time itself', () => {
    expect(timesOf('0 2,3 29 3 *', 'Europe/Berlin', from, until)).toEqual(['2026-03-29T01:00Z']);
  });

  test('may be a whole day', () => {
    const samoa = ['Pacific/Apia', '2011-12-29T12:00Z', '2012-01-01T12:00Z'] as const;
    expect(timesOf('0 9 * * *', ...samoa)).toEqual([
      '2011-12-29T19:00Z',
      '2011-12-30T10:00Z',
      '2011-12-30T19:00Z',
      '2011-12-31T19:00Z',
    ]);
    expect(timesOf('0 9 * * *', ...samoa, { ...usual, skippedHour: 'skip' })).toHaveLength(3);
  });
});

describe('a time that comes twice', () => {
  const times = (doubledHour: ClockPolicy['doubledHour']) =>
    timesOf('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:00Z', '2026-10-26T00:00Z', {
      ...usual,
      doubledHour,
    });

  test('runs at the first, the second or both', () => {
    expect(times('first')).toEqual(['2026-10-25T00:30Z']);
    expect(times('second')).toEqual(['2026-10-25T01:30Z']);
    expect(times('both')).toEqual(['2026-10-25T00:30Z', '2026-10-25T01:30Z']);
  });

  test('comes twice for half an hour only on Lord Howe', () => {
    const day = ['Australia/Lord_Howe', '2026-04-04T13:00Z', '2026-04-05T13:00Z'] as const;
    const both: ClockPolicy = { ...usual, doubledHour: 'both' };
    expect(timesOf('15,45 1 * * *', ...day, both)).toEqual([
      '2026-04-04T14:15Z',
      '2026-04-04T14:45Z',
      '2026-04-04T15:15Z',
    ]);
  });
});

describe('the search', () => {
  const from = Date.UTC(2026, 0, 1);
  const next = (text: string) => nextFireTime(parseCron(text), 'UTC', from, usual);

  test('finds what is decades away', () => {
    expect(new Date(next('0 0 29 2 *') ?? 0).toISOString()).toBe('2028-02-29T00:00:00.000Z');
    // `*/7` holds a star, so both day fields must name the day: a 29 February that is a Sunday.
    expect(new Date(next('0 0 29 2 */7') ?? 0).toISOString()).toBe('2032-02-29T00:00:00.000Z');
    const afterThat = nextFireTime(parseCron('0 0 29 2 */7'), 'UTC', Date.UTC(2088, 2, 1), usual);
    expect(new Date(afterThat ?? 0).toISOString()).toBe('2128-02-29T00:00:00.000Z');
  });

  test('ends where nothing can be found', () => {
    expect(next('0 0 31W 2 *')).toBeNull();
    expect(next('0 0 L-30 2,4 *')).toBeNull();
  });

  test('gives up in little time on what never comes, also where the clocks change', () => {
    const started = performance.now();
    expect(nextFireTime(parseCron('* * * 31W 2 *'), 'Europe/Berlin', from, usual)).toBeNull();
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('zones', () => {
  test('are spelled as the database spells them', () => {
    expect(canonicalZone('europe/berlin')).toBe('Europe/Berlin');
    expect(canonicalZone('utc')).toBe('UTC');
  });

  test.for(['+02:00', 'Mars/Olympus', '', 'Europe/Berlin\n', '2026-01-01T00:00[Europe/Berlin]'])(
    '%j is none',
    (name) => {
      expect(() => canonicalZone(name)).toThrow(expect.objectContaining({ code: 'invalid_schedule' }));
    },
  );
});
