// What a new process does with what the one before it left: first it kills what still runs, then it says so in the
// journal, and only then may anybody hear of it (dispatch.md, "agent process"; rules.md 6).
import type { Outcome } from '../protocol/outcome.ts';
import type { Clock, Spawned } from './contract.ts';
import { emptyOutcome } from './decide/end.ts';
import { runKey } from './journal-records.ts';
import type { JournalRun } from './journal-records.ts';
import type { Journal } from './journal.ts';
import type { RunSpool, SpoolKey } from './spool.ts';
import { newRun } from './work-state.ts';
import type { WorkRun } from './work-state.ts';

/** Something that an earlier process started, and the boot of the machine in which it did. */
export interface Leftover extends Spawned {
  readonly bootId: string | null;
}

/** Kills what is left of a run, orphans included; answers what is alive after all, for instance `1234 (postgres)`. */
export type KillLeftovers = (
  runId: string,
  leftovers: readonly Leftover[],
  clock: Clock,
) => Promise<readonly string[]>;

export interface Recovered {
  readonly run: WorkRun;
  readonly spool: RunSpool;
}

/**
 * Reconciles journal, spool and processes. Afterwards every run that had begun has an outcome in the journal, and
 * every run of the answer is to be reported. Throws `disk_full` where the journal cannot be written.
 */
export async function recover(options: {
  readonly journal: Pick<Journal, 'report' | 'fold' | 'append'>;
  readonly spools: {
    has(key: SpoolKey): boolean;
    recover(key: SpoolKey): RunSpool;
    settle(): void;
  };
  readonly clock: Clock;
  readonly killLeftovers: KillLeftovers;
}): Promise<readonly Recovered[]> {
  const { journal, spools } = options;
  const { damage, torn, unknown } = journal.report;
  const doubtful = damage.length > 0 || torn > 0 || unknown > 0;
  const recovered: Recovered[] = [];
  for (const run of [...journal.fold.runs.values()]) {
    const wasSaid = spools.has(run);
    const spool = spools.recover(run);
    spool.raise(run.lastSeq);
    // Where bytes of the journal are lost, `begun` may have been among them: then nobody can know (rules.md 13).
    const begun = run.state === 'begun' || (run.state === 'accepted' && (doubtful || wasSaid));
    const settled = begun ? await interrupt(run, spool.lastSeq, options) : run;
    recovered.push({ run: workRunOf(settled, spool.lastSeq), spool });
  }
  // What is left belongs to runs that the journal is done with.
  spools.settle();
  return recovered;
}

async function interrupt(
  run: JournalRun,
  lastSeq: number,
  { journal, clock, killLeftovers }: Parameters<typeof recover>[0],
): Promise<JournalRun> {
  const survivors = await killLeftovers(run.run, run.spawned.map(leftoverOf), clock);
  const outcome = interruptedOutcome(run, survivors);
  const at = clock.now();
  await journal.append({
    type: 'ended',
    run: run.run,
    attempt: run.attempt,
    at,
    outcome,
    last_seq: lastSeq,
  });
  return { ...run, state: 'ended', begunAt: run.begunAt ?? at, outcome, lastSeq };
}

/** What is said of a run that had begun, or may have, when its process died. Pure. */
export function interruptedOutcome(run: Pick<JournalRun, 'state'>, survivors: readonly string[]): Outcome {
  return {
    ...emptyOutcome(
      'interrupted',
      'agent_interrupted',
      run.state === 'begun'
        ? 'The agent died while the run was going on: how far it came is not known.'
        : 'The journal of the agent was damaged: whether the run had begun is not known.',
    ),
    truncated: true,
    survivors: survivors.slice(0, 100).map((survivor) => survivor.slice(0, 200)),
  };
}

function leftoverOf(record: JournalRun['spawned'][number]): Leftover {
  const { operation, pid, group, container } = record;
  return { operation, pid, group, container, startTime: record.start_time, bootId: record.boot_id };
}

/** How a run of the journal goes on in a new process: reported where it ended, else it waits and is never begun. Pure. */
export function workRunOf(run: JournalRun, lastSeq: number): WorkRun {
  const ended = run.state === 'ended';
  return newRun({
    key: runKey(run),
    run: run.run,
    attempt: run.attempt,
    phase: ended ? 'ended' : 'waiting',
    action: run.action,
    digest: run.digest,
    idempotent: run.idempotent,
    inherited: !ended,
    begun: run.begunAt !== null,
    outcome: run.outcome,
    lastSeq,
  });
}
