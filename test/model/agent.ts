// The steps of an agent: its real decider is told what happened, and what it asks for is done as `agent/work.ts` does
// it, on a disk and a wire of the model.
import { decide } from '../../agent/decide.ts';
import { emptyOutcome } from '../../agent/decide/end.ts';
import { runKey } from '../../agent/journal-records.ts';
import type { JournalRecord } from '../../agent/journal-records.ts';
import { showableRuns, showInHand, storeIncarnationOf } from '../../agent/recall.ts';
import { interruptedOutcome, workRunOf } from '../../agent/recover.ts';
import { initialState } from '../../agent/work-state.ts';
import type { Effect, Moment, VerifiedAction, WorkEvent } from '../../agent/work-state.ts';
import type { AgentFrame } from '../../protocol/frames.ts';
import type { Outcome } from '../../protocol/outcome.ts';
import type { OutcomeResult } from '../../protocol/states.ts';
import type { Rules } from './rules.ts';
import { broken, foldOf, processOf, run as runId, withProcess, withWire, wireName } from './state.ts';
import type { DownFrame, Folder, MachineName, Process, Stream, Wire, World } from './state.ts';

/** What a scope says of agents. */
export interface AgentSettings {
  readonly rules: Rules;
  readonly idempotent: boolean;
  /** Every run writes one line of output before it ends. */
  readonly output: boolean;
  /** Records wait for the disk, so that things happen meanwhile. */
  readonly slowDisk: boolean;
}

type Untimed = WorkEvent extends infer Event ? (Event extends WorkEvent ? Omit<Event, 'at'> : never) : never;

const advertisement = { groups: ['g'], definitions: [], loadErrors: [] };
const longMs = 24 * 3_600_000;
const timeoutMs = 60_000;
const none = { lastHour: 0, last: null };

/** Without rule 7 the clock stands still while the machine is suspended. */
function momentOf(world: World, rules: Rules): Moment {
  const passed = rules.holds('boot-time') ? world.db.now * longMs : 0;
  return { boot: 1_000_000 + passed, now: 1_800_000_000_000 + passed };
}

/** Tells the decider of one event, and of what follows from it in the same moment. */
export function tell(world: World, id: string, happening: Untimed, settings: AgentSettings): World {
  const waiting: Untimed[] = [happening];
  let next = world;
  for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) {
    const process = processOf(next, id);
    if (process === undefined) return next;
    const at = momentOf(next, settings.rules);
    const { state, effects } = decide(process.work, { ...event, at } as WorkEvent);
    next = withProcess(next, id, { work: state });
    for (const effect of effects) next = carryOut(next, id, effect, { settings, waiting });
  }
  return next;
}

interface Doing {
  readonly settings: AgentSettings;
  readonly waiting: Untimed[];
}

function carryOut(world: World, id: string, effect: Effect, doing: Doing): World {
  switch (effect.type) {
    case 'hello':
      return hello(world, id, effect);
    case 'send':
      return effect.frame.type === 'accept' || effect.frame.type === 'refuse'
        ? send(world, id, effect.frame)
        : world;
    case 'close':
      return broken(world, `${id}, an honest agent, is told what breaks the protocol: ${effect.reason}`);
    case 'verify':
      doing.waiting.push(verified(effect.key, doing.settings));
      return world;
    case 'journal':
      return journal(world, id, effect, doing);
    case 'forget':
      return forget(world, id, effect);
    case 'execute':
      return execute(world, id, effect.key, doing.settings);
    case 'stop': {
      const process = known(world, id);
      if (!process.executing.has(effect.key)) return world;
      const executing = new Map(process.executing).set(effect.key, effect.order.reason);
      return withProcess(world, id, { executing });
    }
    case 'show':
      return show(world, id, effect.runs);
    case 'recall':
      return recall(world, id, effect);
    case 'attach':
      return attach(world, id, effect.key, effect.haveSeq);
    case 'detach':
      return withProcess(world, id, { streams: detached(known(world, id).streams) });
    case 'acknowledge':
      return onStream(world, id, effect.key, (stream) => ({ acked: Math.max(stream.acked, effect.seq) }));
    case 'report':
      return pump(
        onStream(world, id, effect.key, (stream) => ({ end: stream.end ?? effect.outcome })),
        id,
        effect.key,
      );
    case 'report_again':
      return pump(
        onStream(world, id, effect.key, () => ({ sent: false })),
        id,
        effect.key,
      );
    case 'leave':
      return die(world, id);
    case 'renew':
    case 'probe':
    case 'note':
      return world;
  }
}

function known(world: World, id: string): Process {
  const process = processOf(world, id);
  if (process === undefined) throw new Error(`no process ${id}`);
  return process;
}

function verified(key: string, { idempotent }: AgentSettings): Untimed {
  const action: VerifiedAction = {
    action: 'g/deploy',
    digest: 'd',
    idempotent,
    timeoutMs,
    concurrency: null,
    limits: {},
    agentLimits: {},
  };
  return { type: 'verified', key, action, actionStarts: none, allStarts: none };
}

function hello(world: World, id: string, { connection, runs }: Extract<Effect, { type: 'hello' }>): World {
  const process = known(world, id);
  const folder = folderOf(world, process.machine);
  const frame = {
    type: 'hello',
    protocol: 1,
    version: '',
    incarnation: id,
    // Of what is on the disk (journal.ts `counter`).
    journal_counter: folder.flushed + folder.started,
    concurrency: 1,
    now: 0,
    shares_user: false,
    runs: runs.flatMap(({ key, state }) => {
      const of = process.work.runs.get(key);
      if (of === undefined) return [];
      const stream = process.streams.get(key);
      const last_seq = stream?.lastSeq ?? of.lastSeq;
      return [{ run: of.run, attempt: of.attempt, state, last_seq, acked_seq: stream?.acked ?? last_seq }];
    }),
    groups: [],
    definitions: [],
    load_errors: [],
  } satisfies AgentFrame;
  const wire = world.wires.find((candidate) => candidate.process === id && candidate.session === connection);
  return wire === undefined ? world : withWire(world, wireName(wire), { up: [...wire.up, frame] });
}

/** The wire that the process speaks on: the current one of its decider. */
function lineOf(world: World, id: string): Wire | undefined {
  const connection = known(world, id).work.session?.connection;
  return world.wires.find((wire) => wire.process === id && wire.session === connection && wire.clientOpen);
}

function send(world: World, id: string, frame: AgentFrame): World {
  const wire = lineOf(world, id);
  if (wire === undefined) return world;
  return withWire(world, wireName(wire), { up: [...wire.up, frame] });
}

export function folderOf(world: World, machine: MachineName): Folder {
  const folder = world.folders[machine];
  if (folder === undefined) throw new Error(`no folder on ${machine}`);
  return folder;
}

export function withFolder(world: World, machine: MachineName, fields: Partial<Folder>): World {
  return { ...world, folders: { ...world.folders, [machine]: { ...folderOf(world, machine), ...fields } } };
}

function journal(
  world: World,
  id: string,
  { key, record }: Extract<Effect, { type: 'journal' }>,
  { settings, waiting }: Doing,
): World {
  if (settings.slowDisk && record.type !== 'ended') {
    return withProcess(world, id, { disk: [...known(world, id).disk, { key, record }] });
  }
  waiting.push({ type: 'journaled', key, record: record.type });
  return write(world, known(world, id).machine, record, settings.rules);
}

/** `accepted` and `past` are only noted; the others take the whole file to the disk (journal.ts). */
function write(world: World, machine: MachineName, record: JournalRecord, rules: Rules): World {
  const { records, flushed } = folderOf(world, machine);
  const next = [...records, record];
  const isNote = record.type === 'accepted' || record.type === 'past' || !rules.holds('flushed-begin');
  return withFolder(world, machine, { records: next, flushed: isNote ? flushed : next.length });
}

/** The oldest record that waits has reached the disk. */
export function written(world: World, id: string, settings: AgentSettings): World {
  const { disk, machine } = known(world, id);
  const [first, ...rest] = disk;
  if (first === undefined) return world;
  const after = write(withProcess(world, id, { disk: rest }), machine, first.record, settings.rules);
  const { key, record } = first;
  if (record.type !== 'accepted' && record.type !== 'begun') return after;
  return tell(after, id, { type: 'journaled', key, record: record.type }, settings);
}

function forget(
  world: World,
  id: string,
  { run, attempt, verdict }: Extract<Effect, { type: 'forget' }>,
): World {
  const process = known(world, id);
  const { records } = folderOf(world, process.machine);
  const past: JournalRecord = { type: 'past', run, attempt, at: 0, verdict };
  const streams = new Map(process.streams);
  streams.delete(runKey({ run, attempt }));
  const after = withProcess(world, id, { streams });
  // What is said twice adds nothing, and would make states differ that are the same.
  if (foldOf(records).past.get(run)?.attempt === attempt) return after;
  return withFolder(after, process.machine, { records: [...records, past] });
}

const noStream: Stream = { attached: false, lastSeq: 0, acked: 0, end: null, sent: false };

function onStream(world: World, id: string, key: string, change: (stream: Stream) => Partial<Stream>): World {
  const process = known(world, id);
  const of = process.work.runs.get(key);
  if (of === undefined) return world;
  const attached = process.work.session?.welcomed === true && !of.muted;
  const stream = process.streams.get(key) ?? { ...noStream, attached };
  return withProcess(world, id, {
    streams: new Map(process.streams).set(key, { ...stream, ...change(stream) }),
  });
}

function detached(streams: ReadonlyMap<string, Stream>): ReadonlyMap<string, Stream> {
  return new Map([...streams].map(([key, stream]) => [key, { ...stream, attached: false }]));
}

function attach(world: World, id: string, key: string, haveSeq: number): World {
  const attached = onStream(world, id, key, (stream) => ({
    attached: true,
    sent: false,
    lastSeq: Math.max(stream.lastSeq, haveSeq),
    acked: Math.max(stream.acked, haveSeq),
  }));
  const stream = known(attached, id).streams.get(key);
  // What was acknowledged is not on the disk any more, and is not sent.
  if (stream === undefined || stream.lastSeq <= Math.max(stream.acked, haveSeq))
    return pump(attached, id, key);
  return pump(send(attached, id, outputFrame(known(attached, id), key)), id, key);
}

function outputFrame(process: Process, key: string): AgentFrame {
  const attempt = process.work.runs.get(key)?.attempt ?? 0;
  return { type: 'output', run: runId, attempt, seq: 1, operation: 'o', stream: 'stdout', bytes: '' };
}

/** The end follows what was put out before it. */
function pump(world: World, id: string, key: string): World {
  const process = known(world, id);
  const stream = process.streams.get(key);
  const of = process.work.runs.get(key);
  if (stream === undefined || of === undefined) return world;
  if (stream.end === null || stream.sent || !stream.attached) return world;
  const { run, attempt } = of;
  const sent = send(world, id, { type: 'end', run, attempt, last_seq: stream.lastSeq, outcome: stream.end });
  return onStream(sent, id, key, () => ({ sent: true }));
}

function execute(world: World, id: string, key: string, { output }: AgentSettings): World {
  const process = known(world, id);
  const attempt = process.work.runs.get(key)?.attempt ?? 0;
  const started: World = {
    ...withProcess(world, id, { executing: new Map(process.executing).set(key, null) }),
    operations: [...world.operations, { attempt, process: id, machine: process.machine, result: 'going' }],
  };
  if (!output) return started;
  const stream = onStream(started, id, key, () => ({ lastSeq: 1 }));
  return known(stream, id).streams.get(key)?.attached === true
    ? send(stream, id, outputFrame(known(stream, id), key))
    : stream;
}

/** Without rule 6 what was accepted begins at once, or what had begun before a crash begins again. */
export function startUnasked(world: World, id: string, key: string, settings: AgentSettings): World {
  const process = known(world, id);
  const of = process.work.runs.get(key);
  if (of === undefined) return world;
  const runs = new Map(process.work.runs).set(key, {
    ...of,
    phase: 'running',
    begun: true,
    inherited: false,
  });
  const begun = write(
    withProcess(world, id, { work: { ...process.work, runs } }),
    process.machine,
    { type: 'begun', run: of.run, attempt: of.attempt, at: 0 },
    settings.rules,
  );
  return execute(begun, id, key, settings);
}

const outcomes = new Map<OutcomeResult, Outcome>();

function outcomeOf(result: OutcomeResult): Outcome {
  const made = outcomes.get(result) ?? emptyOutcome(result, 'internal', 'It ran.');
  outcomes.set(result, made);
  return made;
}

/** An operation ends: as it was told to, or by itself. */
export function finish(
  world: World,
  id: string,
  key: string,
  result: OutcomeResult,
  settings: AgentSettings,
): World {
  const process = known(world, id);
  const executing = new Map(process.executing);
  executing.delete(key);
  const attempt = process.work.runs.get(key)?.attempt ?? 0;
  const isMine = (operation: World['operations'][number]): boolean =>
    operation.process === id && operation.attempt === attempt;
  // Somebody else killed it under this process, which then sees it fail.
  const isKilled = world.operations.some((operation) => isMine(operation) && operation.result === 'killed');
  const seen = isKilled ? 'failed' : result;
  const ended: World = {
    ...withProcess(world, id, { executing }),
    operations: world.operations.map((operation) =>
      isMine(operation) ? { ...operation, result: seen } : operation,
    ),
  };
  const lastSeq = process.streams.get(key)?.lastSeq ?? 0;
  return tell(ended, id, { type: 'executed', key, outcome: outcomeOf(seen), lastSeq }, settings);
}

export function resultAfter(stop: string | null): OutcomeResult {
  if (stop === null) return 'succeeded';
  return stop === 'timeout' || stop === 'deadline' ? 'timed_out' : 'canceled';
}

function show(world: World, id: string, named: Extract<Effect, { type: 'show' }>['runs']): World {
  const process = known(world, id);
  const fold = foldOf(folderOf(world, process.machine).records);
  let next = world;
  for (const attempt of named) {
    const key = runKey(attempt);
    const inHand = process.work.runs.get(key);
    const frame =
      inHand === undefined
        ? showPast(fold, attempt)
        : showInHand(fold, inHand, process.streams.get(key)?.acked ?? inHand.lastSeq);
    if (frame !== null) next = send(next, id, frame);
  }
  return next;
}

/** As `Recall.show`: what the compact log has kept of a run. */
function showPast(
  fold: ReturnType<typeof foldOf>,
  { run, attempt }: { readonly run: string; readonly attempt: number },
): AgentFrame | null {
  const kept = fold.kept.get(run);
  if (kept?.attempt !== attempt) return null;
  const { intent, lastSeq, begunAt, endedAt, outcome } = kept;
  return {
    type: 'shown',
    run,
    attempt,
    intent,
    state: 'ended',
    acked_seq: lastSeq,
    begun_at: begunAt,
    ended_at: endedAt,
    outcome,
  };
}

/** As `Recall.begin`: once for each life of the store. */
function recall(world: World, id: string, { store, earlier }: Extract<Effect, { type: 'recall' }>): World {
  const process = known(world, id);
  if (process.recalled === store) return world;
  const fold = foldOf(folderOf(world, process.machine).records);
  const asked = withProcess(world, id, { recalled: store });
  const kept = fold.kept.get(runId);
  if (kept === undefined || !earlier.includes(storeIncarnationOf(kept.intent) ?? '')) return asked;
  return send(asked, id, { type: 'past', runs: [{ run: runId, attempt: kept.attempt }] });
}

/** A frame of the server, or the end of the connection, reaches the agent. */
export function receive(world: World, wire: Wire, frame: DownFrame, settings: AgentSettings): World {
  const { process: id, session: connection } = wire;
  const process = processOf(world, id);
  if (process === undefined) return world;
  if (frame.type === 'closed') {
    const closed = withWire(world, wireName(wire), { clientOpen: false, down: [] });
    return tell(closed, id, { type: 'closed', connection, fate: frame.fate }, settings);
  }
  const fold = foldOf(folderOf(world, process.machine).records);
  const past = 'run' in frame ? (fold.past.get(frame.run)?.attempt ?? 0) : 0;
  if (frame.type !== 'welcome') return tell(world, id, { type: 'frame', connection, frame, past }, settings);
  const showable = showableRuns(fold, frame.earlier_incarnations ?? []);
  return tell(world, id, { type: 'frame', connection, frame, past, showable }, settings);
}

/** The process is gone; what it executed goes on without it. Its folder and its spool stay. */
export function die(world: World, id: string): World {
  const process = known(world, id);
  const spool = new Map([...process.streams].map(([key, { lastSeq, acked }]) => [key, { lastSeq, acked }]));
  const left = withFolder(world, process.machine, { spool });
  return {
    ...left,
    processes: left.processes.filter((other) => other.id !== id),
    wires: left.wires.map((wire) => (wire.process === id ? { ...wire, clientOpen: false, down: [] } : wire)),
  };
}

/** A new process on the machine: it reads the journal, kills what is left, and says so (recover.ts). */
export function wake(world: World, machine: MachineName, settings: AgentSettings): World {
  const { rules } = settings;
  const folder = folderOf(world, machine);
  const id = `${machine}${folder.started + 1}`;
  // Opening appends a record, which takes the whole file to the disk.
  let next = withFolder(world, machine, { started: folder.started + 1, flushed: folder.records.length });
  const again: string[] = [];
  for (const run of foldOf(folder.records).runs.values()) {
    if (run.state !== 'begun') continue;
    if (!rules.holds('never-by-itself')) {
      again.push(runKey(run));
      continue;
    }
    if (rules.holds('kill-orphans')) next = killed(next, machine);
    next = write(
      next,
      machine,
      {
        type: 'ended',
        run: run.run,
        attempt: run.attempt,
        at: 0,
        outcome: interruptedOutcome(run, []),
        last_seq: folder.spool.get(runKey(run))?.lastSeq ?? 0,
      },
      rules,
    );
  }
  const { records, spool } = folderOf(next, machine);
  const runs = [...foldOf(records).runs.values()].map((run) =>
    workRunOf(run, spool.get(runKey(run))?.lastSeq ?? 0),
  );
  const streams = new Map(
    runs.map((run) => [run.key, { ...noStream, ...spool.get(run.key), end: run.outcome }]),
  );
  const work = initialState({
    incarnation: id,
    concurrency: 1,
    shutdownGraceMs: 0,
    advertisement,
    knownGroups: ['g'],
    runs,
  });
  const process: Process = { id, machine, work, streams, disk: [], executing: new Map(), recalled: null };
  next = { ...next, processes: [...next.processes, process] };
  for (const key of again) next = startUnasked(next, id, key, settings);
  return next;
}

function killed(world: World, machine: MachineName): World {
  return {
    ...world,
    operations: world.operations.map((operation) =>
      operation.machine === machine && operation.result === 'going'
        ? { ...operation, result: 'killed' }
        : operation,
    ),
  };
}

/** The machine is dead: what was only noted is lost, and nothing runs there any more. */
export function powerLoss(world: World, machine: MachineName): World {
  let next = world;
  for (const { id } of world.processes.filter((process) => process.machine === machine)) next = die(next, id);
  const { records, flushed } = folderOf(next, machine);
  return killed(withFolder(next, machine, { records: records.slice(0, flushed), spool: new Map() }), machine);
}
