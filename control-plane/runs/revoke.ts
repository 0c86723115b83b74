// An agent is revoked: what was offered to it goes back into the queue, what runs at it becomes indeterminate, in the
// unit that revokes it (rules.md 11).
import { nextState } from '../../protocol/states.ts';
import type { Step } from '../store/store.ts';
import { dataText, stateEvent } from './events.ts';
import type { RunParts } from './parts.ts';

const code = 'agent_revoked';
const message = 'The agent was revoked while it had the run.';

/** What the revocation of an agent asks of its runs. */
export interface RunsOfAgent {
  revoke(agent: string): Promise<{ readonly steps: readonly Step[]; readonly committed: () => void }>;
}

/** The steps find the runs themselves, in the commit, so that none is missed and nothing has to be read before. */
export function runsOfAgent(parts: Pick<RunParts, 'sql' | 'seats' | 'bus' | 'queued'>): RunsOfAgent {
  return {
    revoke: (agent) =>
      Promise.resolve({
        steps: stepsOnRevoke(parts, agent),
        committed() {
          agentRevoked(parts, agent);
        },
      }),
  };
}

/** Belongs into the unit that changes the agent's status. */
export function stepsOnRevoke(parts: Pick<RunParts, 'sql'>, agent: string): readonly Step[] {
  const [queued, indeterminate] = [nextState('offered', 'lapse'), nextState('running', 'interrupt')];
  if (queued === null || indeterminate === null)
    throw new Error('the table of states has no such transitions');
  return parts.sql.revoke({
    agent,
    code,
    message,
    queued: dataText(stateEvent({ state: queued, code, message })),
    indeterminate: dataText(stateEvent({ state: indeterminate, code, message })),
  });
}

/** After that unit: the agent gets nothing more, watchers look again, and what it gave back is offered to others. */
export function agentRevoked(parts: Pick<RunParts, 'seats' | 'bus' | 'queued'>, agent: string): void {
  const seat = parts.seats.ofAgent(agent);
  if (seat === null) return;
  parts.seats.remove(seat.connection);
  for (const run of seat.held.keys()) parts.bus.publish(run, []);
  for (const group of seat.groups.keys()) parts.queued(group);
}
