// Changes what people call an agent and say of it. Its identity is its id: certificate, runs and record go by that.
import type { z } from 'zod';
import type { Agent, agentUpdateSchema } from '../../protocol/api/operations.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import type { AgentsDeps } from './contract.ts';
import { showAgent } from './read.ts';
import { describeAgent } from './store.ts';
import type { AgentRow } from './store.ts';

/** Throws `name_taken`. */
export async function changeAgent(
  deps: AgentsDeps,
  context: ChangeContext,
  change: { readonly agent: AgentRow; readonly body: z.output<typeof agentUpdateSchema> },
): Promise<Agent> {
  const { agent, body } = change;
  const { id, name, description, revision } = agent;
  const after = { name: body.name ?? name, description: body.description ?? description };
  await commitChange(deps, context, {
    operation: 'agent.update',
    resource: `projects/${agent.project}/agents/${id}`,
    details: { before: { name, description }, after },
    steps: [describeAgent(deps.store, { id, revision, ...after })],
  });
  deps.changed?.(id);
  return showAgent(deps.store, agent.project, id);
}
