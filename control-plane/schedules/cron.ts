// A cron expression as sets of numbers. node-cron expands it; what node-cron would misread, or read for minutes, is
// refused by its shape before.
import { parse } from 'node-cron';
import { Failure } from '../../protocol/failures.ts';
import type { DayRule } from './days.ts';

/** Lists of numbers are ascending, without repetition and never empty, except those of days. */
export interface CronFields {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly months: readonly number[];
  readonly days: readonly DayRule[];
  readonly weekdays: readonly DayRule[];
  /**
   * Classic cron's rule of the two day fields (crontab(5)): where both restrict, a day counts that either of them
   * names; else a day that both name. A field with a `*` or `?` in it does not restrict in this sense, so `*` leaves
   * the choice to the other one.
   */
  readonly eitherDay: boolean;
}

const nicknames: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

const monthNames =
  'jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|' +
  'nov(?:ember)?|dec(?:ember)?';
const weekday =
  '[0-7]|sun(?:day)?|mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?';
const day = '0?[1-9]|[12]\\d|3[01]';

const shapes: readonly { readonly name: string; readonly shape: RegExp }[] = [
  { name: 'second', shape: listOf('[0-5]?\\d') },
  { name: 'minute', shape: listOf('[0-5]?\\d') },
  { name: 'hour', shape: listOf('[01]?\\d|2[0-3]') },
  { name: 'day of the month', shape: listOf(day, `L|L-(?:${day})|LW|(?:${day})W`) },
  { name: 'month', shape: listOf(`0?[1-9]|1[0-2]|${monthNames}`) },
  { name: 'day of the week', shape: listOf(weekday, `(?:${weekday})#[1-5]|(?:${weekday})L`) },
];

/** One field: a list of `*`, values and ranges, the first and last with a step; `rules` are the day fields' own. */
function listOf(value: string, rules?: string): RegExp {
  const spans = `(?:\\*|(?:${value})-(?:${value}))(?:/0?[1-9]|/[1-9]\\d)?`;
  const element = rules === undefined ? `(?:${spans}|${value})` : `(?:${spans}|${value}|${rules})`;
  const list = `${element}(?:,${element})*`;
  return new RegExp(rules === undefined ? `^${list}$` : `^(?:\\?|${list})$`, 'i');
}

/**
 * Reads five fields (minute to day of the week) or six (a second before them), or a nickname such as `@daily`:
 * numbers, names, `*`, lists, ranges (one that runs backwards wraps around), steps, Sunday as 0 or 7; for days also
 * `L`, `L-3`, `15W`, `LW`, `fri#2` and `friL`. Throws `invalid_schedule` with what is wrong where.
 */
export function parseCron(expression: string): CronFields {
  const trimmed = expression.trim();
  const texts = (nicknames.get(trimmed.toLowerCase()) ?? trimmed).split(/\s+/);
  if (texts.length === 5) texts.unshift('0');
  if (texts.length !== shapes.length) {
    throw invalid(
      `A cron expression has five fields (minute, hour, day of the month, month, day of the week), or six with a ` +
        `second before them; this one has ${trimmed === '' ? 0 : texts.length}.`,
    );
  }
  shapes.forEach(({ name, shape }, index) => {
    const text = texts[index] ?? '';
    if (!shape.test(text)) throw invalid(`\`${text}\` is no ${name} that a cron expression can have.`);
  });
  return fieldsOf(texts);
}

function fieldsOf(texts: readonly string[]): CronFields {
  try {
    const { second, minute, hour, dayOfMonth, month, dayOfWeek } = parse(texts.join(' '));
    return {
      seconds: ascending(second),
      minutes: ascending(minute),
      hours: ascending(hour),
      months: ascending(month),
      days: dayOfMonth.map(dayRule),
      weekdays: dayOfWeek.map(weekdayRule),
      eitherDay: restricts(texts[3]) && restricts(texts[5]),
    };
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw invalid(
      `The cron expression is not valid: ${cause instanceof Error ? cause.message : 'unreadable'}.`,
      cause,
    );
  }
}

function restricts(text = ''): boolean {
  return !/[*?]/.test(text);
}

function ascending(values: readonly number[]): readonly number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function dayRule(value: number | string): DayRule {
  if (typeof value === 'number') return { kind: 'day', day: value };
  if (value === 'L') return { kind: 'last', before: 0 };
  if (value === 'LW') return { kind: 'nearest_workday', day: null };
  const [, before] = /^L-(\d+)$/.exec(value) ?? [];
  if (before !== undefined) return { kind: 'last', before: Number(before) };
  return { kind: 'nearest_workday', day: numberIn(value, /^(\d+)W$/) };
}

function weekdayRule(value: number | string): DayRule {
  if (typeof value === 'number') return { kind: 'weekday', weekday: value };
  if (value.endsWith('L')) return { kind: 'last_weekday', weekday: numberIn(value, /^(\d)L$/) };
  return {
    kind: 'nth_weekday',
    weekday: numberIn(value, /^(\d)#\d$/),
    nth: numberIn(value, /^\d#(\d)$/),
  };
}

function numberIn(value: string, pattern: RegExp): number {
  const [, text] = pattern.exec(value) ?? [];
  if (text === undefined) throw invalid(`\`${value}\` is no day that a cron expression can have.`);
  return Number(text);
}

function invalid(message: string, cause?: unknown): Failure {
  return new Failure('invalid_schedule', message, {
    details: { errors: [{ path: 'cron', message }] },
    ...(cause === undefined ? {} : { cause }),
  });
}
