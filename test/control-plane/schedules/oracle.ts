// A slow, independent answer to when a cron expression fires: every minute of some days, as the wall clock shows it
// by Intl, is held against the expression.
import fc from 'fast-check';
import type { ClockPolicy } from '../../../control-plane/schedules/fire-times.ts';

interface WallDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** One field of an expression: its text, and what it names, said a second time. */
interface Field {
  readonly text: string;
  readonly names: (value: number) => boolean;
}
interface DayField {
  readonly text: string;
  readonly restricts: boolean;
  readonly names: (date: WallDate) => boolean;
}

export interface Expression {
  readonly text: string;
  readonly names: (wall: number) => boolean;
}

/** Instants at a fixed distance, each with what the wall clock shows then, counted like UTC. */
export interface Window {
  readonly zone: string;
  readonly from: number;
  readonly until: number;
  readonly stepMs: number;
  readonly moments: readonly { readonly at: number; readonly wall: number }[];
}

export function windowOf(zone: string, from: string, until: string, stepMs = 60_000): Window {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  const wallAt = (at: number): number => {
    const [, day, month, year, hour, minute, second] =
      /^(\d+)\/(\d+)\/(\d+), (\d+):(\d+):(\d+)$/.exec(format.format(at))?.map(Number) ?? [];
    return Date.UTC(year!, month! - 1, day, hour, minute, second);
  };
  const [start, end] = [Date.parse(from), Date.parse(until)];
  const moments = Array.from({ length: (end - start) / stepMs }, (_, index) => {
    const at = start + index * stepMs;
    return { at, wall: wallAt(at) };
  });
  return { zone, from: start, until: end, stepMs, moments };
}

/** Every fire time of the window, ascending. */
export function slowFireTimes(expression: Expression, window: Window, policy: ClockPolicy): number[] {
  const { moments, stepMs } = window;
  const times = new Map<number, number[]>();
  for (const { at, wall } of moments) times.set(wall, [...(times.get(wall) ?? []), at]);
  const fires = new Set<number>();
  for (const [wall, instants] of times) {
    if (!expression.names(wall)) continue;
    const chosen =
      policy.doubledHour === 'both'
        ? instants
        : instants.filter((at) => at === (policy.doubledHour === 'first' ? instants[0] : instants.at(-1)));
    for (const at of chosen) fires.add(at);
  }
  moments.forEach(({ at, wall }, index) => {
    const before = moments[index - 1];
    if (before === undefined || policy.skippedHour === 'skip') return;
    for (let missing = before.wall + stepMs; missing < wall; missing += stepMs) {
      if (expression.names(missing)) fires.add(at);
    }
  });
  return [...fires].sort((a, b) => a - b);
}

export const policies: fc.Arbitrary<ClockPolicy> = fc.record({
  skippedHour: fc.constantFrom('run_after', 'skip'),
  doubledHour: fc.constantFrom('first', 'second', 'both'),
});

/** The date on which the clocks of a window change, or that in its middle. */
export function changeIn({ moments, stepMs }: Window): Date {
  const changed = moments.findIndex(
    ({ wall }, index) => wall - (moments[index - 1]?.wall ?? wall - stepMs) !== stepMs,
  );
  const at = moments[changed === -1 ? Math.floor(moments.length / 2) : changed - 1];
  return new Date(at?.wall ?? 0);
}

/** Expressions of five fields, or of six with a second; with `near` many of them name that date and its first hours. */
export function expressions(
  options: { readonly seconds?: boolean; readonly halfHours?: boolean; readonly near?: Date } = {},
): fc.Arbitrary<Expression> {
  const { near } = options;
  const often = <T>(usual: fc.Arbitrary<T>, there: fc.Arbitrary<T>): fc.Arbitrary<T> =>
    near === undefined ? usual : fc.oneof(usual, there);
  const only = (value = 0): Field => ({ text: String(value), names: (other) => other === value });
  const onDate: DayField = {
    text: String(near?.getUTCDate()),
    restricts: true,
    names: ({ day }) => day === near?.getUTCDate(),
  };
  const earlyHours = fc
    .array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 })
    .map((hours) => ({
      text: hours.join(','),
      names: (hour: number) => hours.includes(hour),
    }));
  return (
    fc
      .record({
        second: options.seconds === true ? fieldOf(0, 59) : fc.constant(null),
        minute: options.halfHours === true ? fc.constantFrom(only(0), only(30), halfHours) : fieldOf(0, 59),
        hour: often(fieldOf(0, 23), earlyHours),
        date: often(dateField(), fc.constant(onDate)),
        month: often(
          fc.oneof({ weight: 4, arbitrary: star }, { weight: 1, arbitrary: fieldOf(1, 12, monthNames) }),
          fc.constant(only((near?.getUTCMonth() ?? 0) + 1)),
        ),
        weekday: weekdayField(),
      })
      // A date that none of the months has is refused when it is parsed.
      .filter(({ date, month }) => date !== onDate || month.names((near?.getUTCMonth() ?? 0) + 1))
      .map(({ second, minute, hour, date, month, weekday }) => {
        const texts = [minute.text, hour.text, date.text, month.text, weekday.text];
        return {
          text: (second === null ? texts : [second.text, ...texts]).join(' '),
          names: (wall) => {
            const at = new Date(wall);
            const on = { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate() };
            return (
              (second === null ? at.getUTCSeconds() === 0 : second.names(at.getUTCSeconds())) &&
              minute.names(at.getUTCMinutes()) &&
              hour.names(at.getUTCHours()) &&
              month.names(on.month) &&
              (date.restricts && weekday.restricts
                ? date.names(on) || weekday.names(on)
                : date.names(on) && weekday.names(on))
            );
          },
        };
      })
  );
}

const halfHours: Field = { text: '*/30', names: (minute) => minute % 30 === 0 };

const star: fc.Arbitrary<Field> = fc.constant({ text: '*', names: () => true });

const monthNames = [
  '',
  'jan',
  'Feb',
  'MAR',
  'april',
  'may',
  'jun',
  'july',
  'aug',
  'Sep',
  'oct',
  'nov',
  'december',
];
const dayNames = ['sun', 'Monday', 'tue', 'WED', 'thursday', 'fri', 'sat', 'Sunday'];

function fieldOf(min: number, max: number, names: readonly string[] = []): fc.Arbitrary<Field> {
  const value = fc.integer({ min, max });
  const said = (number: number, byName: boolean): string =>
    byName ? (names[number] ?? String(number)) : String(number);
  const single = fc.record({ value, byName: fc.boolean() }).map(({ value: only, byName }) => ({
    text: said(only, byName),
    names: (other: number) => other === only,
  }));
  const range = fc
    .record({ first: value, last: value, byName: fc.boolean(), step: fc.constantFrom(1, 2, 7) })
    .map(({ first, last, byName, step }) => {
      const span: number[] = [];
      for (let at = first; ; at = at === max ? min : at + 1) {
        span.push(at);
        if (at === last) break;
      }
      const named = new Set(span.filter((_, index) => index % step === 0));
      const text = `${said(first, byName)}-${said(last, byName)}${step === 1 ? '' : `/${step}`}`;
      return { text, names: (other: number) => named.has(other) };
    });
  const steps = fc
    .integer({ min: 1, max: 30 })
    .map((step) => ({ text: `*/${step}`, names: (other: number) => (other - min) % step === 0 }));
  const list = fc.array(fc.oneof(single, range), { minLength: 1, maxLength: 3 }).map((elements) => ({
    text: elements.map(({ text }) => text).join(','),
    names: (other: number) => elements.some((element) => element.names(other)),
  }));
  return fc.oneof(
    { weight: 1, arbitrary: star },
    { weight: 1, arbitrary: steps },
    { weight: 3, arbitrary: list },
  );
}

function weekdayAt(date: WallDate): number {
  return new Date(Date.UTC(date.year, date.month - 1, date.day)).getUTCDay();
}

/** Whether the date so many days away lies in the same month. */
function hasDay(date: WallDate, day: number): boolean {
  return day >= 1 && new Date(Date.UTC(date.year, date.month - 1, day)).getUTCMonth() === date.month - 1;
}

function dateField(): fc.Arbitrary<DayField> {
  const plain = fieldOf(1, 31)
    // A day that no month of the expression has is refused when it is parsed.
    .filter(({ text, names }) => text.includes('*') || [...Array(28).keys()].some((day) => names(day + 1)))
    .map(({ text, names }) => ({
      text,
      restricts: !text.includes('*'),
      names: (date: WallDate) => names(date.day),
    }));
  const last = fc.integer({ min: 0, max: 6 }).map((before) => ({
    text: before === 0 ? 'l' : `L-${before}`,
    restricts: true,
    names: (date: WallDate) => hasDay(date, date.day + before) && !hasDay(date, date.day + before + 1),
  }));
  const workday = fc.integer({ min: 1, max: 31 }).map((day) => ({
    text: `${day}W`,
    restricts: true,
    names: (date: WallDate) => {
      const near = [0, -1, 1, -2, 2].map((away) => day + away).filter((other) => hasDay(date, other));
      const workdays = near.filter((other) => ![0, 6].includes(weekdayAt({ ...date, day: other })));
      return hasDay(date, day) && workdays[0] === date.day;
    },
  }));
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant({ text: '*', restricts: false, names: () => true }) },
    { weight: 4, arbitrary: plain },
    { weight: 1, arbitrary: last },
    { weight: 1, arbitrary: workday },
  );
}

function weekdayField(): fc.Arbitrary<DayField> {
  const plain = fieldOf(0, 6, dayNames).map(({ text, names }) => ({
    text,
    restricts: !text.includes('*'),
    names: (date: WallDate) => names(weekdayAt(date)),
  }));
  const sunday = fc.constant({
    text: '7',
    restricts: true,
    names: (date: WallDate) => weekdayAt(date) === 0,
  });
  const nth = fc
    .record({ weekday: fc.integer({ min: 0, max: 7 }), which: fc.integer({ min: 1, max: 6 }) })
    .map(({ weekday, which }) => ({
      text: which === 6 ? `${weekday}L` : `${dayNames[weekday] ?? ''}#${which}`,
      restricts: true,
      names: (date: WallDate) => {
        if (weekdayAt(date) !== weekday % 7) return false;
        const isLast = !hasDay(date, date.day + 7);
        let count = 0;
        for (let day = date.day; day >= 1; day -= 7) count += 1;
        return which === 6 ? isLast : count === which;
      },
    }));
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant({ text: '?', restricts: false, names: () => true }) },
    { weight: 3, arbitrary: plain },
    { weight: 1, arbitrary: sunday },
    { weight: 1, arbitrary: nth },
  );
}
