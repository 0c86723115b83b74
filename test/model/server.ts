// The steps of the server: what it reads is decided on by its own pure functions, and becomes a unit of guarded
// statements with the frames that follow it. Each function says which conductor it stands for.
import type { HelloAction } from '../../control-plane/runs/reconcile-decide.ts';
import { decideHello } from '../../control-plane/runs/reconcile-decide.ts';
import { decideShown, isLost } from '../../control-plane/runs/rebuild-decide.ts';
import type { ShownFrame } from '../../control-plane/runs/rebuild-decide.ts';
import { isInDoubt, standingOf } from '../../control-plane/runs/fence.ts';
import type { Standing } from '../../control-plane/runs/fence.ts';
import { isLeftOut, leaveOut } from '../../control-plane/runs/left-out.ts';
import { freshReports } from '../../control-plane/runs/progress.ts';
import type { AgentFrame, ServerFrame } from '../../protocol/frames.ts';
import type { Intent } from '../../protocol/intent.ts';
import { isFinal, nextState, triggerOf } from '../../protocol/states.ts';
import type { RunState, RunTrigger } from '../../protocol/states.ts';
import type { Rules } from './rules.ts';
import { applyUnit, mayRetry } from './statements.ts';
import type { Statement, Unit } from './statements.ts';
import { broken, run as runId, wireName, wireOf, withWire } from './state.ts';
import type { AgentName, Db, Row, Wire, World } from './state.ts';

type Frame<Type extends AgentFrame['type']> = Extract<AgentFrame, { type: Type }>;

/** The guard of rules.md 1, in every unit that a frame causes. */
function session({ agent, session: number }: Wire): Statement {
  return { name: 'session', agent, session: number };
}

const idle: Omit<Unit, 'cause'> = { statements: [], sends: [] };

interface Reading {
  readonly db: Db;
  readonly wire: Wire;
  readonly rules: Rules;
}

/** What the server makes of a frame, by what it reads now. */
export function decideFrame(reading: Reading, frame: AgentFrame): Unit {
  const cause = { wire: wireName(reading.wire), frame };
  return { ...answerTo(reading, frame), cause };
}

function answerTo(reading: Reading, frame: AgentFrame): Omit<Unit, 'cause'> {
  switch (frame.type) {
    case 'hello':
      return reconcile(reading, frame);
    case 'accept':
      return accept(reading, frame);
    case 'refuse':
      return refuse(reading, frame);
    case 'output':
    case 'end':
      return report(reading, frame);
    case 'past':
      return askForLost(reading, frame);
    case 'shown':
      return rebuild(reading, frame);
    case 'poll':
    case 'status':
    case 'progress':
    case 'heartbeat':
    case 'definitions':
    case 'drain':
      return idle;
  }
}

function to(wire: Wire, ...frames: readonly ServerFrame[]): Unit['sends'] {
  return frames.map((frame) => ({ wire: wireName(wire), frame }));
}

/** fence.ts `readStanding`: without rule 5 whoever speaks of the run is believed. */
function standing({ db, wire, rules }: Reading, attempt: number): Standing | { readonly kind: 'pruned' } {
  if (db.row === null && db.tombstone) return { kind: 'pruned' };
  const row = db.row ?? undefined;
  if (row !== undefined && !rules.holds('own-attempt')) return { kind: 'mine', run: row };
  return standingOf(row, wire.agent, attempt);
}

/** fence.ts `answerOutsider` */
function answerOutsider(
  { wire }: Reading,
  attempt: number,
  kind: Exclude<Standing['kind'], 'mine'>,
): Omit<Unit, 'cause'> {
  switch (kind) {
    case 'stale':
      return { ...idle, sends: to(wire, { type: 'stale', run: runId, attempt }) };
    case 'pruned':
      return {
        ...idle,
        sends: to(wire, { type: 'ack', run: runId, attempt, seq: 0, ended: true, pruned: true }),
      };
    case 'foreign':
      return { ...idle, accused: wireName(wire) };
  }
}

function stop(attempt: number, reason: 'requested' | 'timeout' = 'requested'): ServerFrame {
  return { type: 'cancel', run: runId, attempt, reason, grace_ms: 1 };
}

/** record-hello.ts `recordHello` and reconcile.ts `reconcile` */
function reconcile(reading: Reading, frame: Frame<'hello'>): Omit<Unit, 'cause'> {
  const { db, wire } = reading;
  const { agent } = wire;
  const last = db.agents[agent].incarnation;
  const { former } = db.agents[agent];
  const isNew = last !== null && last !== frame.incarnation;
  if (isNew && former.includes(frame.incarnation)) {
    return { statements: [session(wire), { name: 'quarantine', agent }], sends: [] };
  }
  const recorded: Statement = {
    name: 'updateHello',
    agent,
    session: wire.session,
    incarnation: frame.incarnation,
    former: isNew ? [...former, last] : former,
    journalCounter: frame.journal_counter,
  };
  const rows = new Map(db.row === null ? [] : [[db.row.id, db.row]]);
  const decision = decideHello({ agent, store: db.incarnation, named: frame.runs, rows });
  return {
    statements: [recorded, ...decision.actions.flatMap((action) => onHello(reading, frame, action))],
    sends: to(
      wire,
      {
        type: 'welcome',
        session: wire.session,
        agent: { id: agent, name: agent },
        organization: 'o',
        project: 'p',
        now: 0,
        heartbeat_ms: 1,
        unknown_groups: [],
        known_groups: ['g'],
        intent_keys: { keys: [] } as never,
        trust_anchors: [] as never,
        runs: [...decision.welcome],
        store_incarnation: db.incarnation,
        earlier_incarnations: [...db.earlier],
      } as ServerFrame,
      ...decision.frames,
    ),
    seat: wireName(wire),
  };
}

/** reconcile.ts `carryOut` */
function onHello(
  { db, wire, rules }: Reading,
  hello: Frame<'hello'>,
  action: HelloAction,
): readonly Statement[] {
  const { agent } = wire;
  const { attempt, state, store_incarnation: of, excluded_agents: excluded } = action.run;
  const guard = session(wire);
  switch (action.kind) {
    case 'lapse':
      return of === db.incarnation ? [guard, { name: 'requeue', attempt, excluded }] : [];
    case 'interrupt':
      if (of !== db.incarnation) return [];
      // Without rule 3 the run would be given to somebody else.
      if (!rules.holds('unknown-is-indeterminate'))
        return [guard, { name: 'conclude', attempt, from: state, to: 'queued' }];
      return [guard, { name: 'conclude', attempt, from: state, to: required(state, 'interrupt') }];
    case 'adopt': {
      const adopted: Statement = { name: 'adopt', attempt, agent, store: db.incarnation };
      const { lostUpTo: seq } = action;
      return seq === null ? [guard, adopted] : [guard, adopted, { name: 'skip', attempt, agent, seq }];
    }
    case 'catch_up':
      required(state, 'accept');
      return [
        guard,
        { name: 'accept', attempt, agent, incarnation: hello.incarnation },
        { name: 'adopt', attempt, agent, store: db.incarnation },
      ];
  }
}

/** A transition that the conductor takes for granted. */
export function required(state: RunState, trigger: RunTrigger): RunState {
  const next = nextState(state, trigger);
  if (next === null) throw new Error(`a run that is ${state} has no way by ${trigger}`);
  return next;
}

/** accept.ts `acceptRun` */
function accept(reading: Reading, frame: Frame<'accept'>): Omit<Unit, 'cause'> {
  const { wire } = reading;
  const { attempt, incarnation } = frame;
  const found = standing(reading, attempt);
  if (found.kind !== 'mine') return answerOutsider(reading, attempt, found.kind);
  const { run } = found;
  const { agent } = wire;
  if (isInDoubt(run, reading.db.incarnation)) return answerOutsider(reading, attempt, 'stale');
  const go = to(wire, { type: 'go', run: runId, attempt, incarnation });
  if (run.state === 'offered') {
    required(run.state, 'accept');
    return { statements: [session(wire), { name: 'accept', attempt, agent, incarnation }], sends: go };
  }
  if (isFinal(run.state) || run.cancel_requested_at !== null)
    return { ...idle, sends: to(wire, stop(attempt)) };
  if (run.agent_incarnation === incarnation) return { ...idle, sends: go };
  return { statements: [session(wire), { name: 'inherit', attempt, agent, incarnation }], sends: go };
}

const transient: ReadonlySet<string> = new Set(['busy', 'cannot_open', 'draining', 'disk_full']);

/** refuse.ts `refuseRun` */
function refuse(reading: Reading, frame: Frame<'refuse'>): Omit<Unit, 'cause'> {
  const { wire, rules } = reading;
  const { attempt, code } = frame;
  const found = standing(reading, attempt);
  if (found.kind !== 'mine') return answerOutsider(reading, attempt, found.kind);
  const { run } = found;
  const { agent } = wire;
  const seq = run.last_wire_seq;
  const ack = to(wire, { type: 'ack', run: runId, attempt, seq, ended: true, pruned: false });
  if (run.state === 'offered') {
    const isTransient = transient.has(code) && rules.holds('transient-requeues');
    required(run.state, isTransient ? 'refuse_transient' : 'refuse_final');
    const excluded = leaveOut(run.excluded_agents, { agent, attempt, now: 0 });
    const statement: Statement = isTransient
      ? { name: 'requeue', attempt, excluded }
      : { name: 'conclude', attempt, from: run.state, to: 'refused' };
    return { statements: [session(wire), statement], sends: [] };
  }
  if (isFinal(run.state)) return { ...idle, sends: ack };
  const end: Statement = { name: 'end', attempt, agent, expected: seq, seq, to: required(run.state, 'fail') };
  return { statements: [session(wire), end], sends: ack };
}

/** progress.ts `storeReports` and complete.ts `completeRun` */
function report(reading: Reading, frame: Frame<'output'> | Frame<'end'>): Omit<Unit, 'cause'> {
  const { wire, rules } = reading;
  const { attempt } = frame;
  const found = standing(reading, attempt);
  if (found.kind !== 'mine') return answerOutsider(reading, attempt, found.kind);
  const { run } = found;
  const stored = run.last_wire_seq;
  const ack = (seq: number, ended: boolean): Unit['sends'] =>
    to(wire, { type: 'ack', run: runId, attempt, seq, ended, pruned: false });
  if (run.state === 'offered') return { ...idle, accused: wireName(wire) };
  if (isFinal(run.state) && run.state !== 'indeterminate') return { ...idle, sends: ack(stored, true) };
  if (frame.type === 'end') {
    const isComplete = frame.outcome.truncated || stored >= frame.last_seq;
    if (isComplete || !rules.holds('complete-end'))
      return complete(reading, run as Row, frame, ack(frame.last_seq, true));
    return { ...idle, sends: ack(stored, false), closes: wireName(wire) };
  }
  const { last, gap } = freshReports([frame], stored);
  if (gap) return { ...idle, sends: ack(stored, false), closes: wireName(wire) };
  if (last === stored) return { ...idle, sends: ack(stored, false) };
  const { agent } = wire;
  return {
    statements: [session(wire), { name: 'report', attempt, agent, expected: stored, seq: last }],
    sends: ack(last, false),
  };
}

/** complete.ts `completeRun` with its `verdictOf` */
function complete(
  { db, wire, rules }: Reading,
  row: Row,
  { attempt, last_seq, outcome }: Pick<Frame<'end'>, 'attempt' | 'last_seq' | 'outcome'>,
  sends: Unit['sends'],
): Omit<Unit, 'cause'> {
  const { agent } = wire;
  const seq = Math.max(last_seq, row.last_wire_seq);
  const reporting = { attempt: row.attempt, agent, expected: row.last_wire_seq, seq };
  const guard = session(wire);
  const trigger = triggerOf(outcome.result);
  if (row.state === 'indeterminate') {
    const state = row.settled === 0 ? nextState(row.state, trigger) : null;
    const statement: Statement =
      state === null ? { name: 'evidence', ...reporting } : { name: 'settle', ...reporting, to: state };
    return { statements: [guard, statement], sends };
  }
  if (outcome.result === 'interrupted' && mayRetry(db, row, rules)) {
    required(row.state, 'retry');
    return {
      statements: [guard, { name: 'report', ...reporting }, { name: 'retry', attempt, agent }],
      sends,
    };
  }
  const end = nextState(row.state, trigger);
  return end === null ? idle : { statements: [guard, { name: 'end', ...reporting, to: end }], sends };
}

/** rebuild.ts `askForLost` */
function askForLost({ db, wire }: Reading, { runs }: Frame<'past'>): Omit<Unit, 'cause'> {
  const facts = { agent: wire.agent, store: db.incarnation, row: db.row ?? undefined };
  const lost = runs.filter((named) => !isPruned(db) && isLost(named, facts));
  return { ...idle, sends: to(wire, { type: 'show', runs: lost }) };
}

function isPruned(db: Db): boolean {
  return db.tombstone;
}

const issuedAt = 1_800_000_000_000;

/** The signed word of the server, as an agent keeps it; only its payload is looked at here. */
export function intentText(of: {
  readonly attempt: number;
  readonly agent: AgentName;
  readonly store: string;
}): string {
  const payload = JSON.stringify({ store_incarnation: of.store, attempt: of.attempt, agent: of.agent });
  return `e.${Buffer.from(payload).toString('base64url')}.s`;
}

function intentOf(text: string): Intent {
  const [, payload = ''] = text.split('.');
  const { store_incarnation, attempt, agent } = JSON.parse(
    Buffer.from(payload, 'base64url').toString(),
  ) as Pick<Intent, 'store_incarnation' | 'attempt' | 'agent'>;
  return {
    run: runId,
    attempt,
    agent,
    organization: 'o',
    project: 'p',
    group: 'g',
    operation: 'deploy',
    action: { id: 'a', name: 'deploy' },
    definition_digest: 'd',
    inputs_digest: 'i',
    requested_by: { id: 'u', name: 'u' },
    approvals: [],
    store_incarnation,
    issued_at: issuedAt,
    not_after: issuedAt,
  };
}

/** rebuild.ts `rebuildRun` */
function rebuild(reading: Reading, shown: ShownFrame): Omit<Unit, 'cause'> {
  const { db, wire } = reading;
  const { run, attempt } = shown;
  const decision = decideShown({
    shown,
    intent: intentOf(shown.intent),
    agent: { id: wire.agent, organization: 'o', project: 'p' },
    store: db.incarnation,
    earlier: new Set(db.earlier),
    row: db.row ?? undefined,
    isPruned: isPruned(db),
    now: issuedAt,
  });
  switch (decision.kind) {
    case 'refuse':
      return { ...idle, accused: wireName(wire) };
    case 'stale':
      return { ...idle, sends: to(wire, { type: 'stale', run, attempt }) };
    case 'pruned':
      return { ...idle, sends: to(wire, { type: 'ack', run, attempt, seq: 0, ended: true, pruned: true }) };
    case 'known':
      return { ...idle, sends: answerShown(wire, shown, decision.row.state, decision.row.last_wire_seq) };
    case 'end': {
      const { acked_seq: last_seq, outcome } = shown;
      if (outcome === null) throw new Error('a run ends with an outcome');
      const ack: ServerFrame = { type: 'ack', run, attempt, seq: last_seq, ended: true, pruned: false };
      return complete(reading, decision.row as Row, { attempt, last_seq, outcome }, to(wire, ack));
    }
    case 'insert':
    case 'advance':
      return write(reading, shown, decision);
  }
}

/** rebuild.ts `write` */
function write(
  { db, wire }: Reading,
  shown: ShownFrame,
  decision: Extract<ReturnType<typeof decideShown>, { kind: 'insert' | 'advance' }>,
): Omit<Unit, 'cause'> {
  const { agent } = wire;
  const incarnation = db.agents[agent].incarnation ?? '';
  const { attempt, acked_seq: seq } = shown;
  const told = { attempt, agent, incarnation, store: db.incarnation, to: decision.to, seq };
  const sends = answerShown(wire, shown, decision.to, seq);
  if (decision.kind === 'insert')
    return { statements: [session(wire), { name: 'insertLost', ...told }], sends };
  const { state: from, attempt: fromAttempt } = decision.row;
  const settled = from === 'indeterminate' && decision.to !== 'indeterminate' ? 1 : 0;
  return { statements: [session(wire), { name: 'advance', ...told, from, fromAttempt, settled }], sends };
}

/** rebuild.ts `answer` */
function answerShown(wire: Wire, shown: ShownFrame, rowState: RunState, seq: number): Unit['sends'] {
  const { run, attempt, outcome, state } = shown;
  if (outcome !== null || (rowState !== 'running' && rowState !== 'indeterminate')) {
    return to(wire, { type: 'ack', run, attempt, seq, ended: true, pruned: false });
  }
  if (state === 'accepted') return to(wire, { type: 'stale', run, attempt });
  return to(wire, { type: 'rebuilt', run, attempt, have_seq: seq });
}

/** Stores a unit and sends what follows; where a guard fails, closes the connection or decides again. */
export function commit(world: World, unit: Unit, rules: Rules, tries = 1): World {
  const { db, failed } = applyUnit(world.db, unit.statements, rules);
  if (failed === null) return afterCommit({ ...world, db }, unit);
  const wire = unit.cause === null ? undefined : wireOf(world, unit.cause.wire);
  if (wire === undefined || unit.cause === null) return world;
  const isSession = failed === 'session' || failed === 'updateHello';
  if (isSession) return close(quarantineIfBack(world, wire, unit, rules), wire, fateOf(world.db, wire));
  // As a lane gives up: the connection ends, and the agent says it again on the next one.
  if (tries >= 3) return close(world, wire, null);
  return commit(world, decideFrame({ db: world.db, wire, rules }, unit.cause.frame), rules, tries + 1);
}

/** record-hello.ts `sessionFailure`: a journal that went back puts its agent aside. */
function quarantineIfBack(world: World, wire: Wire, unit: Unit, rules: Rules): World {
  const hello = unit.statements.find((statement) => statement.name === 'updateHello');
  const row = world.db.agents[wire.agent];
  if (hello === undefined || row.session !== wire.session || row.journalCounter <= hello.journalCounter)
    return world;
  const { db } = applyUnit(world.db, [{ name: 'quarantine', agent: wire.agent }], rules);
  return { ...world, db };
}

function fateOf(db: Db, { agent }: Wire): 'agent_revoked' | 'quarantined' | null {
  const { status } = db.agents[agent];
  return status === 'active' ? null : status === 'revoked' ? 'agent_revoked' : 'quarantined';
}

/** The server ends a connection; its last word may still be on the way. */
export function close(world: World, wire: Wire, fate: 'agent_revoked' | 'quarantined' | null): World {
  const now = wireOf(world, wireName(wire));
  if (now === undefined) return world;
  return withWire(world, wireName(wire), {
    serverOpen: false,
    seat: false,
    up: [],
    down: now.clientOpen ? [...now.down, { type: 'closed', fate }] : [],
  });
}

export function afterCommit(world: World, unit: Unit): World {
  let next = sendAll(world, unit);
  if (unit.seat !== undefined) next = withWire(next, unit.seat, { greeted: true, seat: true });
  const accused = unit.accused === undefined ? undefined : wireOf(next, unit.accused);
  const closed = unit.closes === undefined ? undefined : wireOf(next, unit.closes);
  if (closed !== undefined) next = close(next, closed, null);
  if (accused === undefined) return next;
  // On a connection that lost something this is how the server notices.
  if (accused.broken) return close(next, accused, null);
  const told = broken(
    next,
    `${accused.process}, an honest agent, is accused: ${unit.cause?.frame.type ?? ''}`,
  );
  return close(told, accused, null);
}

export function sendAll(world: World, { sends }: Pick<Unit, 'sends'>): World {
  let next = world;
  for (const { wire: name, frame } of sends) {
    const wire = wireOf(next, name);
    if (wire === undefined || !wire.serverOpen || !wire.clientOpen) continue;
    next = withWire(next, name, { down: [...wire.down, frame] });
  }
  return next;
}

/** claim.ts: an offer over one seat, by what is read now; null where there is nothing to offer. */
export function decideOffer(world: World, wire: Wire, rules: Rules): Unit | null {
  const { db } = world;
  const { row } = db;
  const { agent } = wire;
  if (row === null || row.state !== 'queued') return null;
  if (row.store_incarnation !== db.incarnation || isLeftOut(row.excluded_agents, agent)) return null;
  if (!db.authority && rules.holds('authority-at-claim')) return null;
  required(row.state, 'offer');
  const { attempt } = row;
  const store = db.incarnation;
  const next = attempt + 1;
  return {
    statements: [
      ...(rules.holds('authority-at-claim') ? [{ name: 'policy', authority: db.authority } as const] : []),
      { name: 'offer', attempt, agent, session: wire.session, store },
    ],
    sends: to(wire, {
      type: 'offer',
      run: runId,
      attempt: next,
      intent: intentText({ attempt: next, agent, store }),
      inputs: {} as never,
    }),
    cause: null,
  };
}

/** claim.ts `offerAll`: what was not offered is not sent. */
export function commitOffer(world: World, unit: Unit, rules: Rules): World {
  const { db, failed } = applyUnit(world.db, unit.statements, rules);
  return failed !== null || db === world.db ? world : afterCommit({ ...world, db }, unit);
}

/** The frame that tells the run's agent to stop, over every connection that it may be on; cancel.ts `tellCancel`. */
export function stopFrames(world: World, reason: 'requested' | 'timeout', of = world.db.row): Unit['sends'] {
  if (of === null || of.agent === null) return [];
  const { agent, attempt } = of;
  return world.wires
    .filter(
      (wire) => wire.agent === agent && wire.seat && wire.session === world.db.agents[wire.agent].session,
    )
    .flatMap((wire) => to(wire, stop(attempt, reason)));
}
