// The end of an attempt as its agent tells it: one transition with its audit, in the unit that stores what was still
// reported. A late end is evidence, and settles an indeterminate run once (dispatch.md, "the right to report").
import type { AgentFrame } from '../../protocol/frames.ts';
import { stringifyJson } from '../../protocol/json.ts';
import { nextState, triggerOf } from '../../protocol/states.ts';
import type { RunState } from '../../protocol/states.ts';
import type { AgentConnection } from '../channel/contract.ts';
import type { Step } from '../store/store.ts';
import { auditByAgent } from './audit-entry.ts';
import { commitRun } from './commit.ts';
import type { NumberedEvent } from './commit.ts';
import type { RunFacts } from './contract.ts';
import { stateEvent } from './events.ts';
import type { RunParts } from './parts.ts';

export type EndFrame = Extract<AgentFrame, { type: 'end' }>;

export interface Ending {
  readonly run: RunFacts;
  /** Reports that came with the end and are not stored yet, in their order, without gaps. */
  readonly reports: readonly NumberedEvent[];
  readonly end: EndFrame;
}

/**
 * The run is this agent's and has not ended, or is indeterminate. Acknowledges the end once it is durable. Rejects with
 * GuardFailed `run` where the row has moved on, and `session` where the agent has connected anew.
 */
export async function completeRun(
  parts: RunParts,
  connection: AgentConnection,
  ending: Ending,
): Promise<void> {
  const { run, end } = ending;
  const guard = parts.sql.session({ agent: connection.agentId, session: connection.session });
  await parts.faultPoint?.('before-end-commit');
  const state = await verdictOf(parts, ending);
  const agent = parts.seats.of(connection)?.agent ?? { id: connection.agentId, name: connection.agentId };
  const { code = null, message = null } = explanationOf(end, state);
  // What changes nothing about the verdict is kept beside it, without an event of its own.
  const verdict = state === null ? [] : [{ event: stateEvent({ state, agent, code, message }) }];
  const events = [...ending.reports, ...verdict];
  await commitRun(parts, {
    run: run.id,
    attempt: run.attempt,
    facts: run,
    steps: [guard, ...endSteps(parts, connection, { ...ending, state, events: events.length })],
    events,
    audit: [
      auditByAgent(agent, connection.session, run, {
        operation: run.state === 'indeterminate' ? 'run.evidence' : 'run.end',
        details: { state: state ?? run.state, code, result: end.outcome.result },
      }),
    ],
  });
  parts.letGo({ id: run.id, agent: connection.agentId });
  if (state === 'queued' || run.state === 'indeterminate') parts.queued(run.group_id);
  await parts.faultPoint?.('after-end-commit');
  const { attempt, last_seq: seq } = end;
  connection.send({
    type: 'ack',
    run: run.id,
    attempt,
    seq,
    ended: true,
    pruned: false,
    ...parts.headFor?.(connection),
  });
}

/** The state that the end leads to; null where the verdict stays and the end is only kept beside it. */
async function verdictOf(parts: RunParts, { run, end }: Ending): Promise<RunState | null> {
  const { result } = end.outcome;
  if (run.state === 'indeterminate') {
    return run.settled === 0 ? nextState(run.state, triggerOf(result)) : null;
  }
  if (result === 'interrupted' && (await mayRetry(parts, run))) return nextState(run.state, 'retry');
  return nextState(run.state, triggerOf(result));
}

/** Rules.md 6: a new attempt only of an idempotent action, and only if no later run of it has started. */
async function mayRetry(parts: RunParts, run: RunFacts): Promise<boolean> {
  if (run.idempotent !== 1) return false;
  const [row] = await parts.store.read(parts.reads.retryable({ run: run.id }));
  return row !== undefined;
}

function explanationOf(end: EndFrame, state: RunState | null): { code?: string; message?: string } {
  const { code, message } = end.outcome;
  if (state === 'indeterminate' || state === 'queued') {
    return {
      code: 'agent_interrupted',
      message: 'The agent died while the run was going on, and nobody saw how it ended.',
    };
  }
  return { ...(code === undefined ? {} : { code }), ...(message === undefined ? {} : { message }) };
}

function endSteps(
  parts: RunParts,
  connection: AgentConnection,
  ending: Ending & { readonly state: RunState | null; readonly events: number },
): readonly Step[] {
  const { run, end, state, events } = ending;
  const reporting = {
    run: run.id,
    attempt: run.attempt,
    agent: connection.agentId,
    events,
    expected: run.last_wire_seq,
    seq: Math.max(end.last_seq, run.last_wire_seq),
  };
  const outcome = stringifyJson(end.outcome);
  if (state === null) return [parts.sql.evidence({ ...reporting, outcome })];
  const { code = null, message = null } = explanationOf(end, state);
  if (run.state === 'indeterminate') {
    return [parts.sql.settle({ ...reporting, to: state, outcome, code, message })];
  }
  if (state !== 'queued') return [parts.sql.end({ ...reporting, to: state, outcome, code, message })];
  return [
    parts.sql.report({ ...reporting, events: events - 1 }),
    parts.sql.retry({
      run: run.id,
      attempt: run.attempt,
      lapsed: 0,
      excluded: run.excluded_agents,
      agent: connection.agentId,
    }),
  ];
}
