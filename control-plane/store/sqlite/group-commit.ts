// Group commit: whatever waits goes into one transaction, a unit that fails is rolled back alone, and nobody hears of
// success before COMMIT has returned.
import { storeCommitMsMax, storeCommitUnitsMax } from '../../../protocol/limits.ts';
import { holds } from '../guard.ts';
import type { StepResult } from '../store.ts';
import type { Connection } from './connection.ts';
import { describeFailure, isFull } from './failure.ts';
import type { Answer, FailureMessage, Statement } from './messages.ts';

export type Unit = readonly [number, readonly Statement[]];

export interface Committed {
  readonly answers: readonly (readonly [number, Answer])[];
  /** Set where the disk failed in COMMIT: what is on it is not known, and nothing may be written any more. */
  readonly fatal?: FailureMessage;
}

/**
 * Takes units from the front of `queue` until it is empty or the batch has reached a limit, and commits them.
 * A unit whose guard or statement fails is rolled back alone. `elapsed` is a monotonic clock in ms.
 *
 * A savepoint makes SQLite copy every page that a unit touches, which costs as much as the unit. So the units go
 * without at first; where one of them fails, all is rolled back and runs again, each unit in a savepoint of its own.
 */
export function commitBatch(connection: Connection, queue: Unit[], elapsed: () => number): Committed {
  let answers: [number, Answer][] = [];
  try {
    connection.run('begin immediate');
    if (!runTogether(connection, fittingUnits(queue, elapsed), answers)) {
      connection.run('rollback');
      connection.run('begin immediate');
      answers = [];
      for (const [id, unit] of fittingUnits(queue, elapsed)) answers.push([id, runAlone(connection, unit)]);
    }
  } catch (cause) {
    // SQLite gave up the whole transaction (disk full, out of memory), and every unit of it with that.
    if (connection.database.isTransaction) connection.database.exec('rollback');
    return { answers: failAll(queue.splice(0, answers.length + 1), describeFailure(cause, '')) };
  }
  const units = queue.splice(0, answers.length);
  try {
    connection.run('commit');
    return { answers };
  } catch (cause) {
    return commitFailed(connection, units, cause);
  }
}

/** The units from the front that one transaction may take; at least one. */
function* fittingUnits(queue: readonly Unit[], elapsed: () => number): Generator<Unit> {
  const deadline = elapsed() + storeCommitMsMax;
  let taken = 0;
  for (const unit of queue) {
    if (taken >= storeCommitUnitsMax || (taken > 0 && elapsed() >= deadline)) return;
    taken += 1;
    yield unit;
  }
}

/** Ends at the first unit that fails, and is false then: a part of that unit is in the transaction. */
function runTogether(connection: Connection, units: Iterable<Unit>, answers: [number, Answer][]): boolean {
  for (const [id, unit] of units) {
    const answer = runUnit(connection, unit);
    if (!('results' in answer)) return false;
    answers.push([id, answer]);
  }
  return true;
}

function runAlone(connection: Connection, unit: readonly Statement[]): Answer {
  connection.run('savepoint unit');
  const answer = runUnit(connection, unit);
  if (!('results' in answer)) connection.run('rollback to unit');
  connection.run('release unit');
  return answer;
}

/** Stops at the first guard or statement that fails, and leaves what came before it. */
function runUnit(connection: Connection, statements: readonly Statement[]): Answer {
  const results: StepResult[] = [];
  let sql = '';
  try {
    for (const statement of statements) {
      sql = statement.sql;
      const result = connection.run(sql, statement.parameters);
      if (statement.guard !== undefined && !holds(statement.guard, result)) {
        return { guard: statement.guard.name };
      }
      results.push(result);
    }
    return { results };
  } catch (cause) {
    if (!connection.database.isTransaction || isFull(cause)) throw cause;
    return { failure: describeFailure(cause, sql) };
  }
}

/**
 * A full disk stops a commit before its last frame, so it is known not to have happened. After any other error of
 * COMMIT, above all of fsync, the frames may or may not survive a crash: only a fresh process can read the truth.
 */
function commitFailed(connection: Connection, units: readonly Unit[], cause: unknown): Committed {
  if (isFull(cause)) {
    if (connection.database.isTransaction) connection.database.exec('rollback');
    return { answers: failAll(units, describeFailure(cause, 'commit')) };
  }
  const failure = describeFailure(cause, 'commit', true);
  return { answers: failAll(units, failure), fatal: failure };
}

function failAll(units: readonly Unit[], failure: FailureMessage): readonly (readonly [number, Answer])[] {
  return units.map(([id]) => [id, { failure }] as const);
}
