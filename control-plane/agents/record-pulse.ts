// The small things that an agent says while it is connected, and that it has gone.
import type { AgentFrame } from '../../protocol/frames.ts';
import type { AgentConnection } from '../channel/contract.ts';
import type { AgentsDeps } from './contract.ts';
import { writeInSession } from './record-hello.ts';
import { endSession, sessionGuard, setDraining, updatePulse } from './store.ts';

/** Throws `quarantined` where the journal's counter goes back, `session_replaced` or `agent_revoked`. */
export async function recordHeartbeat(
  deps: AgentsDeps,
  connection: AgentConnection,
  frame: Extract<AgentFrame, { type: 'heartbeat' }>,
): Promise<void> {
  const journalCounter = frame.journal_counter;
  const pulse = updatePulse(deps.store, {
    agentId: connection.agentId,
    session: connection.session,
    journalCounter,
  });
  await writeInSession(deps, connection, { steps: [pulse], journalCounter });
}

/** The agent is leaving by itself: it gets nothing new until another process of it says hello. */
export async function recordDrain(deps: AgentsDeps, connection: AgentConnection): Promise<void> {
  const steps = [sessionGuard(deps.store, connection), setDraining(deps.store, connection.agentId)];
  await writeInSession(deps, connection, { steps, journalCounter: null });
}

/** The connection has ended; nothing happens where a newer session is there. */
export async function recordGone(
  deps: Pick<AgentsDeps, 'store'>,
  connection: AgentConnection,
): Promise<void> {
  await deps.store.write([endSession(deps.store, connection)]);
}
