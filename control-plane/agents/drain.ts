// Lets an agent finish what it runs and gives it nothing new. A new process of the agent is not draining any more.
import type { Agent } from '../../protocol/api/operations.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import { topicOf } from '../store/hints.ts';
import { GuardFailed } from '../store/store.ts';
import { statusFailure } from './authenticate.ts';
import type { AgentsDeps } from './contract.ts';
import { showAgent } from './read.ts';
import { setDraining } from './store.ts';
import type { AgentRow } from './store.ts';

/** Throws `agent_revoked`, `quarantined` or `approval_pending` for an agent that is not active. */
export async function drainAgent(deps: AgentsDeps, context: ChangeContext, agent: AgentRow): Promise<Agent> {
  if (agent.status !== 'active') throw statusFailure(agent.status);
  try {
    await commitChange(deps, context, {
      operation: 'agent.drain',
      resource: `projects/${agent.project}/agents/${agent.id}`,
      details: { name: agent.name },
      steps: [setDraining(deps.store, agent.id)],
    });
  } catch (cause) {
    if (!(cause instanceof GuardFailed) || cause.guard !== 'agent') throw cause;
    throw statusFailure('revoked');
  }
  deps.connectionOf(agent.id)?.send({ type: 'drain' });
  deps.store.hint(topicOf('agent', agent.id));
  return showAgent(deps.store, agent.project, agent.id);
}
