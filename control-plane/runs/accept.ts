// An agent accepts an offer: `running` is committed first, and only then it gets its `go` (dispatch.md). Idempotent.
import type { AgentFrame } from '../../protocol/frames.ts';
import { cancelGraceMsDefault } from '../../protocol/limits.ts';
import { isFinal, nextState } from '../../protocol/states.ts';
import type { AgentConnection } from '../channel/contract.ts';
import { commitRun, decideAgain } from './commit.ts';
import type { RunFacts } from './contract.ts';
import { stateEvent } from './events.ts';
import { answerOutsider, isInDoubt, readStanding, remember } from './fence.ts';
import type { RunParts } from './parts.ts';

export type AcceptFrame = Extract<AgentFrame, { type: 'accept' }>;

export async function acceptRun(
  parts: RunParts,
  connection: AgentConnection,
  frame: AcceptFrame,
): Promise<void> {
  await decideAgain(async (again) => {
    const standing = await readStanding(parts, connection, frame, { again, needs: 'offered' });
    if (standing.kind !== 'mine') return answerOutsider(parts, connection, frame, standing);
    const { run } = standing;
    if (isInDoubt(run, parts.store.incarnation)) {
      return answerOutsider(parts, connection, frame, { kind: 'stale' });
    }
    if (run.state === 'offered') return start(parts, connection, run, frame);
    return answerAgain(parts, connection, run, frame);
  });
}

async function start(
  parts: RunParts,
  connection: AgentConnection,
  run: RunFacts,
  frame: AcceptFrame,
): Promise<void> {
  const state = nextState(run.state, 'accept');
  if (state !== 'running') throw new Error(`a run that is ${run.state} cannot be accepted`);
  const { agentId, session } = connection;
  const { attempt, incarnation } = frame;
  await parts.faultPoint?.('before-accept-commit');
  const name = parts.seats.of(connection)?.agent.name ?? agentId;
  await commitRun(parts, {
    run: run.id,
    attempt,
    facts: run,
    steps: [
      parts.sql.session({ agent: agentId, session }),
      parts.sql.accept({ run: run.id, attempt, agent: agentId, session, incarnation }),
    ],
    events: [{ event: stateEvent({ state, agent: { id: agentId, name } }) }],
  });
  remember(parts, connection, { ...run, state, agent_incarnation: incarnation, last_wire_seq: 0 });
  await parts.faultPoint?.('after-accept-commit');
  connection.send({ type: 'go', run: run.id, attempt, incarnation });
  await parts.faultPoint?.('after-go-sent');
}

/** The accept came again, or too late, or from the process that inherited it. */
async function answerAgain(
  parts: RunParts,
  connection: AgentConnection,
  run: RunFacts,
  frame: AcceptFrame,
): Promise<void> {
  const { attempt, incarnation } = frame;
  const named = { run: run.id, attempt };
  if (isFinal(run.state) || run.cancel_requested_at !== null) {
    connection.send({ type: 'cancel', ...named, reason: 'requested', grace_ms: cancelGraceMsDefault });
    return;
  }
  if (run.agent_incarnation !== incarnation) await inherit(parts, connection, run, frame);
  connection.send({ type: 'go', ...named, incarnation });
}

/**
 * The process that accepted is dead: the lock on its state folder has passed to this one, whose journal says that the
 * run had not begun. It takes the place of the first, so that no `go` can reach two (rules.md 3).
 */
async function inherit(
  parts: RunParts,
  connection: AgentConnection,
  run: RunFacts,
  frame: AcceptFrame,
): Promise<void> {
  const { agentId, session } = connection;
  const { incarnation, attempt } = frame;
  await parts.store.write([
    parts.sql.session({ agent: agentId, session }),
    parts.sql.inherit({ run: run.id, attempt, agent: agentId, session, incarnation }),
  ]);
  remember(parts, connection, { ...run, agent_incarnation: incarnation });
}
