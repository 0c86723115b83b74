// An offered run goes back into the queue: nobody accepted it, or an agent refused it for a reason of its own.
import { lapsedAttemptsMax } from '../../protocol/limits.ts';
import { nextState } from '../../protocol/states.ts';
import type { Step } from '../store/store.ts';
import { commitRun } from './commit.ts';
import { conclude } from './conclude.ts';
import type { RunFacts } from './contract.ts';
import { stateEvent } from './events.ts';
import { leaveOut } from './left-out.ts';
import type { RunParts } from './parts.ts';

export interface GivenBack {
  /** A lapse counts; after `lapsedAttemptsMax` of them the run ends. A refusal leaves that agent out instead. */
  readonly trigger: 'lapse' | 'refuse_transient';
  readonly code: string;
  readonly message: string;
  /** The session that the frame came from, where one caused this. */
  readonly guards?: readonly Step[];
}

/** Rejects with GuardFailed `run` where the run is not offered under that attempt any more. */
export async function giveBack(parts: RunParts, run: RunFacts, why: GivenBack): Promise<void> {
  const { trigger, code, message, guards = [] } = why;
  const lapsed = trigger === 'lapse' ? 1 : 0;
  if (run.lapsed + lapsed >= lapsedAttemptsMax) {
    await conclude(parts, run, {
      trigger: 'refuse_final',
      code: 'attempts_exhausted',
      message: `${lapsedAttemptsMax} offers lapsed before an agent accepted. See whether the agents answer at all.`,
      guards,
    });
    return;
  }
  const state = nextState(run.state, trigger);
  if (state !== 'queued') throw new Error(`a run that is ${run.state} cannot be given back`);
  const { agent, attempt } = run;
  const excluded =
    trigger === 'refuse_transient' && agent !== null
      ? leaveOut(run.excluded_agents, { agent, attempt, now: parts.clock.now() })
      : run.excluded_agents;
  await commitRun(parts, {
    run: run.id,
    attempt,
    facts: run,
    steps: [...guards, parts.sql.requeue({ run: run.id, attempt, lapsed, excluded })],
    events: [{ event: stateEvent({ state, code, message }) }],
  });
  if (agent !== null) parts.letGo({ id: run.id, agent });
  parts.queued(run.group_id);
}
