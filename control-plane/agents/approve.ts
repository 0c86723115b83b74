// A person lets an agent in that waits for it: a new one of a production group (rules.md 33), or one that was put
// aside. What they compared is the fingerprint of its key.
import type { Agent } from '../../protocol/api/operations.ts';
import { Failure } from '../../protocol/failures.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import { GuardFailed } from '../store/store.ts';
import { statusFailure } from './authenticate.ts';
import type { AgentsDeps } from './contract.ts';
import { readAgent, showAgent } from './read.ts';
import { approve } from './store.ts';
import type { AgentRow } from './store.ts';

/**
 * Throws `precondition_failed` where the agent's key is another one, `agent_revoked`, and `conflict` for an agent
 * that waits for nobody.
 */
export async function approveAgent(
  deps: AgentsDeps,
  context: ChangeContext,
  request: { readonly agent: AgentRow; readonly fingerprint: string },
): Promise<Agent> {
  const { agent } = request;
  const fingerprint = request.fingerprint.replaceAll(/[:\s]/g, '').toLowerCase();
  checkApproval(agent, fingerprint);
  try {
    await commitChange(deps, context, {
      operation: 'agent.approve',
      resource: `projects/${agent.project}/agents/${agent.id}`,
      details: { name: agent.name, fingerprint, before: agent.status },
      steps: [approve(deps.store, { id: agent.id, fingerprint })],
    });
  } catch (cause) {
    if (!(cause instanceof GuardFailed) || cause.guard !== 'agent') throw cause;
    checkApproval(await readAgent(deps.store, agent.project, agent.id), fingerprint);
    throw cause;
  }
  return showAgent(deps.store, agent.project, agent.id);
}

function checkApproval(agent: AgentRow, fingerprint: string): void {
  if (agent.status === 'revoked') throw statusFailure('revoked');
  if (agent.status === 'active') {
    throw new Failure('conflict', `The agent ${agent.name} is approved already.`);
  }
  if (agent.key_fingerprint !== fingerprint) {
    throw new Failure(
      'precondition_failed',
      `The key of ${agent.name} has another fingerprint. Compare it on the agent's own machine; if it differs there too, revoke the agent.`,
    );
  }
}
