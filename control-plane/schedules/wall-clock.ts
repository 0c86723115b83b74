// The next time that a clock on the wall shows what a cron expression names. Wall time is counted like UTC, in
// milliseconds, on a clock that nobody moves; fire-times.ts knows when people move it. Pure.
import type { CronFields } from './cron.ts';
import { calendarMonth, namesDay } from './days.ts';
import type { CalendarMonth } from './days.ts';

const secondsPerDay = 86_400;
const msPerSecond = 1_000;

/** The first wall time at or after `from` and before `until` that the fields name, or null. */
export function nextWallTime(fields: CronFields, from: number, until: number): number | null {
  const first = Math.ceil(from / msPerSecond) * msPerSecond;
  if (first >= until) return null;
  const start = new Date(first);
  const midnight = Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate());
  let second = (first - midnight) / msPerSecond;
  let day = start.getUTCDate();
  for (let [year, month] = [start.getUTCFullYear(), start.getUTCMonth() + 1]; ; day = 1) {
    const calendar = calendarMonth(year, month);
    if (fields.months.includes(month)) {
      for (; day <= calendar.daysInMonth; day += 1) {
        const ofDay = isNamed(fields, calendar, day) ? nextOfDay(fields, second) : null;
        if (ofDay !== null) {
          const found = Date.UTC(year, month - 1, day) + ofDay * msPerSecond;
          return found < until ? found : null;
        }
        second = 0;
      }
    }
    second = 0;
    [year, month] = month === 12 ? [year + 1, 1] : [year, month + 1];
    if (Date.UTC(year, month - 1, 1) >= until) return null;
  }
}

function isNamed(fields: CronFields, calendar: CalendarMonth, day: number): boolean {
  const byDate = namesDay(fields.days, calendar, day);
  const byWeekday = namesDay(fields.weekdays, calendar, day);
  return fields.eitherDay ? byDate || byWeekday : byDate && byWeekday;
}

/** The first second of a day, at or after `from`, that hours, minutes and seconds name. */
function nextOfDay(fields: CronFields, from: number): number | null {
  const [fromHour, fromMinute] = [Math.floor(from / 3_600), Math.floor(from / 60) % 60];
  if (from >= secondsPerDay) return null;
  for (const hour of fields.hours) {
    if (hour < fromHour) continue;
    for (const minute of fields.minutes) {
      if (hour === fromHour && minute < fromMinute) continue;
      const start = hour * 3_600 + minute * 60;
      const second = fields.seconds.find((candidate) => start + candidate >= from);
      if (second !== undefined) return start + second;
    }
  }
  return null;
}
