// What goes on by itself: messages arrive, agents connect and work, the server offers and sweeps. With only these steps
// every run has to come to its end.
import { nextWake } from '../../agent/decide/tick.ts';
import { isFinal } from '../../protocol/states.ts';
import { finish, resultAfter, tell, wake, written } from './agent.ts';
import { connect, cut, deliver, handle, judged, shutDoors } from './network.ts';
import type { Scope } from './scope.ts';
import { afterCommit, commit, commitOffer, decideOffer, required, sendAll, stopFrames } from './server.ts';
import { applyUnit } from './statements.ts';
import type { Statement } from './statements.ts';
import type { Add } from './steps.ts';
import { agentOf, wireName, wireOf, withDb } from './state.ts';
import type { Wire, World } from './state.ts';

export function goOn(world: World, scope: Scope, add: Add): void {
  wiresGoOn(world, scope, add);
  agentsGoOn(world, scope, add);
  claims(world, scope, add);
  sweeps(world, scope, add);
  resumes(world, scope, add);
  if (world.db.now < scope.intervalsMax) add('a long time passes', withDb(world, { now: world.db.now + 1 }));
}

function wiresGoOn(world: World, scope: Scope, add: Add): void {
  for (const wire of world.wires) {
    const name = wireName(wire);
    const [up, down] = [wire.up[0], wire.down[0]];
    if (up !== undefined && wire.serverOpen)
      add(`server takes ${up.type} from ${name}`, handle(world, wire, 0, scope));
    if (down !== undefined && wire.clientOpen) {
      add(`${wire.process} takes ${down.type} on ${name}`, deliver(world, wire, 0, scope));
    }
    if (wire.broken && wire.clientOpen)
      add(`${name}, on which something was lost, ends`, cut(world, wire, scope, true));
  }
}

function agentsGoOn(world: World, scope: Scope, add: Add): void {
  for (const machine of scope.machines) {
    const mine = world.processes.filter((process) => process.machine === machine);
    const folder = world.folders[machine];
    const { status } = world.db.agents[agentOf(world, machine)];
    if (mine.length === 0 && folder !== undefined && status === 'active') {
      add(`a process starts on ${machine}`, wake(world, machine, scope));
    }
    for (const process of mine) {
      const { id, work } = process;
      const isConnected = world.wires.some((wire) => wire.process === id && wire.clientOpen);
      if (!isConnected && !work.left && world.wires.length < 3 && !isAtBound(world))
        add(`${id} connects`, connect(world, process, scope));
      const first = process.disk[0];
      if (first !== undefined) add(`${id} has ${first.record.type} on the disk`, written(world, id, scope));
      for (const [key, stop] of process.executing) {
        const result = resultAfter(stop);
        add(`the operation of ${id} ends: ${result}`, finish(world, id, key, result, scope));
      }
      const wakeAt = nextWake(work);
      if (wakeAt !== null && world.db.now > 0 && scope.rules.holds('boot-time')) {
        const ticked = tell(world, id, { type: 'tick' }, scope);
        if (hasChanged(world, ticked)) add(`the clock of ${id} strikes`, ticked);
      }
    }
  }
}

/** A folder and its copy take the session from each other without end: the model looks at four of them. */
export function isAtBound({ folders, db }: World): boolean {
  return folders.C !== undefined && db.agents.A.session >= 4;
}

/** A tick that only made equal copies is no step. */
function hasChanged(before: World, after: World): boolean {
  return (
    before.folders !== after.folders ||
    before.wires.some((wire, index) => wire !== after.wires[index]) ||
    before.processes.some((process, index) => {
      const other = after.processes[index];
      return (
        [...process.work.runs].some(([key, run]) => other?.work.runs.get(key) !== run) ||
        other?.executing !== process.executing
      );
    })
  );
}

/** True where the server may send an offer over it (rules.md 2). */
function isOffered(wire: Wire, scope: Scope): boolean {
  return wire.serverOpen && (wire.seat || !scope.rules.holds('offer-after-hello'));
}

function claims(world: World, scope: Scope, add: Add): void {
  const { row } = world.db;
  if (world.held || row === null || row.state !== 'queued') return;
  for (const wire of world.wires) {
    if (row.attempt >= scope.attemptsMax || !isOffered(wire, scope)) continue;
    const unit = decideOffer(world, wire, scope.rules);
    if (unit !== null) add(`server offers on ${wireName(wire)}`, commitOffer(world, unit, scope.rules));
  }
}

/** A verdict or a change that the server makes by itself. */
function byServer(world: World, statements: readonly Statement[], scope: Scope): World {
  const { db, failed } = applyUnit(world.db, statements, scope.rules);
  return failed === null ? { ...world, db } : world;
}

function sweeps(world: World, scope: Scope, add: Add): void {
  const { row, incarnation } = world.db;
  if (row === null) return;
  const { attempt, state, excluded_agents: excluded } = row;
  const isMine = row.store_incarnation === incarnation;
  const conclude = (to: typeof state): Statement => ({ name: 'conclude', attempt, from: state, to });
  if (state === 'offered' && isMine) {
    required(state, 'lapse');
    add('the lease lapses', byServer(world, [{ name: 'requeue', attempt, excluded }], scope));
  }
  if (state === 'queued' && isMine && isHopeless(world, scope)) {
    add('the run expires', byServer(world, [conclude(required(state, 'expire'))], scope));
  }
  if (
    state === 'queued' &&
    isMine &&
    !world.db.authority &&
    scope.rules.holds('authority-at-claim') &&
    !world.held
  ) {
    add(
      'the claim refuses: authority lost',
      byServer(world, [conclude(required(state, 'refuse_final'))], scope),
    );
  }
  if (state === 'queued' && excluded !== '{}') {
    add('the agents left out are let back in', withDb(world, { row: { ...row, excluded_agents: '{}' } }));
  }
  sweepRunning(world, scope, add);
  // The settling of a restored store: recover.ts `settleRolledBack`.
  if (world.held) {
    const rolledBack = { name: 'conclude', attempt, from: state, code: 'store_rolled_back' } as const;
    const settled =
      !isFinal(state) && !isMine
        ? byServer(world, [{ ...rolledBack, to: required(state, 'rollback') }], scope)
        : world;
    add('the grace after the restore is over', { ...settled, held: false });
  }
}

/** Nobody will take it any more: no agent is left, or the bound of the model is reached. */
function isHopeless(world: World, scope: Scope): boolean {
  if (!scope.rules.holds('expiry')) return false;
  const hasAgent = scope.machines.some(
    (machine) => world.db.agents[agentOf(world, machine)].status === 'active',
  );
  return !hasAgent || (world.db.row?.attempt ?? 0) >= scope.attemptsMax;
}

function sweepRunning(world: World, scope: Scope, add: Add): void {
  const { row } = world.db;
  if (row?.state !== 'running' || row.agent === null) return;
  const { attempt, state } = row;
  const isToldTo = (name: string): boolean =>
    wireOf(world, name)?.down.some((frame) => frame.type === 'cancel') === true;
  const reminders = (reason: 'requested' | 'timeout') =>
    stopFrames(world, reason).filter(({ wire }) => !isToldTo(wire));
  if (row.cancel_requested_at !== null) {
    const sends = reminders('requested').filter(({ wire }) => !hasStopped(world, wire));
    if (sends.length > 0) add('server repeats the cancel', sendAll(world, { sends }));
  }
  if (world.db.now <= (row.started_at ?? 0)) return;
  const overdue = reminders('timeout').filter(({ wire }) => !hasStopped(world, wire));
  if (overdue.length > 0)
    add('server tells the agent that the time is over', sendAll(world, { sends: overdue }));
  const agent = world.db.agents[row.agent as 'A' | 'B'];
  const hasSeat = world.wires.some((wire) => wire.agent === row.agent && wire.seat && wire.serverOpen);
  if ((agent.connected || hasSeat) && scope.rules.holds('live-session-first')) return;
  const canceled = row.cancel_requested_at !== null && !scope.rules.holds('silent-is-indeterminate');
  const to = canceled ? 'canceled' : required(state, 'interrupt');
  add(
    `server gives up the run: ${to}`,
    byServer(world, [{ name: 'conclude', attempt, from: state, to }], scope),
  );
}

/** Its process has heard it already. */
function hasStopped(world: World, name: string): boolean {
  const process = world.processes.find(({ id }) => id === wireOf(world, name)?.process);
  return [...(process?.work.runs.values() ?? [])].some(
    ({ stop, phase }) => stop !== null || phase === 'ended',
  );
}

function resumes(world: World, scope: Scope, add: Add): void {
  world.paused.forEach((paused, index) => {
    const left: World = { ...world, paused: world.paused.filter((_, at) => at !== index) };
    const { frame, unit, wire: name } = paused;
    const label = `the paused process writes: ${paused.what}`;
    if (frame === null) return add(label, commitOffer(left, unit, scope.rules));
    const wire = wireOf(left, name);
    if (!scope.rules.holds('send-after-commit')) {
      const { db } = applyUnit(left.db, unit.statements, scope.rules);
      return add(label, afterCommit({ ...left, db }, { ...unit, sends: [] }));
    }
    const after = commit(left, unit, scope.rules);
    add(label, shutDoors(wire === undefined ? after : judged(left, after, wire, frame), scope));
  });
}
