// Which days of the calendar a cron expression names: numbers, and the rules that depend on the month. Pure, on the
// proleptic Gregorian calendar, without time zones.

/** One element of a day field. Weekdays count from 0, Sunday. */
export type DayRule =
  | { readonly kind: 'day'; readonly day: number }
  /** So many days before the last one of the month. */
  | { readonly kind: 'last'; readonly before: number }
  /** Monday to Friday nearest to a day, in the same month; null is the last day. */
  | { readonly kind: 'nearest_workday'; readonly day: number | null }
  | { readonly kind: 'weekday'; readonly weekday: number }
  | { readonly kind: 'nth_weekday'; readonly weekday: number; readonly nth: number }
  | { readonly kind: 'last_weekday'; readonly weekday: number };

/** A month from 1 in a year, as one month of the calendar is needed again and again. */
export interface CalendarMonth {
  readonly daysInMonth: number;
  /** Of the first day, 0 is Sunday. */
  readonly firstWeekday: number;
}

export function calendarMonth(year: number, month: number): CalendarMonth {
  return {
    daysInMonth: new Date(Date.UTC(year, month, 0)).getUTCDate(),
    firstWeekday: new Date(Date.UTC(year, month - 1, 1)).getUTCDay(),
  };
}

export function namesDay(rules: readonly DayRule[], calendar: CalendarMonth, day: number): boolean {
  return rules.some((rule) => isNamed(rule, calendar, day));
}

function isNamed(rule: DayRule, calendar: CalendarMonth, day: number): boolean {
  const { daysInMonth } = calendar;
  switch (rule.kind) {
    case 'day':
      return day === rule.day;
    case 'last':
      return day === daysInMonth - rule.before;
    case 'nearest_workday':
      return day === nearestWorkday(calendar, rule.day ?? daysInMonth);
    case 'weekday':
      return weekdayOf(calendar, day) === rule.weekday;
    case 'nth_weekday':
      return weekdayOf(calendar, day) === rule.weekday && Math.ceil(day / 7) === rule.nth;
    case 'last_weekday':
      return weekdayOf(calendar, day) === rule.weekday && day + 7 > daysInMonth;
  }
}

function weekdayOf(calendar: CalendarMonth, day: number): number {
  return (calendar.firstWeekday + day - 1) % 7;
}

/** Null where the month has no such day. */
function nearestWorkday(calendar: CalendarMonth, day: number): number | null {
  if (day > calendar.daysInMonth) return null;
  const weekday = weekdayOf(calendar, day);
  if (weekday === 6) return day === 1 ? 3 : day - 1;
  if (weekday === 0) return day === calendar.daysInMonth ? day - 2 : day + 1;
  return day;
}
