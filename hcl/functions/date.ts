// Functions on timestamps (RFC 3339). None of them reads a clock.
import type { Value } from '../values.ts';
import { countValue, NUMBER, STRING, stringValue } from '../values.ts';
import { textAt } from './arguments.ts';
import type { HclFunction, Parameter } from './function.ts';
import { FunctionProblem } from './function.ts';
import type { Civil, Timestamp } from './timestamp.ts';
import { civilOf, pad, parseDuration, parseTimestamp, printOffset, printTimestamp } from './timestamp.ts';

const TIMESTAMP: Parameter = {
  name: 'timestamp',
  type: STRING,
  description: 'a time such as 2018-01-02T23:12:01Z (RFC 3339)',
};
const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
const WEEKDAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

function timestampAt(args: readonly Value[], at: number): Timestamp {
  const text = textAt(args, at);
  const timestamp = parseTimestamp(text);
  if (timestamp) return timestamp;
  throw new FunctionProblem('a timestamp such as 2018-01-02T23:12:01Z is required', {
    argument: at,
    shown: `${JSON.stringify(text)} is none`,
  });
}

const SEQUENCES: Readonly<Record<string, (civil: Civil, timestamp: Timestamp) => string>> = {
  YYYY: ({ year }) => pad(year, 4),
  YY: ({ year }) => pad(year % 100, 2),
  MMMM: ({ month }) => MONTHS[month - 1] ?? '',
  MMM: ({ month }) => (MONTHS[month - 1] ?? '').slice(0, 3),
  MM: ({ month }) => pad(month, 2),
  M: ({ month }) => String(month),
  DD: ({ day }) => pad(day, 2),
  D: ({ day }) => String(day),
  EEEE: ({ weekday }) => WEEKDAYS[weekday] ?? '',
  EEE: ({ weekday }) => (WEEKDAYS[weekday] ?? '').slice(0, 3),
  hh: ({ hour }) => pad(hour, 2),
  h: ({ hour }) => String(hour),
  HH: ({ hour }) => pad(hour % 12 || 12, 2),
  H: ({ hour }) => String(hour % 12 || 12),
  AA: ({ hour }) => (hour < 12 ? 'AM' : 'PM'),
  aa: ({ hour }) => (hour < 12 ? 'am' : 'pm'),
  mm: ({ minute }) => pad(minute, 2),
  m: ({ minute }) => String(minute),
  ss: ({ second }) => pad(second, 2),
  s: ({ second }) => String(second),
  ZZZZZ: (_, timestamp) => printOffset(timestamp),
  ZZZZ: (_, timestamp) => printOffset(timestamp, { compact: true }),
  ZZZ: (_, timestamp) => printOffset(timestamp, { utc: 'UTC', compact: true }),
  Z: (_, timestamp) => printOffset(timestamp, { utc: 'Z' }),
};
const KNOWN = new Map(Object.entries(SEQUENCES));
/** A run of one letter, a text in single quotes with doubled quotes in it, or other characters. */
const TOKEN = /([A-Za-z])\1*|'(?:[^']|'')*('?)|[^A-Za-z']+/gy;

function formatTimestamp(specification: string, timestamp: Timestamp): string {
  const civil = civilOf(timestamp);
  return specification.replace(TOKEN, (token: string, letter?: string, closed?: string) => {
    if (letter !== undefined) return KNOWN.get(token)?.(civil, timestamp) ?? unknownSequence(token);
    if (!token.startsWith("'")) return token;
    if (closed === '') throw new FunctionProblem('a quoted text in it does not end', { argument: 0 });
    return token.slice(1, -1).replaceAll("''", "'");
  });
}

function unknownSequence(token: string): never {
  const reason = 'it has a sequence of letters with no meaning; literal letters stand in single quotes';
  throw new FunctionProblem(reason, { argument: 0, shown: token });
}

const formatdate: HclFunction = {
  name: 'formatdate',
  description:
    'The timestamp in another format: YYYY YY year, MMMM MMM MM M month, DD D day, EEEE EEE day of the week, ' +
    'hh h hour, HH H hour of 12, AA aa AM or PM, mm m minute, ss s second, ZZZZZ ZZZZ ZZZ Z offset; ' +
    'other letters stand in single quotes',
  parameters: [{ name: 'specification', type: STRING, description: 'the format' }, TIMESTAMP],
  returns: STRING,
  marks: 'all',
  examples: [
    {
      call: 'formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")',
      result: '"02 Jan 2018 23:12 UTC"',
    },
    { call: 'formatdate("HH:mmaa", "2018-01-02T23:12:01Z")', result: '"11:12pm"' },
    { call: 'formatdate("h\'h\'mm", "2018-01-02T23:12:01-08:00")', result: '"23h12"' },
  ],
  call: (args) => stringValue(formatTimestamp(textAt(args, 0), timestampAt(args, 1))),
};

const timeadd: HclFunction = {
  name: 'timeadd',
  description: 'The timestamp moved by a duration such as 10m or -1h30m; units are ns, us, ms, s, m and h',
  parameters: [TIMESTAMP, { name: 'duration', type: STRING, description: 'a duration such as 1h30m' }],
  returns: STRING,
  marks: 'all',
  examples: [
    { call: 'timeadd("2024-08-16T12:45:05Z", "10m")', result: '"2024-08-16T12:55:05Z"' },
    { call: 'timeadd("2024-08-16T12:45:05Z", "-10m")', result: '"2024-08-16T12:35:05Z"' },
  ],
  call(args) {
    const { instant, offset } = timestampAt(args, 0);
    const text = textAt(args, 1);
    const duration = parseDuration(text);
    if (duration === undefined) {
      throw new FunctionProblem('a duration such as 1h30m is required', {
        argument: 1,
        shown: `${JSON.stringify(text)} is none`,
      });
    }
    const moved = printTimestamp({ instant: instant + duration, offset });
    if (moved === undefined) throw new FunctionProblem('the result lies outside the years 0 to 9999');
    return stringValue(moved);
  },
};

const timecmp: HclFunction = {
  name: 'timecmp',
  description:
    'The order of two instants: -1 when the first is before the second, 0 when they are the same, else 1',
  parameters: [TIMESTAMP, { ...TIMESTAMP, name: 'other' }],
  returns: NUMBER,
  marks: 'all',
  examples: [{ call: 'timecmp("2017-11-22T01:00:00Z", "2017-11-22T00:00:00-01:00")', result: '0' }],
  call(args) {
    const [left, right] = [timestampAt(args, 0).instant, timestampAt(args, 1).instant];
    return countValue(left < right ? -1 : left > right ? 1 : 0);
  },
};

export const dateFunctions: readonly HclFunction[] = [formatdate, timeadd, timecmp];
