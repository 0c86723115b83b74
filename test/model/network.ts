// The steps of the network: connections begin and end, and messages arrive at one side or the other.
import { receive, startUnasked, tell } from './agent.ts';
import { isFinal } from '../../protocol/states.ts';
import { decideFrame, commit, close } from './server.ts';
import type { Scope } from './scope.ts';
import { applyUnit } from './statements.ts';
import { agentOf, broken, processOf, wireName, wireOf, withoutWire, withWire } from './state.ts';
import type { DownFrame, Process, Wire, World } from './state.ts';
import type { AgentFrame } from '../../protocol/frames.ts';

/** authenticate.ts: the session is allocated durably, and the hello is on its way; or the door stays shut. */
export function connect(world: World, process: Process, scope: Scope): World {
  const agent = agentOf(world, process.machine);
  const { db, failed } = applyUnit(world.db, [{ name: 'beginSession', agent }], scope.rules);
  if (failed !== null) {
    const fate = world.db.agents[agent].status === 'revoked' ? 'agent_revoked' : 'quarantined';
    return tell(world, process.id, { type: 'closed', connection: 0, fate }, scope);
  }
  const { session } = db.agents[agent];
  const wire: Wire = {
    session,
    agent,
    process: process.id,
    clientOpen: true,
    serverOpen: true,
    greeted: false,
    seat: false,
    broken: false,
    up: [],
    down: [],
  };
  return tell(
    { ...world, db, wires: [...world.wires, wire] },
    process.id,
    { type: 'opened', connection: session },
    scope,
  );
}

/** The server takes the message at `index`, decides and writes. */
export function handle(world: World, wire: Wire, index: number, scope: Scope): World {
  const frame = wire.up[index];
  if (frame === undefined) return world;
  const { rules } = scope;
  const taken = withWire(world, wireName(wire), { up: without(wire.up, index) });
  const unit = decideFrame({ db: taken.db, wire, rules }, frame);
  return shutDoors(judged(world, commit(taken, unit, rules), wire, frame), scope);
}

/** What of a frame's effect on the row can only be judged where the frame is known. */
export function judged(before: World, after: World, wire: Wire, frame: AgentFrame): World {
  const [was, is] = [before.db.row, after.db.row];
  if (was === is) return after;
  if (before.db.agents[wire.agent].status === 'revoked') {
    return broken(after, `evidence of the revoked agent ${wire.agent} changes the run`);
  }
  if (frame.type === 'refuse' && frame.code === 'cannot_open' && is?.state === 'refused') {
    return broken(after, 'the run ends for a reason that was about one agent alone');
  }
  return after;
}

/** Connections of agents that are not let in any more end (revoke.ts, quarantine.ts). */
export function shutDoors(world: World, { rules }: Pick<Scope, 'rules'>): World {
  let next = world;
  for (const wire of world.wires) {
    const { status } = world.db.agents[wire.agent];
    if (status === 'active' || !wire.serverOpen || !rules.holds('revoked-is-mute')) continue;
    next = close(next, wire, status === 'revoked' ? 'agent_revoked' : 'quarantined');
  }
  return next;
}

/** The agent takes the message at `index`. */
export function deliver(world: World, wire: Wire, index: number, scope: Scope, keep = false): World {
  const frame = wire.down[index];
  if (frame === undefined) return world;
  const taken = keep ? world : withWire(world, wireName(wire), { down: without(wire.down, index) });
  const read = receive(taken, wire, frame, scope);
  const begun =
    frame.type === 'offer' && !scope.rules.holds('wait-for-go') ? beginNow(read, wire, scope) : read;
  return acknowledged(begun, wire, frame);
}

/** Without rule 6. */
function beginNow(world: World, wire: Wire, scope: Scope): World {
  const run = [...(processOf(world, wire.process)?.work.runs.values() ?? [])].find(
    ({ phase }) => phase === 'waiting',
  );
  return run === undefined ? world : startUnasked(world, wire.process, run.key, scope);
}

/** An acknowledged end is durable, unless the whole store went back since. */
function acknowledged(world: World, wire: Wire, frame: DownFrame): World {
  if (frame.type !== 'ack' || !frame.ended || frame.pruned || (world.spent['restore'] ?? 0) > 0) return world;
  const { row, pruned } = world.db;
  if (pruned || row === null || row.attempt > frame.attempt || row.agent !== wire.agent) return world;
  if (isFinal(row.state)) return world;
  return broken(world, `the end of attempt ${frame.attempt} was acknowledged and is not stored`);
}

/** The agent's side ends; its messages may still be read by the server. */
export function cut(world: World, wire: Wire, scope: Scope, isLost: boolean): World {
  const name = wireName(wire);
  const ended = withWire(world, name, { clientOpen: false, down: [], ...(isLost ? { up: [] } : {}) });
  return tell(ended, wire.process, { type: 'closed', connection: wire.session, fate: null }, scope);
}

/**
 * The server notices at once that a connection is over from which nothing more can come (record-pulse.ts `recordGone`).
 * That it may notice later adds nothing: it could only give up later.
 */
export function noticeEnds(world: World, scope: Scope): World {
  let next = world;
  for (const wire of world.wires) {
    if (wire.clientOpen || (wire.up.length > 0 && wire.serverOpen)) continue;
    const { agent, session } = wire;
    const { db } = applyUnit(next.db, [{ name: 'endSession', agent, session }], scope.rules);
    next = { ...withoutWire(next, wireName(wire)), db };
  }
  return next;
}

/** The server's processes die: connections, what they had read, and who was connected. */
export function stopServer(world: World): World {
  const agents = {
    A: { ...world.db.agents.A, connected: false },
    B: { ...world.db.agents.B, connected: false },
  };
  let next: World = { ...world, db: { ...world.db, agents }, paused: [] };
  for (const wire of world.wires) {
    const now = wireOf(next, wireName(wire));
    if (now === undefined) continue;
    next = now.clientOpen
      ? withWire(next, wireName(wire), {
          serverOpen: false,
          seat: false,
          up: [],
          down: [...now.down, { type: 'closed', fate: null }],
        })
      : withoutWire(next, wireName(wire));
  }
  return next;
}

function without<Item>(items: readonly Item[], index: number): readonly Item[] {
  return items.filter((_, at) => at !== index);
}
