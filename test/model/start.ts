// The state that every exploration begins in: the run is durably queued, and the agents are connected and welcomed.
import { wake } from './agent.ts';
import { connect, deliver, handle } from './network.ts';
import type { Scope } from './scope.ts';
import { bornRow } from './statements.ts';
import { processOf } from './state.ts';
import type { AgentRow, Folder, World } from './state.ts';

const noAgent: AgentRow = {
  status: 'active',
  session: 0,
  connected: false,
  incarnation: null,
  former: [],
  journalCounter: 0,
};

function emptyFolder(agent: 'A' | 'B'): Folder {
  return { agent, records: [], flushed: 0, spool: new Map(), started: 0 };
}

export function startOf(scope: Scope): World {
  const { machines } = scope;
  const isThere = (machine: 'A' | 'B'): boolean => machines.includes(machine);
  let world: World = {
    db: {
      row: { ...bornRow('s'), idempotent: scope.idempotent ? 1 : 0 },
      tombstone: false,
      agents: { A: noAgent, B: isThere('B') ? noAgent : { ...noAgent, status: 'revoked' } },
      incarnation: 's',
      earlier: [],
      authority: true,
      laterStarted: false,
      now: 0,
      pruned: false,
    },
    backup: null,
    held: false,
    wires: [],
    paused: [],
    processes: [],
    folders: {
      ...(isThere('A') ? { A: emptyFolder('A') } : {}),
      ...(isThere('B') ? { B: emptyFolder('B') } : {}),
    },
    operations: [],
    spent: {},
    given: [],
    stored: [],
    violation: null,
  };
  for (const machine of machines) {
    if (machine === 'C') continue;
    world = wake(world, machine, scope);
    const process = processOf(world, `${machine}1`);
    if (process === undefined) continue;
    world = connect(world, process, scope);
    const greeted = (): NonNullable<World['wires'][number]> =>
      world.wires.find((wire) => wire.process === process.id)!;
    world = handle(world, greeted(), 0, scope);
    world = deliver(world, greeted(), 0, scope);
  }
  return world;
}
