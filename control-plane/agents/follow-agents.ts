// What other control planes change of an agent that is connected here: its row says what, a hint says when to look.
import { closeCodes } from '../../protocol/frames.ts';
import type { AgentConnection } from '../channel/contract.ts';
import { readTopic } from '../store/hints.ts';
import type { Store } from '../store/store.ts';
import { selectStandings } from './store.ts';
import type { StandingRow } from './store.ts';

export interface FollowAgentsDeps {
  readonly store: Store;
  readonly online: () => Iterable<AgentConnection>;
  readonly connectionOf: (agent: string) => AgentConnection | null;
  /** It lost its right and its runs, by whichever process. */
  readonly revoked: (agent: string) => void;
  readonly renamed: (agent: string, name: string) => void;
  /** The rows could not be read; guarded writes find out later. */
  readonly failed: (cause: unknown) => void;
}

export interface AgentFollower {
  /** Looks at one agent now, where it is connected here. */
  look(agent: string): Promise<void>;
  stop(): void;
}

/** Agents that one query asks for. */
const rowsMax = 500;

export function followAgents(deps: FollowAgentsDeps): AgentFollower {
  const look = async (agents: readonly string[]): Promise<void> => {
    try {
      for (let at = 0; at < agents.length; at += rowsMax) {
        const some = agents.slice(at, at + rowsMax);
        for (const row of await deps.store.read(selectStandings(deps.store, some))) follow(deps, row);
      }
    } catch (cause) {
      deps.failed(cause);
    }
  };
  const stop = deps.store.onHint((topic) => {
    if (topic === null) return void look([...deps.online()].map(({ agentId }) => agentId));
    const hint = readTopic(topic);
    if (hint?.kind === 'agent' && deps.connectionOf(hint.id) !== null) void look([hint.id]);
  });
  return { look: (agent) => look(deps.connectionOf(agent) === null ? [] : [agent]), stop };
}

function follow(deps: FollowAgentsDeps, row: StandingRow): void {
  const connection = deps.connectionOf(row.id);
  if (connection === null) return;
  switch (row.status) {
    case 'revoked':
      deps.revoked(row.id);
      connection.close(closeCodes.agent_revoked, 'agent_revoked', 'This agent was revoked.');
      return;
    case 'quarantined':
      connection.close(closeCodes.quarantined, 'quarantined');
      return;
    case 'pending_approval':
      connection.close(closeCodes.unavailable, 'approval_pending');
      return;
    case 'active':
      break;
  }
  // A session that began after the row was read is newer than what it says.
  if (row.session > connection.session) {
    const message = 'A newer connection of this agent took over.';
    connection.close(closeCodes.session_replaced, 'session_replaced', message);
    return;
  }
  deps.renamed(row.id, row.name);
  if (row.draining === 1) connection.send({ type: 'drain' });
}
