// The decider against a server that keeps to the protocol, under one seed: messages that are lost with their
// connection, journals that are slow, agents that die between any two steps, cancels and lapses at any time. Whether
// something ran twice is judged by a ledger that only executions write.
import { expect } from 'vitest';
import { decide } from '../../../agent/decide.ts';
import { emptyOutcome } from '../../../agent/decide/end.ts';
import { JournalFold, runKey } from '../../../agent/journal-records.ts';
import type { JournalRecord } from '../../../agent/journal-records.ts';
import { holdsSlot, initialState, newRun } from '../../../agent/work-state.ts';
import type { Effect, WorkEvent, WorkState } from '../../../agent/work-state.ts';
import type { AgentFrame, ServerFrame } from '../../../protocol/frames.ts';
import { isFinal, nextState, triggerOf } from '../../../protocol/states.ts';
import type { RunState } from '../../../protocol/states.ts';
import type { Outcome } from '../../../protocol/outcome.ts';

type Untimed = WorkEvent extends infer Event ? (Event extends WorkEvent ? Omit<Event, 'at'> : never) : never;
type Frame<Type extends AgentFrame['type']> = Extract<AgentFrame, { type: Type }>;
interface Row {
  state: RunState;
  attempt: number;
  owned: boolean;
  cancel: boolean;
  idempotent: boolean;
}
interface Pending {
  readonly kind: 'journal' | 'verify' | 'execute';
  readonly key: string;
  readonly record?: JournalRecord;
  stopped: boolean;
}

const concurrency = 3;
const id = (number: number): string => `0197a0c0-0000-7000-8000-${String(number).padStart(12, '0')}`;

export class World {
  readonly #random: () => number;
  boot = 1_000_000;
  // The server.
  readonly rows = new Map<string, Row>();
  granted = 0;
  sessions = 0;
  // The wire.
  connection: number | null = null;
  toAgent: ServerFrame[] = [];
  toServer: (
    AgentFrame | { type: 'hello'; runs: readonly { run: string; attempt: number; state: string }[] }
  )[] = [];
  // The agent.
  incarnations = 0;
  state: WorkState;
  durable = new JournalFold();
  /** The file of the journal, and how much of it outlives the machine; the rest outlives the process only. */
  file: JournalRecord[] = [];
  flushed = 0;
  pending: Pending[] = [];
  ended = new Map<string, Outcome>();
  reported = new Set<string>();
  attached = false;
  // The truth.
  readonly ledger: string[] = [];
  readonly finished = new Set<string>();

  constructor(random: () => number) {
    this.#random = random;
    this.state = this.#born();
  }

  #born(): WorkState {
    this.incarnations += 1;
    const runs = [...this.durable.runs.values()].map((run) => {
      const interrupted = emptyOutcome('interrupted', 'agent_interrupted', '');
      if (run.state === 'begun') {
        this.#write({
          type: 'ended',
          run: run.run,
          attempt: run.attempt,
          at: 1,
          outcome: interrupted,
          last_seq: 0,
        });
      }
      const outcome = run.state === 'begun' ? interrupted : run.outcome;
      if (outcome !== null) this.ended.set(runKey(run), outcome);
      return newRun({
        key: runKey(run),
        run: run.run,
        attempt: run.attempt,
        phase: outcome === null ? 'waiting' : 'ended',
        inherited: outcome === null,
        begun: run.state !== 'accepted' && run.begunAt !== null,
        idempotent: run.idempotent,
        outcome,
      });
    });
    return initialState({
      incarnation: id(900_000 + this.incarnations),
      concurrency,
      shutdownGraceMs: 1_000,
      advertisement: { groups: [], definitions: [], loadErrors: [] },
      knownGroups: [],
      runs,
    });
  }

  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[Math.floor(this.#random() * items.length)];
  }

  event(event: Untimed): void {
    const at = { boot: this.boot, now: this.boot };
    // Whether the state is given away makes no difference to what is decided.
    const given = this.#random() < 0.5;
    const { state, effects } = decide(this.state, { ...event, at } as WorkEvent, { given });
    this.state = state;
    for (const effect of effects) this.#effect(effect);
    const holding = [...state.runs.values()].filter(holdsSlot).length;
    expect(holding).toBeLessThanOrEqual(concurrency);
  }

  #effect(effect: Effect): void {
    switch (effect.type) {
      case 'hello':
        this.attached = false;
        this.reported.clear();
        this.toServer.push({
          type: 'hello',
          runs: effect.runs.map(({ key, state }) => {
            const [run = '', attempt = '1'] = key.split('/');
            return { run, attempt: Number(attempt), state };
          }),
        });
        return;
      case 'send':
        if (this.connection !== null) this.toServer.push(effect.frame);
        return;
      case 'verify':
        this.pending.push({ kind: 'verify', key: effect.key, stopped: false });
        return;
      case 'journal':
        this.pending.push({ kind: 'journal', key: effect.key, record: effect.record, stopped: false });
        return;
      case 'forget': {
        const { run, attempt, verdict } = effect;
        this.pending.push({
          kind: 'journal',
          key: '',
          record: { type: 'past', run, attempt, at: this.boot, verdict },
          stopped: false,
        });
        return;
      }
      case 'execute': {
        // The one thing that must never happen twice, and never without the server's word.
        const [run = '', attempt = ''] = effect.key.split('/');
        const row = this.rows.get(run);
        expect(this.durable.runs.get(effect.key)?.state).toBe('begun');
        expect(row?.attempt).toBe(Number(attempt));
        expect(row?.state === 'running' || row?.state === 'indeterminate').toBe(true);
        this.ledger.push(effect.key);
        this.pending.push({ kind: 'execute', key: effect.key, stopped: false });
        return;
      }
      case 'stop':
        for (const each of this.pending)
          if (each.kind === 'execute' && each.key === effect.key) each.stopped = true;
        return;
      case 'attach':
        this.attached = true;
        this.#report(effect.key);
        return;
      case 'report':
        expect(this.durable.runs.get(effect.key)?.state).toBe('ended');
        this.ended.set(effect.key, effect.outcome);
        this.#report(effect.key);
        return;
      case 'report_again':
        this.reported.delete(effect.key);
        this.#report(effect.key);
        return;
      default:
    }
  }

  /** The stream: sends the end in the session, once. */
  #report(key: string): void {
    const outcome = this.ended.get(key);
    if (outcome === undefined || this.reported.has(key) || this.state.session?.welcomed !== true) return;
    if (this.connection === null) return;
    this.reported.add(key);
    const [run = '', attempt = '1'] = key.split('/');
    this.toServer.push({ type: 'end', run, attempt: Number(attempt), last_seq: 0, outcome });
  }

  // What can happen next.
  connect(): void {
    if (this.connection !== null) return;
    this.sessions += 1;
    this.connection = this.sessions;
    this.toAgent = [];
    this.toServer = [];
    this.granted = 0;
    this.event({ type: 'opened', connection: this.connection });
  }

  cut(): void {
    if (this.connection === null) return;
    const connection = this.connection;
    this.connection = null;
    this.granted = 0;
    this.toAgent = [];
    this.toServer = [];
    this.event({ type: 'closed', connection, fate: null });
  }

  crash(): void {
    this.connection = null;
    this.granted = 0;
    this.toAgent = [];
    this.toServer = [];
    // A random part of what was on its way to the disk is there, in order.
    const journal = this.pending.filter(({ kind }) => kind === 'journal');
    for (const { record } of journal.slice(0, Math.floor(this.#random() * (journal.length + 1)))) {
      if (record !== undefined) this.#write(record);
    }
    if (this.#random() < 0.5) this.#losePower();
    this.pending = [];
    this.ended.clear();
    this.state = this.#born();
  }

  /** As `Work` does: only what nothing may start or be told without is flushed, and takes what is before it along. */
  #write(record: JournalRecord): void {
    this.durable.apply(record);
    this.file.push(record);
    if (record.type === 'begun' || record.type === 'ended') this.flushed = this.file.length;
  }

  /** A random part of what was not flushed is gone, from the end. */
  #losePower(): void {
    const kept = this.flushed + Math.floor(this.#random() * (this.file.length - this.flushed + 1));
    this.file.length = kept;
    this.durable = new JournalFold();
    for (const record of this.file) this.durable.apply(record);
  }

  work(kind: Pending['kind']): void {
    const index = this.pending.findIndex((each) => each.kind === kind);
    const [done] = index === -1 ? [] : this.pending.splice(index, 1);
    if (done === undefined) return;
    if (done.kind === 'verify') {
      const none = { lastHour: 0, last: null };
      const limits = { concurrency: null, limits: {}, agentLimits: {} };
      const idempotent = this.rows.get(done.key.split('/')[0] ?? '')?.idempotent === true;
      const action = { action: 'g/a', digest: '', idempotent, timeoutMs: 3_600_000, ...limits };
      return this.event({ type: 'verified', key: done.key, action, actionStarts: none, allStarts: none });
    }
    if (done.kind === 'execute') {
      if (!done.stopped) this.finished.add(done.key);
      const outcome = emptyOutcome(done.stopped ? 'canceled' : 'succeeded', 'canceled', '');
      return this.event({ type: 'executed', key: done.key, outcome, lastSeq: 0 });
    }
    const { record } = done;
    if (record === undefined) return;
    this.#write(record);
    if (record.type === 'accepted' || record.type === 'begun' || record.type === 'ended') {
      this.event({ type: 'journaled', key: done.key, record: record.type });
    }
  }

  request(): void {
    if (this.rows.size > 12) return;
    const idempotent = this.#random() < 0.3;
    this.rows.set(id(this.rows.size + 1), {
      state: 'queued',
      attempt: 0,
      owned: false,
      cancel: false,
      idempotent,
    });
  }

  dispatch(): void {
    if (this.connection === null || this.granted === 0) return;
    const found = this.pick([...this.rows].filter(([, row]) => row.state === 'queued'));
    if (found === undefined) return;
    const [run, row] = found;
    Object.assign(row, { state: 'offered', attempt: row.attempt + 1, owned: true });
    this.granted -= 1;
    this.toAgent.push({ type: 'offer', run, attempt: row.attempt, intent: '', inputs: {} });
  }

  lapse(): void {
    const found = this.pick([...this.rows].filter(([, row]) => row.state === 'offered'));
    if (found !== undefined) Object.assign(found[1], { state: 'queued', owned: false });
  }

  cancel(): void {
    const found = this.pick([...this.rows].filter(([, row]) => !isFinal(row.state)));
    if (found === undefined) return;
    const [run, row] = found;
    if (row.state !== 'running') row.state = 'canceled';
    else row.cancel = true;
    if (row.owned && this.connection !== null) this.#cancelFrame(run, row);
  }

  #cancelFrame(run: string, row: Row): void {
    this.toAgent.push({ type: 'cancel', run, attempt: row.attempt, reason: 'requested', grace_ms: 0 });
  }

  deliverToAgent(): void {
    const frame = this.toAgent.shift();
    if (frame === undefined || this.connection === null) return;
    const past = 'run' in frame ? (this.durable.past.get(frame.run)?.attempt ?? 0) : 0;
    this.event({ type: 'frame', connection: this.connection, frame, past });
  }

  deliverToServer(): void {
    const frame = this.toServer.shift();
    if (frame === undefined) return;
    if (frame.type === 'hello') return this.#hello(frame.runs);
    if (frame.type === 'poll') this.granted = frame.slots;
    if (frame.type !== 'accept' && frame.type !== 'refuse' && frame.type !== 'end') return;
    const { run, attempt } = frame;
    const row = this.rows.get(run);
    if (row === undefined || row.attempt !== attempt || !row.owned) {
      this.toAgent.push({ type: 'stale', run, attempt });
      return;
    }
    if (frame.type === 'accept') return this.#accept(run, row, frame);
    if (frame.type === 'refuse') {
      this.granted = 0;
      if (row.state === 'offered') Object.assign(row, { state: 'queued', owned: false });
      return;
    }
    this.#end(run, row, frame);
  }

  #hello(named: readonly { run: string; attempt: number; state: string }[]): void {
    const runs = named.map(({ run, attempt }) => {
      const row = this.rows.get(run);
      return { run, attempt, have_seq: 0, known: row?.owned === true && row.attempt === attempt };
    });
    for (const [run, row] of this.rows) {
      const mine = named.some((each) => each.run === run && each.attempt === row.attempt);
      if (!row.owned || mine) continue;
      if (row.state === 'offered') Object.assign(row, { state: 'queued', owned: false });
      if (row.state === 'running') row.state = 'indeterminate';
    }
    this.toAgent.push({
      type: 'welcome',
      session: this.sessions,
      agent: { id: id(1), name: 'a' },
      organization: id(1),
      project: id(1),
      now: 0,
      heartbeat_ms: 1_000,
      unknown_groups: [],
      known_groups: [],
      intent_keys: '',
      runs,
    });
    for (const { run, attempt, state } of named) {
      const row = this.rows.get(run);
      const over = row?.state === 'canceled' && state === 'accepted';
      if (row?.owned === true && row.attempt === attempt && (row.cancel || over) && state !== 'ended') {
        this.#cancelFrame(run, row);
      }
    }
  }

  #accept(run: string, row: Row, frame: Frame<'accept'>): void {
    if (row.state === 'offered') row.state = 'running';
    else if (isFinal(row.state) || row.cancel) return this.#cancelFrame(run, row);
    this.toAgent.push({ type: 'go', run, attempt: frame.attempt, incarnation: frame.incarnation });
  }

  #end(run: string, row: Row, frame: Frame<'end'>): void {
    expect(row.state).not.toBe('offered');
    expect(row.state).not.toBe('queued');
    const { result } = frame.outcome;
    if (row.state === 'running' && result === 'interrupted' && row.idempotent) {
      Object.assign(row, { state: 'queued', owned: false });
    } else row.state = nextState(row.state, triggerOf(result)) ?? row.state;
    this.toAgent.push({ type: 'ack', run, attempt: frame.attempt, seq: 0, ended: true, pruned: false });
  }

  /** No more trouble: everything is delivered and done until nothing moves. */
  settle(): void {
    for (let round = 0; round < 2_000; round += 1) {
      this.connect();
      this.boot += 3_000;
      this.event({ type: 'tick' });
      while (this.toServer.length + this.toAgent.length + this.pending.length > 0) {
        this.deliverToServer();
        this.deliverToAgent();
        for (const kind of ['journal', 'verify', 'execute'] as const) this.work(kind);
      }
      this.dispatch();
      const quiet = this.toAgent.length === 0 && [...this.rows.values()].every((row) => isFinal(row.state));
      if (quiet && this.state.runs.size === 0) return;
    }
    throw new Error(
      `stuck: ${JSON.stringify([...this.rows])} ${JSON.stringify([...this.state.runs.values()])}`,
    );
  }
}

/** Mulberry32: small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const often: readonly ((world: World) => void)[] = [
  (world) => world.deliverToAgent(),
  (world) => world.deliverToServer(),
  (world) => world.work('journal'),
  (world) => world.work('verify'),
  (world) => world.dispatch(),
];
const sometimes: readonly ((world: World) => void)[] = [
  (world) => world.work('execute'),
  (world) => world.request(),
  (world) => world.connect(),
];
const seldom: readonly ((world: World) => void)[] = [
  (world) => world.cut(),
  (world) => world.crash(),
  (world) => world.lapse(),
  (world) => world.cancel(),
  (world) => {
    world.boot += 4_000;
    world.event({ type: 'tick' });
  },
];

/** The world after so many random steps and the quiet after them. */
export function simulate(seed: number, steps: number): World {
  const random = seeded(seed);
  const world = new World(random);
  world.connect();
  for (let step = 0; step < steps; step += 1) {
    const dice = random();
    world.pick(dice < 0.7 ? often : dice < 0.93 ? sometimes : seldom)?.(world);
  }
  world.settle();
  return world;
}
