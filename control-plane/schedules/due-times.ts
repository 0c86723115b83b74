// Which fire times count once a schedule is due: all of them where it is on time, and by its misfire policy where
// nothing ran for a while. Pure.
import type { Schedule } from '../../protocol/api/operations.ts';
import { misfireGraceMs, misfiresMax } from '../../protocol/limits.ts';
import type { CronFields } from './cron.ts';
import { fireTimes, nextFireTime } from './fire-times.ts';
import type { ClockPolicy } from './fire-times.ts';

/** When a schedule fires: its expression, where, and by which policies. */
export interface FireRule {
  readonly fields: CronFields;
  readonly zone: string;
  readonly policy: ClockPolicy;
  readonly misfire: Schedule['misfire'];
}

export interface DueTimes {
  /** Ascending, `misfiresMax` at the most; empty where what was missed is skipped. */
  readonly times: readonly number[];
  /** The first fire time that is not due yet. */
  readonly next: number | null;
}

/**
 * `due` is the fire time that the schedule waited for, and has come. Firing the first of `times` and asking again
 * with the second as `due` gives the rest, so a crash in between changes nothing.
 */
export function dueTimes(rule: FireRule, due: number, now: number): DueTimes {
  const next = nextFireTime(rule.fields, rule.zone, now, rule.policy);
  if (due >= now - misfireGraceMs) return { times: newestTimes(rule, due, now, misfiresMax), next };
  switch (rule.misfire) {
    case 'all':
      return { times: newestTimes(rule, due, now, misfiresMax), next };
    case 'once':
      return { times: newestTimes(rule, due, now, 1), next };
    case 'skip':
      return { times: timesBetween(rule, now - misfireGraceMs - 1, now, misfiresMax), next };
  }
}

/** The last `count` of the fire times from `due` to `now`, ascending. */
function newestTimes(rule: FireRule, due: number, now: number, count: number): readonly number[] {
  const oldest = [due, ...timesBetween(rule, due, now, count)];
  if (oldest.length <= count) return oldest;
  // The latest moment after which there are still as many: fewer steps than writing down years of seconds.
  let [early, late] = [due - 1, now];
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (timesBetween(rule, middle, now, count).length === count) early = middle;
    else late = middle;
  }
  return timesBetween(rule, early, now, count);
}

/** The first `count` fire times after `after` and not after `until`. */
function timesBetween(rule: FireRule, after: number, until: number, count: number): readonly number[] {
  const times: number[] = [];
  for (const at of fireTimes(rule.fields, rule.zone, after, rule.policy)) {
    if (at > until || times.length === count) break;
    times.push(at);
  }
  return times;
}
