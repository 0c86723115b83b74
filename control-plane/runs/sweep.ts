// The floor under every wake-up: once a second it looks for what a lost message, a dead agent or a dead server has
// left behind. Everything it does is guarded, so that two sweeps do no harm.
import { cancelGraceMsDefault, definitionGoneMs, sweepMs } from '../../protocol/limits.ts';
import { tellCancel } from './cancel.ts';
import { conclude } from './conclude.ts';
import { expireRuns } from './expire.ts';
import { forEachRun } from './for-each-run.ts';
import { giveBack } from './give-back.ts';
import { readmit } from './left-out.ts';
import { listOf } from './lists.ts';
import { giveUpLost } from './lost.ts';
import type { RunParts } from './parts.ts';

/** Every so many sweeps it also does what is slower and less urgent. */
const slowEvery = 5;
const slowestEvery = 60;

/** One sweep; `beat` counts them. */
export async function sweepOnce(parts: RunParts, beat: number): Promise<void> {
  await lapseOffers(parts);
  await expireRuns(parts);
  await remindAgents(parts);
  await giveUpLost(parts);
  if (beat % slowEvery === 0) await readmitAgents(parts);
  if (beat % slowestEvery === 0) await refuseGone(parts);
  await wakeWaiting(parts);
}

async function lapseOffers(parts: RunParts): Promise<void> {
  const { incarnation } = parts.store;
  const lapsed = await parts.store.read(parts.reads.lapsed({ incarnation }));
  await forEachRun(lapsed, (run) =>
    giveBack(parts, run, {
      trigger: 'lapse',
      code: 'agent_lost',
      message: 'The agent did not accept the offer in time.',
    }),
  );
}

/** Cancels are repeated until they are answered (rules.md 10); what takes too long is told to stop (rules.md 7). */
async function remindAgents(parts: RunParts): Promise<void> {
  for (const run of await parts.store.read(parts.reads.pendingCancels())) tellCancel(parts, run);
  const overdue = await parts.store.read(parts.reads.overdue({ marginMs: cancelGraceMsDefault }));
  for (const run of overdue) {
    if (run.agent === null || parts.seats.ofAgent(run.agent) === null) continue;
    if (run.timeout_sent_at === null) {
      await parts.store.write([parts.sql.timeoutSent({ run: run.id, attempt: run.attempt })]);
    }
    tellCancel(parts, run, 'timeout');
  }
}

async function readmitAgents(parts: RunParts): Promise<void> {
  const now = parts.clock.now();
  for (const run of await parts.store.read(parts.reads.leavingOut())) {
    const excluded = readmit(run.excluded_agents, now);
    if (excluded === run.excluded_agents) continue;
    await parts.store.write([parts.sql.exclude({ run: run.id, attempt: run.attempt, excluded })]);
    parts.queued(run.group_id);
  }
}

/** The digest was frozen at the request (rules.md 18); when nobody has it any more, waiting is no use. */
async function refuseGone(parts: RunParts): Promise<void> {
  const gone = await parts.store.read(parts.reads.definitionGone({ ageMs: definitionGoneMs }));
  await forEachRun(gone, (run) =>
    conclude(parts, run, {
      trigger: 'refuse_final',
      code: 'digest_gone',
      message:
        'The definition was replaced before an agent could take the run. Look at the action, then press again.',
    }),
  );
}

/** Wakes every group of the agents that are connected here that has something queued. */
export async function wakeWaiting(parts: RunParts): Promise<void> {
  const groups = listOf(parts.seats.groups());
  for (const { id } of await parts.store.read(parts.reads.waitingGroups({ groups }))) parts.wake(id);
}

/** Sweeps every `sweepMs` until the answer is called; a failed sweep is reported, and the next one tries again. */
export function startSweep(
  parts: Pick<RunParts, 'clock' | 'report'>,
  sweep: (beat: number) => Promise<void>,
): () => Promise<void> {
  let stopped = false;
  let beat = 0;
  let working: Promise<void> = Promise.resolve();
  let cancelTimer = (): void => undefined;
  const next = (): void => {
    cancelTimer = parts.clock.after(sweepMs, () => {
      beat += 1;
      working = sweep(beat)
        .catch((cause: unknown) => {
          parts.report({ kind: 'sweep_failed', message: 'a sweep failed', cause });
        })
        .then(() => {
          if (!stopped) next();
        });
    });
  };
  next();
  return async () => {
    stopped = true;
    cancelTimer();
    await working;
  };
}
