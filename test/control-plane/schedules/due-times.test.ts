import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCron } from '../../../control-plane/schedules/cron.ts';
import { dueTimes } from '../../../control-plane/schedules/due-times.ts';
import type { FireRule } from '../../../control-plane/schedules/due-times.ts';
import { fireTimes } from '../../../control-plane/schedules/fire-times.ts';
import { misfireGraceMs, misfiresMax } from '../../../protocol/limits.ts';
import { expressions, policies } from './oracle.ts';

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);

function rule(cron: string, misfire: FireRule['misfire']): FireRule {
  return {
    fields: parseCron(cron),
    zone: 'UTC',
    policy: { skippedHour: 'skip', doubledHour: 'both' },
    misfire,
  };
}

describe('a schedule that is due', () => {
  test.for(['skip', 'once', 'all'] as const)('fires on time under the policy %s', (misfire) => {
    const { times, next } = dueTimes(rule('0 * * * *', misfire), start, start + 5);
    expect(times).toEqual([start]);
    expect(next).toBe(start + 3_600_000);
  });

  test('fires all that came due within the grace, because a restart is no downtime', () => {
    const now = start + misfireGraceMs;
    const { times } = dueTimes(rule('*/20 * * * * *', 'skip'), start, now);
    expect(times).toEqual([0, 20, 40, 60].map((second) => start + second * 1_000));
  });

  test('of what it missed fires nothing, the last time, or all', () => {
    const now = start + 3 * day + 7_200_000;
    expect(dueTimes(rule('0 0 * * *', 'skip'), start, now)).toEqual({ times: [], next: start + 4 * day });
    expect(dueTimes(rule('0 0 * * *', 'once'), start, now)).toEqual({
      times: [start + 3 * day],
      next: start + 4 * day,
    });
    expect(dueTimes(rule('0 0 * * *', 'all'), start, now).times).toEqual(
      [0, 1, 2, 3].map((number) => start + number * day),
    );
  });

  test('where it is late and skips, still fires what is on time', () => {
    expect(dueTimes(rule('0 0 * * *', 'skip'), start, start + day + 30_000).times).toEqual([start + day]);
  });

  test('makes up for the newest hundred only, and finds them in years of seconds', () => {
    const now = start + 3 * 365 * day + 500;
    const { times } = dueTimes(rule('* * * * * *', 'all'), start, now);
    expect(times).toHaveLength(misfiresMax);
    expect(times.at(-1)).toBe(now - 500);
    expect(times[0]).toBe(now - 500 - (misfiresMax - 1) * 1_000);
  });

  test('fires at the stored time also where the rules of the zone have changed since', () => {
    expect(dueTimes(rule('30 * * * *', 'once'), start, start + 10).times).toEqual([start]);
  });
});

test('fire by fire, asking again each time, the same times come out as at once', () => {
  const misfires = fc.constantFrom<FireRule['misfire'][]>('skip', 'once', 'all');
  const spans = fc.oneof(fc.integer({ min: 0, max: 90_000 }), fc.integer({ min: 0, max: 40 * day }));
  fc.assert(
    fc.property(expressions(), policies, misfires, spans, (expression, policy, misfire, span) => {
      const fields = parseCron(expression.text);
      const zone = 'Europe/Berlin';
      const asked: FireRule = { fields, zone, policy, misfire };
      const [due] = fireTimes(fields, zone, Date.UTC(2026, 2, 20), policy);
      if (due === undefined) return;
      const now = due + span;
      const all = [due, ...[...fireTimes(fields, zone, due, policy).take(2_500)].filter((at) => at <= now)];
      fc.pre(all.length < 2_500);
      const { times, next } = dueTimes(asked, due, now);
      const late = due < now - misfireGraceMs;
      const expected = !late || misfire === 'all' ? all.slice(-misfiresMax) : all.slice(-1);
      if (late && misfire === 'skip') expect(times).toEqual(all.filter((at) => at >= now - misfireGraceMs));
      else expect(times).toEqual(expected);
      expect(next ?? Infinity).toBeGreaterThan(now);

      const fired: number[] = [];
      let waiting: number | null = due;
      while (waiting !== null && waiting <= now) {
        const again = dueTimes(asked, waiting, now);
        fired.push(...again.times.slice(0, 1));
        waiting = again.times[1] ?? again.next;
      }
      expect(fired).toEqual(times);
    }),
    { numRuns: 100 },
  );
});
