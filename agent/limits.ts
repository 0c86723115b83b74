// The bounds that even a hostile control plane cannot pass (rules.md 34): how often, how close together, when, and
// how many at once. What has begun is known from the journal, so the counters survive a restart without a file.
import type { AgentSettings, QuietHours, RunLimits } from '../hcl/agent-file/definition.ts';
import type { JournalFold } from './journal-records.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;

/** What has begun: how much of it in the last hour, and when the last start was at all, epoch ms. */
export interface StartHistory {
  readonly lastHour: number;
  readonly last: number | null;
}

export interface Starts {
  note(action: string, at: number): void;
  of(action: string, now: number): StartHistory;
  all(now: number): StartHistory;
}

/** Starts in the order in which they were noted; those before `head` were older than an hour at the last of them. */
interface StartList {
  readonly times: number[];
  head: number;
}

/** Starts of every action, rebuilt from the journal. */
export function startsOf(fold: JournalFold): Starts {
  const byAction = new Map<string, StartList>();
  const everything: StartList = { times: [], head: 0 };
  const begun: { readonly action: string; readonly at: number }[] = [];
  for (const run of fold.runs.values()) {
    if (run.begunAt !== null) begun.push({ action: run.action, at: run.begunAt });
  }
  for (const past of fold.past.values()) {
    if (past.begunAt !== undefined) begun.push({ action: past.action ?? '', at: past.begunAt });
  }
  begun.sort((a, b) => a.at - b.at);
  const note = (action: string, at: number): void => {
    const list = byAction.get(action) ?? { times: [], head: 0 };
    byAction.set(action, list);
    keep(list, at);
    keep(everything, at);
  };
  for (const { action, at } of begun) note(action, at);
  return {
    note,
    of: (action, now) => historyOf(byAction.get(action) ?? null, now),
    all: (now) => historyOf(everything, now),
  };
}

/** Drops starts older than an hour once in a while, so that a list is as long as an hour is busy. */
function keep(list: StartList, at: number): void {
  list.times.push(at);
  list.head = firstWithinHour(list, at);
  if (list.head > list.times.length / 2) {
    list.times.splice(0, list.head);
    list.head = 0;
  }
}

function historyOf(list: StartList | null, now: number): StartHistory {
  if (list === null) return { lastHour: 0, last: null };
  return { lastHour: list.times.length - firstWithinHour(list, now), last: list.times.at(-1) ?? null };
}

function firstWithinHour({ times, head }: StartList, now: number): number {
  let first = head;
  // A clock that was set back has more within its hour than the one before.
  while (first > 0 && (times[first - 1] ?? now) > now - hourMs) first -= 1;
  while (first < times.length && (times[first] ?? now) <= now - hourMs) first += 1;
  return first;
}

/** Runs that hold a slot or will: `action` counts those of the same action. */
export interface InHand {
  readonly action: number;
  readonly all: number;
  /** Of those, accepted and not begun: they will be starts. */
  readonly actionWaiting: number;
  readonly allWaiting: number;
}

export interface Admission {
  readonly action: { readonly limits: RunLimits; readonly concurrency: number | null };
  readonly settings: Pick<AgentSettings, 'limits'>;
  readonly inHand: InHand;
  readonly actionStarts: StartHistory;
  readonly allStarts: StartHistory;
  /** Epoch ms. */
  readonly now: number;
}

export interface LimitRefusal {
  readonly code: 'busy' | 'limit_reached';
  readonly message: string;
}

/** Null where one more run may be accepted now. Pure. */
export function admit(admission: Admission): LimitRefusal | null {
  const { action, settings, inHand, actionStarts, allStarts, now } = admission;
  if (action.concurrency !== null && inHand.action >= action.concurrency) {
    return { code: 'busy', message: `${action.concurrency} runs of this action are going on already.` };
  }
  return (
    breached('this action', action.limits, {
      running: inHand.action,
      waiting: inHand.actionWaiting,
      starts: actionStarts,
      now,
    }) ??
    breached('this agent', settings.limits, {
      running: inHand.all,
      waiting: inHand.allWaiting,
      starts: allStarts,
      now,
    })
  );
}

function breached(
  whose: string,
  limits: RunLimits,
  {
    running,
    waiting,
    starts,
    now,
  }: {
    readonly running: number;
    readonly waiting: number;
    readonly starts: StartHistory;
    readonly now: number;
  },
): LimitRefusal | null {
  const refuse = (message: string): LimitRefusal => ({
    code: 'limit_reached',
    message: `${message} The limit stands in the agent's own file.`,
  });
  if (limits.maxParallel !== undefined && running >= limits.maxParallel) {
    return refuse(`${limits.maxParallel} runs of ${whose} are going on already.`);
  }
  if (limits.maxPerHour !== undefined && starts.lastHour + waiting >= limits.maxPerHour) {
    return refuse(`${whose} has started ${limits.maxPerHour} runs within an hour.`);
  }
  const since = starts.last === null ? Number.POSITIVE_INFINITY : now - starts.last;
  // A clock that went back makes `since` negative: then, too, the last start is not long enough ago.
  if (limits.minIntervalMs !== undefined && (waiting > 0 || since < limits.minIntervalMs)) {
    return refuse(`${whose} starts a run every ${limits.minIntervalMs / 1_000} s at the most.`);
  }
  if (limits.quietHours !== undefined && isQuiet(limits.quietHours, now)) {
    return refuse(`These are quiet hours of ${whose}.`);
  }
  return null;
}

/** A range may pass over midnight; one whose ends are equal is the whole day. */
export function isQuiet(quiet: QuietHours, now: number): boolean {
  const minute = minuteOfDay(now, quiet.zone);
  return quiet.fromMinute < quiet.toMinute
    ? minute >= quiet.fromMinute && minute < quiet.toMinute
    : minute >= quiet.fromMinute || minute < quiet.toMinute;
}

function minuteOfDay(now: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
  }).formatToParts(Math.floor(now / minuteMs) * minuteMs);
  const numberOf = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return numberOf('hour') * 60 + numberOf('minute');
}
