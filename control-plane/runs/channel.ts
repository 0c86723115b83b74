// What the agent listener calls: frames about runs go into their lanes, grants and departures to the dispatcher.
import type { AgentFrame } from '../../protocol/frames.ts';
import type { AgentConnection, HelloFrame } from '../channel/contract.ts';
import type { Lanes } from './lanes.ts';
import type { RunParts } from './parts.ts';
import { askForLost, rebuildRun } from './rebuild.ts';
import { reconcile, refreshSeat } from './reconcile.ts';
import type { Reconciled } from './reconcile.ts';

type LaterFrame = Exclude<AgentFrame, HelloFrame>;

export interface RunsChannelHandlers {
  /** After the definitions of the hello are stored, before the welcome is sent. */
  reconcile(connection: AgentConnection, hello: HelloFrame): Promise<Reconciled>;
  /** Frames about runs, `poll` and `drain`; after `definitions` were stored, that frame too. Others are not ours. */
  frame(connection: AgentConnection, frame: LaterFrame): Promise<void>;
  /** The connection is over. What it holds stays its agent's; offers lapse. */
  gone(connection: AgentConnection): void;
}

export function runsChannelHandlers(parts: RunParts, lanes: Lanes): RunsChannelHandlers {
  return {
    reconcile: (connection, hello) => reconcile(parts, connection, hello),
    async frame(connection, frame) {
      switch (frame.type) {
        case 'accept':
        case 'refuse':
        case 'output':
        case 'status':
        case 'progress':
        case 'end':
          return lanes.push(connection, frame);
        case 'poll':
          return grantSlots(parts, connection, frame.slots);
        case 'drain':
          return leave(parts, connection);
        case 'past':
          return askForLost(parts, connection, frame);
        case 'shown':
          return rebuildRun(parts, connection, frame);
        case 'definitions':
          return refreshSeat(parts, connection);
        case 'heartbeat':
          return;
      }
    },
    gone(connection) {
      parts.seats.remove(connection);
    },
  };
}

function grantSlots(parts: RunParts, connection: AgentConnection, slots: number): void {
  const seat = parts.seats.of(connection);
  if (seat === null) return;
  seat.granted = slots;
  parts.slotsGranted(seat);
}

/** The agent takes nothing more; what it has it finishes. */
function leave(parts: RunParts, connection: AgentConnection): void {
  const seat = parts.seats.of(connection);
  if (seat !== null) seat.open = false;
}
