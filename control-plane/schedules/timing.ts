// When a schedule fires, from what its row or a request says. Throws `invalid_schedule` for what no row should hold.
import { scheduleSchema } from '../../protocol/api/operations.ts';
import type { Schedule } from '../../protocol/api/operations.ts';
import { Failure } from '../../protocol/failures.ts';
import { fireTimesShownMax } from '../../protocol/limits.ts';
import type { SchedulesTable } from '../store/schema.ts';
import { parseCron } from './cron.ts';
import type { FireRule } from './due-times.ts';
import { canonicalZone, fireTimes, nextFireTime } from './fire-times.ts';

/** What decides when a schedule fires, as the API and the row spell it. */
export type Timing = Pick<Schedule, 'cron' | 'zone' | 'skipped_hour' | 'doubled_hour' | 'misfire'>;

export interface AskedTiming {
  readonly cron: string;
  readonly zone: string;
  readonly misfire: Timing['misfire'];
  readonly skipped_hour?: Timing['skipped_hour'] | undefined;
  readonly doubled_hour?: Timing['doubled_hour'] | undefined;
}

/**
 * Checks what is asked for and fills in what is not: an expression that names every hour goes on evenly while clocks
 * change, and one that names hours runs once for each.
 */
export function acceptTiming(asked: AskedTiming): Timing {
  const fields = parseCron(asked.cron);
  const evenly = fields.hours.length === 24;
  return {
    cron: asked.cron.trim(),
    zone: canonicalZone(asked.zone),
    skipped_hour: asked.skipped_hour ?? (evenly ? 'skip' : 'run_after'),
    doubled_hour: asked.doubled_hour ?? (evenly ? 'both' : 'first'),
    misfire: asked.misfire,
  };
}

export function ruleOf(timing: Timing): FireRule {
  const { cron, zone, skipped_hour: skippedHour, doubled_hour: doubledHour, misfire } = timing;
  return {
    fields: parseCron(cron),
    zone: canonicalZone(zone),
    policy: { skippedHour, doubledHour },
    misfire,
  };
}

/** Throws `invalid_schedule` where the schedule would never fire. */
export function firstFireTime(timing: Timing, after: number): number {
  const { fields, zone, policy } = ruleOf(timing);
  const first = nextFireTime(fields, zone, after, policy);
  if (first !== null) return first;
  const message = `${timing.cron} never fires: no day is all that it asks for.`;
  throw new Failure('invalid_schedule', message, { details: { errors: [{ path: 'cron', message }] } });
}

/** The next few after `after`, for people to look at. */
export function shownFireTimes(timing: Timing, after: number): readonly number[] {
  const { fields, zone, policy } = ruleOf(timing);
  return [...fireTimes(fields, zone, after, policy).take(fireTimesShownMax)];
}

const policiesSchema = scheduleSchema.pick({ skipped_hour: true, doubled_hour: true, misfire: true });

export function timingOf(row: SchedulesTable): Timing {
  const { cron, zone, skipped_hour, doubled_hour, misfire } = row;
  return { cron, zone, ...policiesSchema.parse({ skipped_hour, doubled_hour, misfire }) };
}
