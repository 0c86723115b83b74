// Timestamps as RFC 3339 writes them, to the nanosecond, and the duration texts of Go (`1h30m`). Nothing here knows
// what time it is.

export interface Timestamp {
  /** Nanoseconds since 1970-01-01T00:00:00Z. */
  readonly instant: bigint;
  /** Minutes that the local time is ahead of UTC. */
  readonly offset: number;
}

/** What a clock and a calendar at the timestamp's offset show. */
export interface Civil {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
  /** 0 is Sunday. */
  readonly weekday: number;
}

const SECOND = 1_000_000_000n;
const DAY_SECONDS = 86_400;
const TIMESTAMP =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([-+])([0-9]{2}):([0-9]{2}))$/;
/** Durations are 64-bit nanoseconds in Go. */
const DURATION_NANOSECONDS_MAX = (1n << 63n) - 1n;

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ms', 1_000_000n],
  ['s', SECOND],
  ['m', 60n * SECOND],
  ['h', 3_600n * SECOND],
]);

/** Undefined for anything that is not a time of the calendar. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = TIMESTAMP.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const [fraction = '', sign = '+', offsetHours = '0', offsetMinutes = '0'] = match.slice(7);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || Number(offsetHours) > 23 || Number(offsetMinutes) > 59)
    return undefined;
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * (sign === '-' ? -1 : 1);
  const seconds =
    daysFromCivil(year, month, day) * DAY_SECONDS + hour * 3600 + (minute - offset) * 60 + second;
  return { instant: BigInt(seconds) * SECOND + BigInt(fraction.padEnd(9, '0').slice(0, 9)), offset };
}

/** RFC 3339, with a fraction only where there is one. Undefined for a year that has not four digits. */
export function printTimestamp(timestamp: Timestamp): string | undefined {
  const { year, month, day, hour, minute, second, nanosecond } = civilOf(timestamp);
  if (year < 0 || year > 9999) return undefined;
  const fraction = nanosecond === 0 ? '' : `.${nanosecond.toString().padStart(9, '0').replace(/0+$/, '')}`;
  const date = `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
  return `${date}T${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}${fraction}${printOffset(timestamp, { utc: 'Z' })}`;
}

/** `-08:00`, without the colon when `compact`, or `utc` at no offset. */
export function printOffset(
  { offset }: Timestamp,
  { utc, compact = false }: { utc?: string; compact?: boolean } = {},
): string {
  if (offset === 0 && utc !== undefined) return utc;
  const minutes = Math.abs(offset);
  const colon = compact ? '' : ':';
  return `${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60), 2)}${colon}${pad(minutes % 60, 2)}`;
}

export function pad(number: number, digits: number): string {
  return number.toString().padStart(digits, '0');
}

export function civilOf({ instant, offset }: Timestamp): Civil {
  const local = instant + BigInt(offset) * 60n * SECOND;
  const nanosecond = ((local % SECOND) + SECOND) % SECOND;
  const seconds = Number((local - nanosecond) / SECOND);
  const days = Math.floor(seconds / DAY_SECONDS);
  const inDay = seconds - days * DAY_SECONDS;
  return {
    ...civilFromDays(days),
    hour: Math.floor(inDay / 3600),
    minute: Math.floor(inDay / 60) % 60,
    second: inDay % 60,
    nanosecond: Number(nanosecond),
    weekday: (((days + 4) % 7) + 7) % 7,
  };
}

/**
 * Nanoseconds of a duration such as `1.5h` or `-2h5m`; undefined for anything else, or beyond 64 bits. A fraction of a
 * nanosecond is cut off.
 */
export function parseDuration(text: string): bigint | undefined {
  const [, sign = '', body = ''] = /^([-+]?)(.*)$/su.exec(text) ?? [];
  if (body === '0') return 0n;
  const PART = /([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)/y;
  let total = 0n;
  let at = 0;
  while (at < body.length) {
    PART.lastIndex = at;
    const [whole = '', integer = '', fraction = '', unit = ''] = PART.exec(body) ?? [];
    const size = UNITS.get(unit);
    if (size === undefined || integer + fraction === '' || integer.length > 20) return undefined;
    const digits = fraction.slice(0, 18);
    total += BigInt(integer || '0') * size + (BigInt(digits || '0') * size) / 10n ** BigInt(digits.length);
    at += whole.length;
  }
  if (body === '' || total > DURATION_NANOSECONDS_MAX) return undefined;
  return sign === '-' ? -total : total;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that leap days come last. */
function daysFromCivil(year: number, month: number, day: number): number {
  const fromMarch = month > 2 ? year : year - 1;
  const era = Math.floor(fromMarch / 400);
  const yearOfEra = fromMarch - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const leapDays =
    Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}
