// Revokes an agent: in one unit it loses its right and its runs (rules.md 11), then its socket ends.
import type { Agent } from '../../protocol/api/operations.ts';
import { closeCodes } from '../../protocol/frames.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import { revokeLeavesOf } from '../pki/leaf-store.ts';
import { topicOf } from '../store/hints.ts';
import { GuardFailed } from '../store/store.ts';
import type { AgentsDeps, RunsOfAgent } from './contract.ts';
import { readAgent, showAgent } from './read.ts';
import { revoke } from './store.ts';
import type { AgentRow } from './store.ts';

const triesMax = 5;

/** Idempotent. The agent's session number moves on too, so that nothing it still sends is written. */
export async function revokeAgent(
  deps: AgentsDeps & { readonly runs: RunsOfAgent },
  context: ChangeContext,
  request: { readonly agent: AgentRow; readonly reason?: string | undefined },
): Promise<Agent> {
  const { agent, reason } = request;
  for (let tries = 1; ; tries += 1) {
    const runs = await deps.runs.revoke(agent.id);
    try {
      await commitChange(deps, context, {
        operation: 'agent.revoke',
        resource: `projects/${agent.project}/agents/${agent.id}`,
        details: { name: agent.name, fingerprint: agent.key_fingerprint, reason: reason ?? null },
        steps: [
          revoke(deps.store, agent.id),
          revokeLeavesOf(deps.store, agent.id, 'agent_revoked'),
          ...runs.steps,
        ],
      });
      runs.committed();
      break;
    } catch (cause) {
      const isPolicy = cause instanceof GuardFailed && cause.guard === context.guard.guard?.name;
      if (!(cause instanceof GuardFailed) || isPolicy) throw cause;
      const now = await readAgent(deps.store, agent.project, agent.id);
      if (now.status === 'revoked') break;
      // A run was given to it, or ended, between reading and writing.
      if (tries === triesMax) throw cause;
    }
  }
  deps.connectionOf(agent.id)?.close(closeCodes.agent_revoked, 'agent_revoked', 'This agent was revoked.');
  deps.store.hint(topicOf('agent', agent.id));
  return showAgent(deps.store, agent.project, agent.id);
}
