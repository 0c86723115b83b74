// Durations as texts, `90s`, `15m` or `1h30m`, and times of day at which nothing starts.
import type { QuietHours } from './definition.ts';

const units: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

/** Milliseconds of a duration: whole numbers with units from the largest to the smallest. Null for anything else. */
export function parseDuration(text: string): number | null {
  const parts = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/.exec(text);
  if (parts === null || text === '') return null;
  return units.reduce((sum, [, ms], at) => sum + Number(parts[at + 1] ?? 0) * ms, 0);
}

/** The shortest duration text of a whole number of milliseconds. */
export function printDuration(ms: number): string {
  let rest = ms;
  const parts = units.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? '' : `${count}${unit}`;
  });
  return parts.join('') || '0s';
}

/** `22:00-06:00` or `22:00-06:00 Europe/Berlin`; UTC without a zone. Null for anything else. */
export function parseQuietHours(text: string): QuietHours | null {
  const parts = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: ([A-Za-z0-9_+/-]+))?$/.exec(text);
  if (parts === null) return null;
  const [, fromHour, fromMinute, toHour, toMinute, zone = 'UTC'] = parts;
  const from = Number(fromHour) * 60 + Number(fromMinute);
  const to = Number(toHour) * 60 + Number(toMinute);
  return from === to || !isZone(zone) ? null : { fromMinute: from, toMinute: to, zone };
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
