// Group commit on PostgreSQL: whatever waits goes into one transaction, each unit in a savepoint of its own, and nobody
// hears of success before COMMIT was answered. A unit costs one trip; its steps are sent without waiting in between.
import { storeCommitMsMax, storeCommitUnitsMax } from '../../../protocol/limits.ts';
import { GuardFailed } from '../store.ts';
import type { StepResult } from '../store.ts';
import { holds } from '../guard.ts';
import { isAway, mayRunAgain, toStoreFailure } from './failure.ts';
import type { UniqueIndexes } from './failure.ts';
import type { Mark } from './find-outcome.ts';
import type { Link } from './link.ts';
import { setMeta } from './meta.ts';
import type { Statement } from './statement.ts';

export interface Unit {
  readonly statements: readonly Statement[];
  /** How often the database gave it up so far. */
  tries: number;
  readonly resolve: (results: readonly StepResult[]) => void;
  readonly reject: (reason: Error) => void;
}

export interface BatchOptions {
  readonly link: Link;
  readonly indexes: UniqueIndexes;
  /** What this transaction leaves in the store, to be found by where the answer to its commit is lost. */
  readonly mark: Mark;
  /** Epoch ms that the database's clock is set to, in tests; null: it has its own. */
  readonly now: number | null;
  /** A monotonic clock in ms. */
  readonly elapsed: () => number;
  /** Told how many units a transaction has stored. */
  readonly committed?: (units: number) => void;
}

/** What became of a batch: settled, given up by the database and to be run again, or cut off. */
export type BatchEnd =
  | { readonly kind: 'settled' }
  | { readonly kind: 'again'; readonly units: readonly Unit[]; readonly cause: unknown }
  /** Before COMMIT was sent: nothing of it was stored. */
  | { readonly kind: 'cut'; readonly units: readonly Unit[]; readonly cause: unknown }
  | {
      readonly kind: 'unknown';
      readonly units: readonly Done[];
      readonly cause: unknown;
      readonly mark: Mark;
    };

/** A unit that is in the transaction, with what it will be answered. */
export interface Done {
  readonly unit: Unit;
  readonly results: readonly StepResult[];
}

/** Takes units from the front of `queue`, at least one and at the most `most`, and commits them. */
export async function commitBatch(queue: Unit[], most: number, options: BatchOptions): Promise<BatchEnd> {
  const { link, elapsed } = options;
  const taken: Unit[] = [];
  const done: Done[] = [];
  const deadline = elapsed() + storeCommitMsMax;
  try {
    // A unit that stays alone needs no savepoint: the transaction is its own.
    const alone = queue.length === 1 || most === 1;
    while (
      queue.length > 0 &&
      taken.length < Math.min(most, storeCommitUnitsMax) &&
      (taken.length === 0 || (!alone && elapsed() < deadline))
    ) {
      const unit = queue.shift();
      if (unit === undefined) break;
      taken.push(unit);
      const ran = await runUnit(unit, options, { first: taken.length === 1, alone });
      if (ran !== null) done.push({ unit, results: ran });
    }
  } catch (cause) {
    // What was refused already has its answer; the rest was not stored.
    const units = taken.filter((unit) => !answered.has(unit));
    if (link.isLost || isAway(cause)) return { kind: 'cut', units, cause };
    await link.send('rollback').catch(() => undefined);
    return { kind: 'again', units, cause };
  }
  if (done.length === 0) {
    await link.send('rollback').catch(() => undefined);
    return { kind: 'settled' };
  }
  return finish(done, options);
}

/** Ends the transaction with what is in it. */
export async function finish(
  done: readonly Done[],
  { link, mark, committed }: Pick<BatchOptions, 'link' | 'mark' | 'committed'>,
): Promise<BatchEnd> {
  const units = done.map(({ unit }) => unit);
  try {
    const isCommitted = await link.commit();
    if (!isCommitted)
      return { kind: 'again', units, cause: new Error('the database rolled the commit back') };
  } catch (cause) {
    if (link.isLost || isAway(cause)) return { kind: 'unknown', units: done, cause, mark };
    // The database says itself that it did not commit.
    return { kind: 'again', units, cause };
  }
  committed?.(done.length);
  for (const { unit, results } of done) unit.resolve(results);
  return { kind: 'settled' };
}

/** Units that were refused and told so. */
const answered = new WeakSet<Unit>();

function refuse(unit: Unit, reason: Error): void {
  answered.add(unit);
  unit.reject(reason);
}

/** Rejects where the whole transaction is of no use any more. */
async function runUnit(
  unit: Unit,
  { link, indexes, now, mark }: BatchOptions,
  place: { readonly first: boolean; readonly alone: boolean },
): Promise<readonly StepResult[] | null> {
  const sent = link.together(() => {
    const opening = place.first ? begin(link, { now, mark }) : [];
    if (!place.alone) opening.push(link.send('savepoint unit'));
    const steps = unit.statements.map(({ before, sql, parameters }) => {
      if (before !== null) opening.push(link.send(before.sql, before.parameters));
      return link.send(sql, parameters);
    });
    return Promise.all([Promise.allSettled(opening), Promise.allSettled(steps)]);
  });
  const [opening, steps] = await sent;
  const results: StepResult[] = [];
  for (const outcome of opening) if (outcome.status === 'rejected') throwIfLost(link, outcome.reason);
  for (const [index, outcome] of steps.entries()) {
    const statement = unit.statements[index];
    if (outcome.status === 'rejected') {
      throwIfLost(link, outcome.reason);
      // Earlier than the failed step there may have been a lock that was not given.
      const cause = (opening.find((each) => each.status === 'rejected')?.reason ?? outcome.reason) as unknown;
      if (mayRunAgain(cause)) throw cause;
      return undo(link, unit, place.alone, toStoreFailure(cause, statement?.sql ?? '', indexes));
    }
    const guard = statement?.guard;
    if (guard !== undefined && !holds(guard, outcome.value)) {
      return undo(link, unit, place.alone, new GuardFailed(guard.name));
    }
    results.push(outcome.value);
  }
  // Nobody waits for it: where it fails, COMMIT does.
  if (!place.alone) link.send('release unit').catch(() => undefined);
  return results;
}

function undo(link: Link, unit: Unit, alone: boolean, reason: Error): null {
  refuse(unit, reason);
  if (!alone) {
    for (const sql of ['rollback to unit', 'release unit']) link.send(sql).catch(() => undefined);
  }
  return null;
}

function throwIfLost(link: Link, cause: unknown): void {
  if (link.isLost || isAway(cause)) throw cause;
}

/** What every transaction begins with. */
export function begin(
  link: Link,
  { now, mark }: { readonly now: number | null; readonly mark: Mark },
): Promise<StepResult>[] {
  const sent = [link.send('begin')];
  if (now !== null) sent.push(link.send(`select set_config('wayside.now', $1, false)`, [String(now)]));
  sent.push(setMeta(link, mark.name, mark.value));
  return sent;
}
