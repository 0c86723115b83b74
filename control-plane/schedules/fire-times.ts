// The instants at which a cron expression fires in a time zone. What happens to a time that the clocks skip or show
// twice is said by an explicit policy. Pure: the same answer for the same question, on every replica.
import type { Schedule } from '../../protocol/api/operations.ts';
import { Failure } from '../../protocol/failures.ts';
import { fireTimeYearsMax } from '../../protocol/limits.ts';
import type { CronFields } from './cron.ts';
import { nextWallTime } from './wall-clock.ts';

export interface ClockPolicy {
  /** `run_after`: what falls into the gap fires once, at its end. */
  readonly skippedHour: Schedule['skipped_hour'];
  readonly doubledHour: Schedule['doubled_hour'];
}

/** A stretch of time without a change of the clocks, from `start` on and before `end`; offsets in milliseconds. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly offset: number;
  /** Of the stretch before; null where there is none. */
  readonly before: number | null;
}

const searchMsMax = fireTimeYearsMax * 366 * 86_400_000;
/** More than the clocks of any place were ever apart, or moved by. */
const farMs = 3 * 86_400_000;

/**
 * The first fire time after `after` (epoch milliseconds), or null where there is none within `fireTimeYearsMax`
 * years. `zone` is one that `canonicalZone` gave.
 */
export function nextFireTime(
  fields: CronFields,
  zone: string,
  after: number,
  policy: ClockPolicy,
): number | null {
  const { value } = fireTimes(fields, zone, after, policy).next();
  return value ?? null;
}

/** All fire times after `after`, ascending; ends where none follows within `fireTimeYearsMax` years. */
export function* fireTimes(
  fields: CronFields,
  zone: string,
  after: number,
  policy: ClockPolicy,
): Generator<number, undefined> {
  let horizon = after + searchMsMax;
  let from = after + 1;
  let stretch = stretchAt(zone, after);
  for (;;) {
    const { offset, end } = stretch;
    const wall = nextWallTime(fields, from + offset, horizon + offset);
    if (wall === null) return undefined;
    const at = wall - offset;
    if (at < end) {
      from = at + 1;
      if (isLeftOut(wall, zone, stretch, policy)) continue;
      horizon = at + searchMsMax;
      yield at;
    } else if (at - end > farMs && end - from > farMs) {
      // Clocks that are moved in between show none of the wall times passed already, and `wall` not much earlier.
      from = at - farMs;
      stretch = stretchAt(zone, from);
    } else {
      const following = stretchFrom(zone, stretch);
      from = end;
      if (policy.skippedHour === 'run_after' && firesInGap(fields, stretch, following)) {
        from = end + 1;
        horizon = end + searchMsMax;
        yield end;
      }
      stretch = following;
    }
  }
}

/** Where the clocks go back instead, there is no gap, and the span is empty. */
function firesInGap(fields: CronFields, stretch: Stretch, following: Stretch): boolean {
  const { start } = following;
  return nextWallTime(fields, start + stretch.offset, start + following.offset) !== null;
}

/** Whether this wall time comes twice, and this is the time that does not count. */
function isLeftOut(wall: number, zone: string, stretch: Stretch, policy: ClockPolicy): boolean {
  const { start, end, offset, before } = stretch;
  switch (policy.doubledHour) {
    case 'both':
      return false;
    case 'first':
      return before !== null && wall < start + before;
    case 'second':
      return end - (wall - offset) < farMs && wall >= end + offsetAt(zone, end);
  }
}

function stretchAt(zone: string, instant: number): Stretch {
  // A transition at the instant itself is this stretch's own start, hence one more millisecond.
  const start = zoned(zone, instant + 1).getTimeZoneTransition('previous')?.epochMilliseconds ?? null;
  return {
    start: start ?? -Infinity,
    end: endOf(zone, instant),
    offset: offsetAt(zone, instant),
    before: start === null ? null : offsetAt(zone, start - 1),
  };
}

function stretchFrom(zone: string, before: Stretch): Stretch {
  const start = before.end;
  return { start, end: endOf(zone, start), offset: offsetAt(zone, start), before: before.offset };
}

function endOf(zone: string, instant: number): number {
  return zoned(zone, instant).getTimeZoneTransition('next')?.epochMilliseconds ?? Infinity;
}

function offsetAt(zone: string, instant: number): number {
  return zoned(zone, instant).offsetNanoseconds / 1_000_000;
}

function zoned(zone: string, instant: number): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone);
}

/**
 * The name of an IANA time zone in its own spelling. Throws `invalid_schedule`, also for a bare offset such as
 * `+02:00`, which would not follow the clocks of any place.
 */
export function canonicalZone(name: string): string {
  try {
    if (/^[A-Za-z]/.test(name)) return zoned(name, 0).timeZoneId;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
  }
  const message = `${name} is no time zone of the IANA database; write one like Europe/Berlin, or UTC.`;
  throw new Failure('invalid_schedule', message, { details: { errors: [{ path: 'zone', message }] } });
}
