// Cancels a run: at once where nothing has started, else by telling its agent to stop it (rules.md 10).
import type { Run } from '../../protocol/api/runs.ts';
import { Failure } from '../../protocol/failures.ts';
import { cancelGraceMsDefault } from '../../protocol/limits.ts';
import { isFinal, nextState } from '../../protocol/states.ts';
import { auditByActor } from './audit-entry.ts';
import { commitRun, decideAgain } from './commit.ts';
import type { Actor, RunFacts } from './contract.ts';
import { cancelEvent, stateEvent } from './events.ts';
import type { RunParts } from './parts.ts';
import { readRun } from './read.ts';

export interface CancelWish {
  readonly actor: Actor;
  readonly run: string;
  readonly reason: string | null;
}

/**
 * Throws `not_found`, `run_not_cancelable` (it has ended) and `unavailable` (a restored database does not know yet
 * whether it has started). Asking again is no error.
 */
export async function cancelRun(
  parts: RunParts,
  wish: CancelWish,
): Promise<{ readonly result: 'canceled' | 'cancel_requested'; readonly run: Run }> {
  const result = await decideAgain(async () => {
    const run = await readFacts(parts, wish.run);
    if (isFinal(run.state)) {
      throw new Failure('run_not_cancelable', `The run has ended already: ${run.state}.`);
    }
    return run.state === 'running' ? stopRunning(parts, wish, run) : cancelAtOnce(parts, wish, run);
  });
  return { result, run: await readRun(parts, wish.run) };
}

export async function readFacts(parts: Pick<RunParts, 'store' | 'reads'>, id: string): Promise<RunFacts> {
  const [run] = await parts.store.read(parts.reads.facts({ run: id }));
  if (run === undefined) throw new Failure('not_found', `There is no run ${id}.`);
  return run;
}

async function cancelAtOnce(parts: RunParts, wish: CancelWish, run: RunFacts): Promise<'canceled'> {
  if (run.store_incarnation !== parts.store.incarnation) {
    throw new Failure(
      'unavailable',
      'The database was restored, and it is not known yet whether this run has started. Try again in a minute.',
    );
  }
  const state = nextState(run.state, 'cancel');
  if (state !== 'canceled') throw new Error(`a run that is ${run.state} cannot be canceled at once`);
  const { actor, reason } = wish;
  const { id, attempt } = run;
  const by = actor.caller.principal;
  const verdict = { code: 'canceled', message: `Canceled by ${by.name} before it started.` };
  await commitRun(parts, {
    run: id,
    attempt,
    facts: run,
    steps: [
      actor.guard,
      parts.sql.cancel({ run: id, attempt, from: run.state, by: by.id, reason, ...verdict }),
    ],
    events: [{ event: stateEvent({ state, ...verdict }) }],
    audit: [auditByActor(actor, run, { operation: 'run.cancel', details: { from: run.state, reason } })],
  });
  if (run.agent !== null) parts.letGo({ id, agent: run.agent });
  await parts.faultPoint?.('after-cancel-commit');
  // The offer may be on its way: the agent keeps a tombstone for it.
  tellCancel(parts, run);
  return 'canceled';
}

async function stopRunning(parts: RunParts, wish: CancelWish, run: RunFacts): Promise<'cancel_requested'> {
  const { actor, reason } = wish;
  const { id, attempt } = run;
  const by = actor.caller.principal;
  if (run.cancel_requested_at === null) {
    await commitRun(parts, {
      run: id,
      attempt,
      steps: [actor.guard, parts.sql.requestCancel({ run: id, attempt, by: by.id, reason })],
      events: [{ event: cancelEvent({ by: by.name, reason: reason ?? '' }) }],
      audit: [auditByActor(actor, run, { operation: 'run.cancel', details: { from: run.state, reason } })],
    });
    await parts.faultPoint?.('after-cancel-commit');
  }
  tellCancel(parts, run);
  if (run.agent !== null) parts.heldChanged(run.agent);
  return 'cancel_requested';
}

/** Tells the agent, where it is connected here; its next hello and the sweep say it again. */
export function tellCancel(
  parts: Pick<RunParts, 'seats'>,
  run: Pick<RunFacts, 'id' | 'agent' | 'attempt'>,
  reason: 'requested' | 'timeout' = 'requested',
): void {
  if (run.agent === null) return;
  parts.seats.ofAgent(run.agent)?.connection.send({
    type: 'cancel',
    run: run.id,
    attempt: run.attempt,
    reason,
    grace_ms: cancelGraceMsDefault,
  });
}
