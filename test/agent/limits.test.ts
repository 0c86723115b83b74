// The bounds of the agent's own file: they hold whatever the control plane asks for, also over a restart.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JournalFold } from '../../agent/journal-records.ts';
import { admit, isQuiet, startsOf } from '../../agent/limits.ts';
import type { Admission } from '../../agent/limits.ts';

const now = Date.UTC(2026, 5, 15, 12, 30);
const none = { lastHour: 0, last: null };

function admission(more: Partial<Admission> = {}): Admission {
  return {
    action: { limits: {}, concurrency: null },
    settings: { limits: {} },
    inHand: { action: 0, all: 0, actionWaiting: 0, allWaiting: 0 },
    actionStarts: none,
    allStarts: none,
    now,
    ...more,
  };
}
const limited = (limits: Admission['action']['limits'], more: Partial<Admission> = {}) =>
  admit(admission({ action: { limits, concurrency: null }, ...more }));

describe('the limits of an action', () => {
  test('let pass what has none', () => {
    expect(admit(admission())).toBe(null);
  });

  test('count runs at once', () => {
    const inHand = { action: 2, all: 2, actionWaiting: 0, allWaiting: 0 };
    expect(admit(admission({ action: { limits: {}, concurrency: 2 }, inHand }))).toMatchObject({
      code: 'busy',
    });
    expect(limited({ maxParallel: 2 }, { inHand })).toMatchObject({ code: 'limit_reached' });
    expect(limited({ maxParallel: 3 }, { inHand })).toBe(null);
  });

  test('count starts within the last hour, those that wait to begin included', () => {
    const actionStarts = { lastHour: 1, last: now - 1_000 };
    expect(limited({ maxPerHour: 1 }, { actionStarts })).toMatchObject({ code: 'limit_reached' });
    expect(limited({ maxPerHour: 2 }, { actionStarts })).toBe(null);
    const inHand = { action: 1, all: 1, actionWaiting: 1, allWaiting: 1 };
    expect(limited({ maxPerHour: 2 }, { actionStarts, inHand })).toMatchObject({ code: 'limit_reached' });
  });

  test('keep starts apart, also when the clock was set back', () => {
    const at = (last: number) => ({ actionStarts: { lastHour: 1, last } });
    expect(limited({ minIntervalMs: 60_000 }, at(now - 59_999))).not.toBe(null);
    expect(limited({ minIntervalMs: 60_000 }, at(now - 60_000))).toBe(null);
    expect(limited({ minIntervalMs: 60_000 }, at(now + 3_600_000))).not.toBe(null);
    expect(limited({ minIntervalMs: 60_000 })).toBe(null);
  });

  test('of the agent as a whole hold besides', () => {
    const allStarts = { lastHour: 1, last: now - 1 };
    const refusal = admit(admission({ settings: { limits: { maxPerHour: 1 } }, allStarts }));
    expect(refusal?.message).toContain('this agent');
  });

  test('know quiet hours in their zone, over midnight too', () => {
    const noon = { fromMinute: 12 * 60, toMinute: 13 * 60, zone: 'UTC' };
    expect(isQuiet(noon, now)).toBe(true);
    expect(isQuiet({ ...noon, zone: 'America/New_York' }, now)).toBe(false);
    const night = { fromMinute: 22 * 60, toMinute: 6 * 60, zone: 'UTC' };
    expect(isQuiet(night, now)).toBe(false);
    expect(isQuiet(night, Date.UTC(2026, 5, 15, 23, 0))).toBe(true);
    expect(isQuiet(night, Date.UTC(2026, 5, 15, 5, 59))).toBe(true);
    expect(isQuiet(night, Date.UTC(2026, 5, 15, 6, 0))).toBe(false);
    expect(limited({ quietHours: noon })).toMatchObject({ code: 'limit_reached' });
  });
});

describe('the history of starts', () => {
  test('is rebuilt from the journal after a restart, past runs included', () => {
    const fold = new JournalFold();
    const run = '0197a0c0-0000-7000-8000-000000000001';
    const other = '0197a0c0-0000-7000-8000-000000000002';
    fold.apply({ type: 'accepted', run, attempt: 1, at: 1, action: 'g/a', digest: '', idempotent: false });
    fold.apply({ type: 'begun', run, attempt: 1, at: now - 10 });
    fold.apply({
      type: 'past',
      run: other,
      attempt: 1,
      at: now,
      verdict: 'failed',
      action: 'g/a',
      begun_at: now - 5,
    });
    const starts = startsOf(fold);
    expect(starts.of('g/a', now)).toEqual({ lastHour: 2, last: now - 5 });
    expect(starts.of('g/b', now)).toEqual(none);
    expect(starts.all(now).lastHour).toBe(2);
  });

  test('counts exactly the last hour, however many came before (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 900_000 }), { maxLength: 60 }), (gaps) => {
        const starts = startsOf(new JournalFold());
        const times: number[] = [];
        let at = now;
        for (const gap of gaps) {
          at += gap;
          times.push(at);
          starts.note('g/a', at);
          const within = (when: number) => times.filter((time) => time > when - 3_600_000).length;
          expect(starts.of('g/a', at).lastHour).toBe(within(at));
          expect(starts.of('g/a', at + gap).lastHour).toBe(within(at + gap));
          expect(starts.of('g/a', at).last).toBe(at);
        }
      }),
    );
  });
});
