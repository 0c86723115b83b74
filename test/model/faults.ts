// What disturbs: the network, deaths of processes and machines, copies, people, a store that goes back. Each counts
// against the bounds of the scope.
import type { AgentFrame } from '../../protocol/frames.ts';
import { isFinal } from '../../protocol/states.ts';
import { die, powerLoss, wake, withFolder } from './agent.ts';
import { cut, deliver, handle, shutDoors, stopServer } from './network.ts';
import type { Disturbance, Scope } from './scope.ts';
import { afterCommit, commit, decideFrame, decideOffer, required, sendAll, stopFrames } from './server.ts';
import { applyUnit } from './statements.ts';
import type { Statement } from './statements.ts';
import type { Add } from './steps.ts';
import { broken, wireName, withDb, withWire } from './state.ts';
import type { Db, Wire, World } from './state.ts';

type Spend = (kind: Disturbance, label: string, next: World) => void;

export function disturb(world: World, scope: Scope, add: Add): void {
  const spent = Object.entries(world.spent).reduce(
    (sum, [kind, count]) => sum + (kind === 'backup' || kind === 'flush' ? 0 : (count ?? 0)),
    0,
  );
  const isFree = (kind: Disturbance): boolean =>
    spent < scope.disturbancesMax && (world.spent[kind] ?? 0) < (scope.may[kind] ?? 0);
  const spend: Spend = (kind, label, next) => {
    if (next === world) return;
    add(label, { ...next, spent: { ...next.spent, [kind]: (world.spent[kind] ?? 0) + 1 } });
  };
  for (const wire of world.wires) onWire(world, wire, scope, { isFree, spend });
  onMachines(world, scope, { isFree, spend });
  byPeople(world, scope, { isFree, spend });
  onStore(world, scope, { isFree, spend });
}

interface Allowance {
  readonly isFree: (kind: Disturbance) => boolean;
  readonly spend: Spend;
}

function onWire(world: World, wire: Wire, scope: Scope, { isFree, spend }: Allowance): void {
  const name = wireName(wire);
  const { up, down } = wire;
  if (isFree('cut') && wire.clientOpen) {
    spend('cut', `${name} is cut`, cut(world, wire, scope, false));
    if (up.length > 0)
      spend('cut', `${name} is cut, and what was on the way is lost`, cut(world, wire, scope, true));
  }
  const [first, second] = [up[0], up[1]];
  if (isFree('lose')) {
    if (first !== undefined && first.type !== 'hello') {
      spend(
        'lose',
        `${first.type} on ${name} is lost`,
        withWire(world, name, { up: up.slice(1), broken: true }),
      );
    }
    if (down[0] !== undefined && down[0].type !== 'closed' && down[0].type !== 'welcome') {
      spend(
        'lose',
        `${down[0].type} on ${name} is lost`,
        withWire(world, name, { down: down.slice(1), broken: true }),
      );
    }
  }
  if (isFree('overtake')) {
    if (first !== undefined && second !== undefined && first.type !== 'hello' && wire.serverOpen) {
      const mixed = { ...wire, broken: true };
      const label = `${second.type} overtakes ${first.type} to the server on ${name}`;
      spend('overtake', label, handle(withWire(world, name, mixed), mixed, 1, scope));
    }
    if (
      wire.clientOpen &&
      down[0]?.type !== 'welcome' &&
      down[1] !== undefined &&
      down[1].type !== 'closed'
    ) {
      spend('overtake', `${down[1].type} overtakes to ${wire.process}`, deliver(world, wire, 1, scope));
    }
  }
  if (isFree('repeat') && wire.clientOpen && down[0] !== undefined && down[0].type !== 'closed') {
    spend(
      'repeat',
      `${wire.process} takes ${down[0].type}, which will come again`,
      deliver(world, wire, 0, scope, true),
    );
  }
  if (isFree('repeat') && first !== undefined && first.type !== 'hello' && wire.serverOpen) {
    const doubled = { ...wire, up: [first, ...up] };
    spend(
      'repeat',
      `server takes ${first.type} of ${name}, which will come again`,
      handle(withWire(world, name, doubled), doubled, 0, scope),
    );
  }
  if (first !== undefined && wire.serverOpen) onServer(world, wire, first, scope, { isFree, spend });
}

/** A process of the server that handles the first message of a connection. */
function onServer(
  world: World,
  wire: Wire,
  frame: AgentFrame,
  scope: Scope,
  { isFree, spend }: Allowance,
): void {
  const { rules } = scope;
  const name = wireName(wire);
  const taken = withWire(world, name, { up: wire.up.slice(1) });
  const unit = decideFrame({ db: world.db, wire, rules }, frame);
  if (unit.statements.length === 0) return;
  if (isFree('pause')) {
    const what = `${frame.type} of ${name}`;
    const early = rules.holds('send-after-commit') ? taken : sendAll(taken, unit);
    spend('pause', `server reads for ${what} and pauses`, {
      ...early,
      paused: [...world.paused, { wire: name, what, frame, unit }],
    });
  }
  if (!isFree('unknown')) return;
  const { db, failed } = applyUnit(taken.db, unit.statements, rules);
  const isRead = rules.holds('read-again');
  if (failed === null && isRead) {
    const stored = { ...taken, db };
    spend(
      'unknown',
      `server stores ${frame.type} of ${name}, and does not know it`,
      commit(stored, decideFrame({ db, wire, rules }, frame), rules),
    );
  }
  if (!isRead)
    spend('unknown', `the commit for ${frame.type} of ${name} comes to nothing`, afterCommit(taken, unit));
}

function onMachines(world: World, scope: Scope, { isFree, spend }: Allowance): void {
  for (const { id, machine } of world.processes) {
    if (isFree('crash')) spend('crash', `the process ${id} dies`, die(world, id));
    if (isFree('second') && !scope.rules.holds('one-process')) {
      spend('second', `a second process starts on ${machine}`, wake(world, machine, scope));
    }
  }
  for (const machine of scope.machines) {
    const own = world.folders[machine];
    if (own === undefined) continue;
    if (isFree('flush') && own.flushed < own.records.length) {
      const label = `another run on ${machine} takes the journal to the disk`;
      spend('flush', label, withFolder(world, machine, { flushed: own.records.length }));
    }
    if (!isFree('power')) continue;
    spend('power', `the machine ${machine} dies`, powerLoss(world, machine));
  }
  const folder = world.folders.A;
  if (isFree('copy') && folder !== undefined && world.folders.C === undefined) {
    // Process ids begin with the machine, so the copy's are its own.
    const copied: World = {
      ...world,
      folders: { ...world.folders, C: { ...folder, started: folder.started } },
    };
    spend('copy', 'the state folder of A is copied to C', copied);
  }
  if (isFree('refuse')) refusals(world, spend);
}

/** The offer is taken, and its inputs cannot be opened. */
function refusals(world: World, spend: Spend): void {
  for (const wire of world.wires) {
    const offer = wire.down[0];
    if (offer?.type !== 'offer' || !wire.clientOpen) continue;
    const { run, attempt } = offer;
    const taken = withWire(world, wireName(wire), {
      down: wire.down.slice(1),
      up: [...wire.up, { type: 'refuse', run, attempt, code: 'cannot_open', message: '' }],
    });
    spend('refuse', `${wire.process} refuses the offer`, taken);
  }
}

function changed(world: World, scope: Scope, statements: readonly Statement[]): World {
  const { db, failed } = applyUnit(world.db, statements, scope.rules);
  return failed === null ? { ...world, db } : world;
}

function byPeople(world: World, scope: Scope, { isFree, spend }: Allowance): void {
  const { db } = world;
  const { row } = db;
  if (isFree('cancel') && row !== null && !isFinal(row.state)) spend('cancel', ...cancel(world, scope));
  if (isFree('release') && row?.state === 'indeterminate') {
    spend(
      'release',
      'a person releases the slot',
      changed(world, scope, [{ name: 'release', attempt: row.attempt }]),
    );
  }
  if (isFree('prune') && row !== null) {
    const pruned = changed(world, scope, [{ name: 'forget' }]);
    if (pruned.db.row === null) spend('prune', 'retention removes the run', pruned);
  }
  if (isFree('revoke')) {
    const statements: readonly Statement[] = [
      { name: 'revokeAgent', agent: 'A' },
      { name: 'takeBack', agent: 'A' },
      { name: 'giveUp', agent: 'A' },
    ];
    spend('revoke', 'A is revoked', shutDoors(changed(world, scope, statements), scope));
  }
  if (isFree('later'))
    spend('later', 'a later run of the action starts', withDb(world, { laterStarted: true }));
  if (isFree('unauthorized'))
    spend('unauthorized', 'the requester loses the right', withDb(world, { authority: false }));
  if (isFree('rival')) rival(world, scope, spend);
}

/** cancel.ts `cancelRun` */
function cancel(world: World, scope: Scope): readonly [string, World] {
  const { row, incarnation } = world.db;
  if (row === null) return ['', world];
  const { attempt, state: from } = row;
  if (from === 'running' && scope.rules.holds('cancel-asks')) {
    const wished = changed(world, scope, [{ name: 'requestCancel', attempt }]);
    return [
      'a person cancels: the agent is asked',
      sendAll(wished, { sends: stopFrames(wished, 'requested') }),
    ];
  }
  // It is not known yet whether it has started.
  if (row.store_incarnation !== incarnation) return ['', world];
  required(from, 'cancel');
  const canceled = changed(world, scope, [{ name: 'cancel', attempt, from }]);
  return ['a person cancels at once', sendAll(canceled, { sends: stopFrames(canceled, 'requested', row) })];
}

/** Another run of an operation that the agent does once at a time: `mayHave` in store-offer.ts, and keptSlots. */
function rival(world: World, scope: Scope, spend: Spend): void {
  const { row } = world.db;
  const agent = row?.agent ?? null;
  if (row === null || agent === null) return;
  const holdsSlot =
    row.state === 'offered' ||
    row.state === 'running' ||
    (row.state === 'indeterminate' && row.released_by === null);
  const isKept = holdsSlot && (row.state !== 'indeterminate' || scope.rules.holds('slot-kept'));
  if (isKept) return;
  const isGoing = world.operations.some(({ machine, result }) => machine === agent && result === 'going');
  const given: World = { ...world, spent: world.spent };
  const isReleased = row.released_by !== null;
  spend(
    'rival',
    `another run gets the slot at ${agent}`,
    isGoing && !isReleased && world.db.agents[agent as 'A' | 'B'].status === 'active'
      ? broken(given, `the slot at ${agent} is given away while the run goes on there`)
      : { ...given },
  );
}

function onStore(world: World, scope: Scope, { isFree, spend }: Allowance): void {
  if (isFree('restart')) spend('restart', 'the server dies and comes back', stopServer(world));
  if (
    isFree('pause') &&
    !world.held &&
    world.db.row?.state === 'queued' &&
    world.db.row.attempt < scope.attemptsMax
  ) {
    for (const wire of world.wires) {
      const unit = wire.seat && wire.serverOpen ? decideOffer(world, wire, scope.rules) : null;
      const what = `an offer on ${wireName(wire)}`;
      const paused = unit === null ? [] : [{ wire: wireName(wire), what, frame: null, unit }];
      if (unit !== null)
        spend('pause', `server reads for ${what} and pauses`, {
          ...world,
          paused: [...world.paused, ...paused],
        });
    }
  }
  if (world.backup === null && isFree('backup'))
    spend('backup', 'a backup is taken', { ...world, backup: world.db });
  if (world.backup !== null && isFree('restore'))
    spend('restore', 'the backup is restored', restore(world, world.backup, scope));
}

/** end-what-was-alive.ts: another incarnation, sessions above all that were given, nothing dispatched at first. */
function restore(world: World, backup: Db, { rules }: Scope): World {
  const isNew = rules.holds('new-incarnation');
  const step = 100;
  const agentRow = (agent: 'A' | 'B') => ({
    ...backup.agents[agent],
    session: backup.agents[agent].session + step,
    incarnation: null,
    connected: false,
  });
  const db: Db = {
    ...backup,
    now: world.db.now,
    incarnation: isNew ? `${backup.incarnation}'` : backup.incarnation,
    earlier: isNew ? [...backup.earlier, backup.incarnation] : backup.earlier,
    agents: { A: agentRow('A'), B: agentRow('B') },
  };
  const stopped = stopServer(world);
  return { ...stopped, db, held: isNew, backup: null };
}
