// What must hold, whatever happens (architecture.md 4; rules.md 1 to 17): of each step, by the states before and after.
import { isFinal, nextState, runStates, runTriggers } from '../../protocol/states.ts';
import type { RunState } from '../../protocol/states.ts';
import type { Scope } from './scope.ts';
import type { Db, Operation, Row, Wire, World } from './state.ts';

/** Notes what the invariants need to know later. */
export function noteStep(before: World, after: World): World {
  const { row } = after.db;
  if (row === null || before.db.row === row) return after;
  const key = `${row.attempt}${row.agent ?? ''}`;
  const isGiven = row.state === 'running' && !after.given.includes(key);
  const isStored = row.last_wire_seq > 0 && row.state === 'running' && !after.stored.includes(row.attempt);
  if (!isGiven && !isStored) return after;
  return {
    ...after,
    given: isGiven ? [...after.given, key] : after.given,
    stored: isStored ? [...after.stored, row.attempt] : after.stored,
  };
}

export function violationOf(before: World, after: World, scope: Scope): string | null {
  if (after.violation !== null) return after.violation;
  return (
    ofStarts(before, after, scope) ??
    (isOfAnotherLife(before, after) || before.db === after.db ? null : ofRow(before, after, scope))
  );
}

/** The restore itself takes back what was final: that is the disaster, and not what the protocol does. */
function isOfAnotherLife(before: World, after: World): boolean {
  return (before.spent['restore'] ?? 0) !== (after.spent['restore'] ?? 0);
}

function happened(world: World, kind: string): boolean {
  return (world.spent[kind] ?? 0) > 0;
}

/** Nothing starts twice, nothing before it was durably given, nothing that is over. */
function ofStarts(before: World, after: World, scope: Scope): string | null {
  const started = after.operations[before.operations.length];
  if (started === undefined) return null;
  const { attempt, machine, process } = started;
  const what = `attempt ${attempt} starts at ${process}`;
  const earlier = before.operations;
  const agent = after.folders[machine]?.agent ?? '';
  const again = earlier.find((operation) => operation.attempt >= attempt);
  if (again !== undefined) return `${what} after attempt ${again.attempt} started at ${again.process}`;
  if (earlier.length > 0 && !scope.idempotent)
    return `${what}, though the action is not idempotent and had started`;
  const going = earlier.find(({ result }) => result === 'going');
  if (going !== undefined) return `${what} while attempt ${going.attempt} goes on at ${going.process}`;
  if (!before.given.includes(`${attempt}${agent}`)) return `${what} before it was durably given to ${agent}`;
  return ofLateStart(before, started, what);
}

/** A go is good for seconds: what was given up after a long time, or said not to have started, does not start. */
function ofLateStart(before: World, { attempt }: Operation, what: string): string | null {
  const { row } = before.db;
  // What a copy says is not known to be false until both of them have shown themselves.
  if (happened(before, 'copy')) return null;
  if (row === null || row.attempt !== attempt || !isFinal(row.state)) return null;
  if (row.state !== 'indeterminate') return `${what} though the run has its verdict: ${row.state}`;
  return before.db.now > (row.started_at ?? 0) ? `${what} on a go that is too old` : null;
}

function ofRow(before: World, after: World, scope: Scope): string | null {
  const [was, is] = [before.db.row, after.db.row];
  if (was === null) {
    if (is === null) return null;
    return before.db.pruned ? `a run that was pruned is there again, ${is.state}` : null;
  }
  if (is === null || was === is) return null;
  return (
    ofTransition(was, is) ??
    ofCancel(was, is, after) ??
    ofVerdict(was, is, after, scope) ??
    ofGivingUp(was, is, { before, after }) ??
    ofClaim(was, is, before.db) ??
    ofRetry(was, is, before)
  );
}

/** A final state is never left, but indeterminate by evidence; and every change is a way in the one table. */
function ofTransition(was: Row, is: Row): string | null {
  if (is.attempt < was.attempt) return `attempt ${was.attempt} becomes ${is.attempt}`;
  if (was.state === is.state) return null;
  if (isFinal(was.state) && was.state !== 'indeterminate')
    return `the final state ${was.state} becomes ${is.state}`;
  if (was.state === 'indeterminate' && was.settled === 1) return `a settled run becomes ${is.state}`;
  return isReachable(was.state, is.state)
    ? null
    : `${was.state} becomes ${is.state}, which the table does not allow`;
}

/** In one step of the table; or, where a lost row is made up for, in several. */
function isReachable(from: RunState, to: RunState): boolean {
  return reachableFrom.get(from)?.has(to) === true;
}

const reachableFrom = new Map(runStates.map((state) => [state, closureOf(state)]));

function closureOf(from: RunState): ReadonlySet<RunState> {
  const found = new Set<RunState>();
  const waiting: RunState[] = [from];
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    for (const trigger of runTriggers) {
      const next = nextState(state, trigger);
      if (next === null || found.has(next)) continue;
      found.add(next);
      waiting.push(next);
    }
  }
  return found;
}

/** The server says `canceled` by itself only of what has not started. */
function ofCancel(was: Row, is: Row, after: World): string | null {
  if (is.state !== 'canceled' || was.state === 'canceled') return null;
  if (was.state === 'running' || was.state === 'indeterminate') return null;
  // An attempt whose interruption its agent has reported is followed by another one; that it was there is known.
  const started = after.operations.find(
    ({ attempt, result }) => attempt >= is.attempt && result !== 'killed',
  );
  return started === undefined
    ? null
    : `the run is canceled as if nothing had started, though attempt ${started.attempt} had at ${started.process}`;
}

const verdicts: ReadonlySet<string> = new Set(['succeeded', 'failed', 'canceled', 'timed_out']);

/** A verdict says what happened. What a copy of an agent says is beyond that: both are put aside when it shows. */
function ofVerdict(was: Row, is: Row, after: World, scope: Scope): string | null {
  if (was.state === is.state || !verdicts.has(is.state) || happened(after, 'copy')) return null;
  if (was.state === 'queued' || was.state === 'offered') return null;
  const done = after.operations.filter(({ attempt }) => attempt === is.attempt).at(-1);
  if (done === undefined) {
    const later = after.operations.find(({ attempt }) => attempt > is.attempt);
    if (later !== undefined)
      return `the verdict is ${is.state}, and attempt ${later.attempt} had started since`;
    return is.state === 'succeeded' ? 'the run succeeds, and nothing was started' : null;
  }
  if (done.result !== is.state) return `the verdict is ${is.state}, and what happened is: ${done.result}`;
  if (scope.output && !happened(after, 'restore') && !after.stored.includes(is.attempt)) {
    return 'the end is taken, and output before it is not stored';
  }
  return null;
}

/** What a live session has in hand is not given up by the server. */
function ofGivingUp(
  was: Row,
  is: Row,
  { before, after }: { readonly before: World; readonly after: World },
): string | null {
  if (was.state !== 'running' || is.state !== 'indeterminate' || was.attempt !== is.attempt) return null;
  const holder = before.wires.find((wire) => isLive(wire, before.db) && holds(before, wire, was));
  return holder === undefined || after.db.agents[holder.agent].status !== 'active'
    ? null
    : `the run is given up while ${holder.process} has it in hand in its live session ${holder.session}`;
}

function isLive(wire: Wire, db: Db): boolean {
  return wire.clientOpen && wire.serverOpen && wire.greeted && db.agents[wire.agent].session === wire.session;
}

function holds(world: World, wire: Wire, { agent, attempt, id }: Row): boolean {
  if (wire.agent !== agent) return false;
  const process = world.processes.find((candidate) => candidate.id === wire.process);
  const run = process?.work.runs.get(`${id}/${attempt}`);
  return process?.work.session?.welcomed === true && run?.phase === 'running';
}

function ofClaim(was: Row, is: Row, before: Db): string | null {
  if (was.state !== 'queued' || is.state !== 'offered' || before.authority) return null;
  return 'the run is offered though its requester has lost the right';
}

function ofRetry(was: Row, is: Row, before: World): string | null {
  if (was.state !== 'running' || is.state !== 'queued' || !before.db.laterStarted) return null;
  return 'the run is tried again though a later run of the action has started';
}
