// Retention: the output of runs that ended long ago goes, then the runs, action by action and in small pieces; what is
// left of a run is its tombstone (rules.md 16).
import { pruneRowsMax, runExpiresMsMax, tombstoneMs } from '../../protocol/limits.ts';
import { readRetention } from '../projects/read-retention.ts';
import type { Retention } from '../projects/read-retention.ts';
import { giveBack } from '../store/give-back.ts';
import { inBatches } from '../store/in-batches.ts';
import type { BatchClock } from '../store/in-batches.ts';
import type { Store } from '../store/store.ts';
import { listOf } from './lists.ts';
import { pruneQueriesOf, pruneStatementsOf } from './store-prune.ts';
import type { EndedRun, EventKey } from './store-prune.ts';

export interface PruneDeps {
  readonly store: Store;
  readonly clock: BatchClock & { now(): number };
  /** True once it has to stop between two pieces. */
  readonly isOver?: () => boolean;
}

export interface Pruned {
  readonly runs: number;
  /** Rows of output. */
  readonly output: number;
}

/** Removes all that has outlived its time by now; resolves with how much that was. */
export async function pruneRuns(deps: PruneDeps): Promise<Pruned> {
  const policies = await readRetention(deps.store);
  const pruned = { runs: 0, output: 0 };
  let after = '';
  while (deps.isOver?.() !== true) {
    const [next] = await deps.store.read(pruneQueriesOf(deps.store).action({ after }));
    if (next === undefined) break;
    after = next.action;
    const policy = policies.get(next.project);
    if (policy === undefined) continue;
    pruned.runs += await forgetRuns(deps, next.action, policy);
    pruned.output += await removeOutput(deps, next.action, policy);
  }
  await inPieces(deps, () => forgetTombstones(deps));
  await giveBack(deps);
  return pruned;
}

function inPieces(deps: PruneDeps, piece: () => Promise<number>): Promise<number> {
  const { clock, isOver } = deps;
  const elapsed = () => performance.now();
  return inBatches({ clock, elapsed, ...(isOver === undefined ? {} : { isOver }) }, piece);
}

async function forgetRuns(deps: PruneDeps, action: string, policy: Retention): Promise<number> {
  const reads = pruneQueriesOf(deps.store);
  let forgotten = 0;
  await inPieces(deps, async () => {
    const { id, ended_at } = await lastToGo(deps, action, policy);
    const ended = await deps.store.read(reads.ended({ action, id, ended_at }));
    const removed = await forgetSome(deps, ended);
    forgotten += removed.runs;
    return removed.rows;
  });
  if (forgotten > 0) await deps.store.write([pruneStatementsOf(deps.store).unmark(action)]);
  return forgotten;
}

/** Runs up to that one go: because of their age, or because there are too many behind them. */
async function lastToGo(deps: PruneDeps, action: string, { runsMs, runsMax }: Retention): Promise<EndedRun> {
  const old = { id: behindEveryId, ended_at: deps.clock.now() - runsMs };
  if (runsMax === null) return old;
  const [beyond] = await deps.store.read(pruneQueriesOf(deps.store).beyond({ action, keep: runsMax }));
  return beyond === undefined || beyond.ended_at <= old.ended_at ? old : beyond;
}

const behindEveryId = 'g';

/** The runs, or only some of their events where they have more of them than a piece may. */
async function forgetSome(
  deps: PruneDeps,
  ended: readonly EndedRun[],
): Promise<{ readonly runs: number; readonly rows: number }> {
  if (ended.length === 0) return { runs: 0, rows: 0 };
  const { store } = deps;
  const sql = pruneStatementsOf(store);
  const ids = listOf(ended.map(({ id }) => id));
  const events: readonly EventKey[] = await store.read(pruneQueriesOf(store).events({ runs: ids }));
  if (events.length >= pruneRowsMax) {
    await store.write([sql.removeEvents(JSON.stringify(events))]);
    return { runs: 0, rows: events.length };
  }
  await store.write(sql.forget(ids));
  return { runs: ended.length, rows: ended.length };
}

/** Behind the mark, and moves the mark. */
async function removeOutput(deps: PruneDeps, action: string, policy: Retention): Promise<number> {
  const { store, clock } = deps;
  const reads = pruneQueriesOf(store);
  const sql = pruneStatementsOf(store);
  const until = clock.now() - policy.outputMs;
  let [mark] = await store.read(reads.mark({ action }));
  let removed = 0;
  await inPieces(deps, async () => {
    const behind = { at: mark?.ended_at ?? 0, run: mark?.run ?? '' };
    const ended = await store.read(reads.endedBehind({ action, until, ...behind }));
    const last = ended.at(-1);
    if (last === undefined) return 0;
    const runs = listOf(ended.map(({ id }) => id));
    const output: readonly EventKey[] = await store.read(reads.output({ runs }));
    if (output.length > 0) {
      const had = listOf(new Set(output.map(({ run }) => run)));
      await store.write([sql.noteOutput(had), sql.removeEvents(JSON.stringify(output))]);
      removed += output.length;
      if (output.length >= pruneRowsMax) return output.length;
    }
    mark = { action, ended_at: last.ended_at, run: last.id };
    await store.write([sql.mark(mark)]);
    return ended.length;
  });
  return removed;
}

/** They outlive every spool, and every run that may still wait somewhere. */
async function forgetTombstones({ store, clock }: PruneDeps): Promise<number> {
  const before = clock.now() - Math.max(tombstoneMs, runExpiresMsMax);
  const [removed] = await store.write([pruneStatementsOf(store).forgetTombstones(before)]);
  return removed?.changes ?? 0;
}
