// Agents with a journal, as rules.md 6 and 13 want them, and a ledger of what really started and ended: the judge of
// what the server says.
import { randomUUIDv7 } from 'node:crypto';
import { expect } from 'vitest';
import type { RunInHand } from '../../../protocol/frames.ts';
import { isFinal } from '../../../protocol/states.ts';
import type { OutcomeResult, RunState } from '../../../protocol/states.ts';
import { releaseRun } from '../../../control-plane/runs/release.ts';
import { outcome, status } from './world.ts';
import type { FakeAgent, FakeConnection, World } from './world.ts';

export interface InHand {
  readonly run: string;
  readonly attempt: number;
  state: 'offered' | 'accepted' | 'begun' | 'ended';
  /** Accepted by a process that is dead: it never begins. */
  inherited: boolean;
  seq: number;
  result: OutcomeResult | null;
}

/** An agent's process with its journal, as rules.md 6 and 13 want it. A copy shares identity and journal. */
export class Process {
  readonly agent: FakeAgent;
  readonly ledger: Ledger;
  incarnation: string = randomUUIDv7();
  connection: FakeConnection | null = null;
  seen = 0;
  journal = new Map<string, InHand>();

  constructor(agent: FakeAgent, ledger: Ledger) {
    this.agent = agent;
    this.ledger = ledger;
  }

  async connect(): Promise<void> {
    // What is only offered is not in the journal.
    for (const [key, entry] of this.journal) if (entry.state === 'offered') this.journal.delete(key);
    const runs: RunInHand[] = [...this.journal.values()].map(({ run, attempt, state, seq, result }) => ({
      run,
      attempt,
      state: result === 'interrupted' ? 'interrupted' : state === 'offered' ? 'accepted' : state,
      last_seq: seq,
    }));
    this.connection = await this.agent.connect({ runs, incarnation: this.incarnation, slots: null });
    this.seen = 0;
    for (const { run, attempt, known, have_seq: have } of this.connection.welcomed) {
      const entry = this.journal.get(`${run} ${attempt}`);
      if (!known && entry?.state !== 'begun') this.journal.delete(`${run} ${attempt}`);
      // What was not acknowledged lies in the spool and is sent again.
      for (let seq = have + 1; known && entry !== undefined && seq <= entry.seq; seq += 1) {
        await this.connection.give(status(entry, seq));
      }
    }
    await this.grant();
    for (const entry of this.journal.values()) {
      if (entry.state === 'accepted') await this.accept(entry);
      if (entry.state === 'ended') await this.sayEnd(entry);
    }
  }

  async grant(): Promise<void> {
    const busy = [...this.journal.values()].filter(({ state }) => state !== 'ended').length;
    await this.connection?.give({ type: 'poll', slots: Math.max(0, this.agent.concurrency - busy) });
  }

  /** Takes the frames that have come, at most so many. */
  async read(count: number): Promise<void> {
    for (let taken = 0; taken < count; taken += 1) {
      const frame = this.connection?.received[this.seen];
      if (frame === undefined) return;
      this.seen += 1;
      switch (frame.type) {
        case 'offer':
          this.journal.set(`${frame.run} ${frame.attempt}`, {
            run: frame.run,
            attempt: frame.attempt,
            state: 'offered',
            inherited: false,
            seq: 0,
            result: null,
          });
          break;
        case 'go': {
          const entry = this.journal.get(`${frame.run} ${frame.attempt}`);
          expect(frame.incarnation).toBe(this.incarnation);
          if (entry?.state !== 'accepted') break;
          if (entry.inherited) {
            await this.end(entry, 'failed');
          } else {
            entry.state = 'begun';
            this.ledger.started(entry);
          }
          break;
        }
        case 'stale': {
          const entry = this.journal.get(`${frame.run} ${frame.attempt}`);
          if (entry !== undefined && entry.state !== 'begun')
            this.journal.delete(`${frame.run} ${frame.attempt}`);
          break;
        }
        case 'cancel': {
          const entry = this.journal.get(`${frame.run} ${frame.attempt}`);
          if (entry?.state === 'offered') this.journal.delete(`${frame.run} ${frame.attempt}`);
          else if (entry?.state === 'accepted') await this.end(entry, 'canceled');
          else if (entry?.state === 'begun')
            await this.end(entry, frame.reason === 'timeout' ? 'timed_out' : 'canceled');
          break;
        }
        case 'ack':
          if (frame.ended) this.journal.delete(`${frame.run} ${frame.attempt}`);
          break;
        case 'closed':
          this.connection = null;
          return;
        default:
      }
    }
  }

  pick(states: readonly InHand['state'][], index: number): InHand | undefined {
    const entries = [...this.journal.values()].filter(({ state }) => states.includes(state));
    return entries[index % Math.max(1, entries.length)];
  }

  async accept(entry: InHand): Promise<void> {
    entry.state = 'accepted';
    const { run, attempt } = entry;
    await this.connection?.give({ type: 'accept', run, attempt, incarnation: this.incarnation });
  }

  async end(entry: InHand, result: OutcomeResult): Promise<void> {
    entry.state = 'ended';
    entry.result = result;
    this.ledger.ended(entry, result);
    await this.sayEnd(entry);
    await this.grant();
  }

  async sayEnd({ run, attempt, seq, result }: InHand): Promise<void> {
    const truncated = result === 'interrupted';
    if (result !== null) {
      await this.connection?.give({
        type: 'end',
        run,
        attempt,
        last_seq: seq,
        outcome: outcome(result, { truncated }),
      });
    }
  }

  /** The process dies and another one reads its journal. */
  restart(): void {
    this.connection = null;
    this.incarnation = randomUUIDv7();
    for (const [key, entry] of this.journal) {
      if (entry.state === 'offered') this.journal.delete(key);
      else if (entry.state === 'accepted') entry.inherited = true;
      else if (entry.state === 'begun') {
        entry.state = 'ended';
        entry.result = 'interrupted';
        this.ledger.interrupted(entry);
      }
    }
  }

  /** Somebody copies the state folder and starts another agent from it. */
  copy(): Process {
    const copied = new Process(this.agent, this.ledger);
    copied.journal = new Map([...this.journal].map(([key, entry]) => [key, { ...entry }]));
    copied.restart();
    return copied;
  }
}

/** What really happened, written down by those to whom it happened. */
export class Ledger {
  readonly starts: { readonly run: string; readonly attempt: number }[] = [];
  readonly interruptions = new Set<string>();
  readonly canceledBeforeStart = new Set<string>();
  readonly violations: string[] = [];
  readonly idempotent = new Set<string>();
  /** What was journaled of each attempt. */
  readonly ends = new Map<string, Set<string>>();

  started({ run, attempt }: InHand): void {
    if (this.canceledBeforeStart.has(run)) this.violations.push(`${run} started after it was canceled`);
    const before = this.starts.filter((start) => start.run === run);
    for (const start of before) {
      if (start.attempt === attempt) this.violations.push(`${run} attempt ${attempt} started twice`);
      else if (!this.idempotent.has(run)) this.violations.push(`${run} started again though not idempotent`);
      else if (!this.interruptions.has(`${run} ${start.attempt}`)) {
        this.violations.push(`${run} started again while attempt ${start.attempt} went on`);
      }
    }
    this.starts.push({ run, attempt });
  }

  ended({ run, attempt }: InHand, result: OutcomeResult): void {
    const key = `${run} ${attempt}`;
    this.ends.set(key, (this.ends.get(key) ?? new Set()).add(result));
  }

  /** A verdict that an agent must have given is one that it did give. */
  isTrue(run: string, attempt: number, state: RunState): boolean {
    const mustHaveEnded = ['succeeded', 'failed', 'timed_out'].includes(state);
    return !mustHaveEnded || this.ends.get(`${run} ${attempt}`)?.has(state) === true;
  }

  interrupted({ run, attempt }: InHand): void {
    this.interruptions.add(`${run} ${attempt}`);
  }
}

/** However it went, when everybody comes back every run ends. */
export async function drain(real: {
  readonly world: World;
  readonly processes: readonly Process[];
  readonly runs: readonly string[];
}): Promise<void> {
  const agents = new Set(real.processes.map(({ agent }) => agent));
  for (const process of real.processes) await process.connection?.disconnect();
  const survivors = [...agents].map((agent) => real.processes.find((process) => process.agent === agent)!);
  for (const process of survivors) await process.connect();
  for (let round = 0; round < 60; round += 1) {
    for (const process of survivors) {
      if (process.connection === null) await process.connect();
      await process.read(1_000);
      for (const entry of [...process.journal.values()]) {
        if (entry.state === 'offered') await process.accept(entry);
        else if (entry.state === 'begun') await process.end(entry, 'succeeded');
      }
      await process.grant();
    }
    const states = await Promise.all(real.runs.map((run) => real.world.state(run)));
    if (states.every(isFinal)) return;
    for (const [index, run] of real.runs.entries()) {
      if (states[index] !== 'indeterminate') continue;
      const wish = { actor: real.world.actor(), run, reason: 'seen' };
      await releaseRun(real.world.parts, wish).catch(() => undefined);
    }
    real.world.now += 61_000 * (round + 1);
    await real.world.runs.sweep(0);
    await real.world.runs.idle();
  }
  expect.fail(`stuck: ${JSON.stringify(await Promise.all(real.runs.map((run) => real.world.facts(run))))}`);
}
