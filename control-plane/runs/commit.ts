// One unit of work on one run: guards, changes, the events under consecutive numbers, the audit. What was committed
// is told to the watchers, and nothing before that.
import type { RunEvent } from '../../protocol/api/runs.ts';
import { Failure } from '../../protocol/failures.ts';
import { decisionsMax } from '../../protocol/limits.ts';
import type { AuditEntry } from '../authority/change.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step, StepResult } from '../store/store.ts';
import { committedEvent, dataText } from './events.ts';
import type { RunFacts } from './contract.ts';
import type { NewEvent } from './events.ts';
import type { RunParts } from './parts.ts';

export interface NumberedEvent {
  readonly event: NewEvent;
  /** The agent's own number, for what came over the wire. */
  readonly wireSeq?: number;
}

export interface RunChange {
  readonly run: string;
  /** The attempt that the events belong to. */
  readonly attempt: number;
  /** As they were before, for the witness. */
  readonly facts?: RunFacts;
  /** Guards and changes; together they take as many event numbers as there are `events`. */
  readonly steps: readonly Step[];
  readonly events: readonly NumberedEvent[];
  readonly audit?: readonly AuditEntry[];
  /** What else changes in the same unit, for instance an idempotency key. */
  readonly alongside?: readonly Step[];
}

type Committing = Pick<RunParts, 'store' | 'sql' | 'audit' | 'bus' | 'witness'>;

/** Resolves with the results of `steps` when everything is durable. Rejects as `Store.write` does. */
export async function commitRun(parts: Committing, change: RunChange): Promise<readonly StepResult[]> {
  const { run, steps } = change;
  const watched = parts.bus.isWatched(run);
  const appends = appendSteps(parts, change, watched);
  const audit = (change.audit ?? []).map((entry) => parts.audit.step(entry));
  const committed = parts.witness?.changing(change);
  const results = await parts.store.write([...steps, ...appends, ...audit, ...(change.alongside ?? [])]);
  committed?.();
  const appended = results.slice(steps.length, steps.length + appends.length);
  parts.bus.publish(run, watched ? numberedEvents(change, appended) : []);
  return results.slice(0, steps.length);
}

function numberedEvents(
  { attempt, events }: RunChange,
  appended: readonly StepResult[],
): readonly RunEvent[] {
  const given = appended.flatMap(({ rows }) => rows.map(numbersOf)).sort((a, b) => a.seq - b.seq);
  return events.map(({ event }, index) => {
    const numbers = given[index];
    if (numbers === undefined) throw new Error('an appended event came back without its number');
    return committedEvent(event, { attempt, ...numbers });
  });
}

/** Many small events go in one statement; a few, or a large one, are not worth being wrapped in JSON once more. */
const unwrappedMax = 3;
const wrappedCharactersMax = 16 * 1024;

function appendSteps(
  parts: Committing,
  { run, attempt, events }: RunChange,
  numbered: boolean,
): readonly Step[] {
  const texts = events.map(({ event, wireSeq = null }) => ({
    kind: event.kind,
    wire: wireSeq,
    data: dataText(event),
  }));
  const count = texts.length;
  if (count > unwrappedMax && texts.reduce((sum, { data }) => sum + data.length, 0) <= wrappedCharactersMax) {
    return [parts.sql.appendAll({ run, attempt, count, events: JSON.stringify(texts) }, numbered)];
  }
  return texts.map(({ kind, wire, data }, index) =>
    parts.sql.append({ run, attempt, kind, wireSeq: wire, back: count - 1 - index, data }, numbered),
  );
}

/** The number and time that a commit gave to an event. */
export function numbersOf(row: Record<string, unknown>): { readonly seq: number; readonly at: number } {
  return { seq: Number(row['seq']), at: Number(row['at']) };
}

/** True where the row or the commit is not what the decision was made on, so that it has to be made again. */
export function mustDecideAgain(error: unknown): boolean {
  if (error instanceof GuardFailed) return error.guard === 'run' || error.guard === 'event';
  return outcomeUnknown(error);
}

/** True where nobody knows whether the commit happened; then the answer is to read again (rules.md 4). */
export function outcomeUnknown(error: unknown): boolean {
  return error instanceof Failure && error.code === 'store_failed' && error.details['unknown'] === true;
}

/**
 * Decides on what holds now, and again where that moved before the commit; `decisionsMax` times at the most. `again`
 * says that what is remembered of the row is not true any more.
 */
export async function decideAgain<T>(decide: (again: boolean) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await decide(tries > 1);
    } catch (error) {
      if (tries >= decisionsMax || !mustDecideAgain(error)) throw error;
    }
  }
}
