// Random interleavings of everything that can happen to runs: presses, offers, refusals, lapses, ends, cancels,
// reconnects, late frames, agents that restart, a copied agent, crashes of the server. Whatever the order, what the
// rules promise must hold. The seed is printed by fast-check when a property fails.
import fc from 'fast-check';
import { randomUUIDv7 } from 'node:crypto';
import { expect, it } from 'vitest';
import type { RunInHand } from '../../../protocol/frames.ts';
import { leaseMs, lostAgentGraceMs } from '../../../protocol/limits.ts';
import { isFinal, nextState, runStates } from '../../../protocol/states.ts';
import type { OutcomeResult, RunState, RunTrigger } from '../../../protocol/states.ts';
import { cancelRun } from '../../../control-plane/runs/cancel.ts';
import { releaseRun } from '../../../control-plane/runs/release.ts';
import { outcome, status, World } from './world.ts';
import type { FakeAgent, FakeConnection } from './world.ts';

const timeoutMs = 100_000;
const runsCount = process.env['WAYSIDE_LONG'] === undefined ? 40 : 1_000;

interface InHand {
  readonly run: string;
  readonly attempt: number;
  state: 'offered' | 'accepted' | 'begun' | 'ended';
  /** Accepted by a process that is dead: it never begins. */
  inherited: boolean;
  seq: number;
  result: OutcomeResult | null;
}

/** An agent's process with its journal, as rules.md 6 and 13 want it. A copy shares identity and journal. */
class Process {
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
    for (const { run, attempt, known } of this.connection.welcomed) {
      const entry = this.journal.get(`${run} ${attempt}`);
      if (!known && entry?.state !== 'begun') this.journal.delete(`${run} ${attempt}`);
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
class Ledger {
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

interface Real {
  readonly world: World;
  readonly actions: Awaited<ReturnType<World['action']>>[];
  readonly processes: Process[];
  readonly older: FakeConnection[];
  readonly runs: string[];
  readonly ledger: Ledger;
}

type Command = fc.AsyncCommand<object, Real>;

function command(name: string, run: (real: Real) => Promise<void>): Command {
  return {
    check: () => true,
    run: async (_, real) => {
      await run(real);
      await real.world.runs.idle();
      await checkInvariants(real);
    },
    toString: () => name,
  };
}

const nat = fc.nat({ max: 5 });
const results: readonly OutcomeResult[] = ['succeeded', 'failed', 'canceled', 'timed_out'];

function processOf(real: Real, index: number): Process {
  return real.processes[index % real.processes.length]!;
}

/** What makes runs go on is far more frequent than what disturbs them, or no sequence would come far. */
function often(times: number, arbitrary: fc.Arbitrary<Command>): fc.Arbitrary<Command>[] {
  return Array.from({ length: times }, () => arbitrary);
}

const work = (agent: number): Command =>
  command(`work at ${agent}`, async (real) => {
    const process = processOf(real, agent);
    await process.read(20);
    for (const entry of [...process.journal.values()]) {
      if (entry.state === 'offered' && process.connection !== null) await process.accept(entry);
    }
    await process.read(20);
    await process.grant();
  });

async function cancel(real: Real, run: string): Promise<void> {
  const started = real.ledger.starts.some((start) => start.run === run);
  const answer = await cancelRun(real.world.parts, {
    actor: real.world.actor(),
    run,
    reason: null,
  }).catch((error: unknown) => {
    expect(error).toMatchObject({ code: 'run_not_cancelable' });
    return null;
  });
  if (answer?.result === 'canceled' && !started) real.ledger.canceledBeforeStart.add(run);
}

async function reborn(real: Real, process: Process): Promise<void> {
  if (process.connection !== null) real.older.push(process.connection);
  process.restart();
  await process.connect();
}

const commands: fc.Arbitrary<Command>[] = [
  ...often(8, nat.map(work)),
  ...often(
    4,
    fc.record({ action: nat, priority: nat }).map(({ action, priority }) =>
      command(`press ${action}/${priority}`, async (real) => {
        const pressed = real.actions[action % real.actions.length]!;
        const run = await real.world.press(pressed, { priority, expires_in_ms: 20 * 24 * 3_600_000 });
        real.runs.push(run.id);
        if (pressed.name.startsWith('again')) real.ledger.idempotent.add(run.id);
      }),
    ),
  ),
  ...[1, 1, 5].map((count) =>
    nat.map((agent) => command(`read ${count} at ${agent}`, (real) => processOf(real, agent).read(count))),
  ),
  fc.tuple(nat, nat).map(([agent, index]) =>
    command(`accept ${index} at ${agent}`, async (real) => {
      const process = processOf(real, agent);
      const entry = process.connection === null ? undefined : process.pick(['offered', 'accepted'], index);
      if (entry !== undefined) await process.accept(entry);
    }),
  ),
  fc.tuple(nat, nat, fc.constantFrom('busy', 'disk_full', 'inputs_rejected')).map(([agent, index, code]) =>
    command(`refuse ${index} at ${agent} ${code}`, async (real) => {
      const process = processOf(real, agent);
      const entry = process.connection === null ? undefined : process.pick(['offered'], index);
      if (entry === undefined) return;
      process.journal.delete(`${entry.run} ${entry.attempt}`);
      const { run, attempt } = entry;
      await process.connection?.give({ type: 'refuse', run, attempt, code, message: '' });
      await process.grant();
    }),
  ),
  fc.tuple(nat, nat, fc.boolean()).map(([agent, index, twice]) =>
    command(`report ${index} at ${agent}`, async (real) => {
      const process = processOf(real, agent);
      const entry = process.connection === null ? undefined : process.pick(['begun'], index);
      if (entry === undefined) return;
      entry.seq += 1;
      const frame = status(entry, entry.seq);
      await process.connection?.give(...(twice ? [frame, frame] : [frame]));
    }),
  ),
  ...often(
    3,
    fc.tuple(nat, nat, fc.constantFrom(...results)).map(([agent, index, result]) =>
      command(`end ${index} at ${agent} ${result}`, async (real) => {
        const process = processOf(real, agent);
        const entry = process.pick(['begun'], index);
        if (entry !== undefined) await process.end(entry, result);
      }),
    ),
  ),
  nat.map((index) =>
    command(`cancel ${index}`, async (real) => {
      const run = real.runs[index % Math.max(1, real.runs.length)];
      if (run !== undefined) await cancel(real, run);
    }),
  ),
  // Both at once: which of them commits first is decided in the store.
  ...often(
    3,
    fc
      .tuple(nat, nat, fc.constantFrom('cancel', 'lapse', 'restart of the agent'))
      .map(([agent, index, what]) =>
        command(`accept ${index} at ${agent} races ${what}`, async (real) => {
          const process = processOf(real, agent);
          await process.read(20);
          const entry = process.pick(['offered'], index);
          const { connection } = process;
          if (entry === undefined || connection === null) return;
          entry.state = 'accepted';
          const { run, attempt } = entry;
          const { incarnation } = process;
          if (what === 'lapse') real.world.now += leaseMs + 1;
          await Promise.all([
            real.world.runs.channel.frame(connection, { type: 'accept', run, attempt, incarnation }),
            what === 'cancel'
              ? cancel(real, run)
              : what === 'lapse'
                ? real.world.runs.sweep()
                : reborn(real, process),
          ]);
        }),
      ),
  ),
  nat.map((index) =>
    command(`release ${index}`, async (real) => {
      const run = real.runs[index % Math.max(1, real.runs.length)];
      if (run === undefined || (await real.world.state(run)) !== 'indeterminate') return;
      await releaseRun(real.world.parts, { actor: real.world.actor(), run, reason: 'seen' }).catch(
        () => undefined,
      );
    }),
  ),
  nat.map((agent) =>
    command(`disconnect ${agent}`, async (real) => {
      const process = processOf(real, agent);
      if (process.connection === null) return;
      real.older.push(process.connection);
      await process.connection.disconnect();
      process.connection = null;
    }),
  ),
  ...often(
    4,
    nat.map((agent) =>
      command(`connect ${agent}`, async (real) => {
        const process = processOf(real, agent);
        // The same identity elsewhere loses its session.
        for (const other of real.processes) {
          if (other.agent === process.agent && other.connection !== null) {
            real.older.push(other.connection);
            other.connection = null;
          }
        }
        await process.connect();
      }),
    ),
  ),
  nat.map((agent) =>
    command(`restart ${agent}`, async (real) => {
      processOf(real, agent).restart();
      await Promise.resolve();
    }),
  ),
  nat.map((agent) =>
    command(`copy ${agent}`, async (real) => {
      if (real.processes.length < 4) real.processes.push(processOf(real, agent).copy());
      await Promise.resolve();
    }),
  ),
  fc.tuple(nat, nat, fc.constantFrom(...results)).map(([older, index, result]) =>
    command(`late frame ${older}/${index}`, async (real) => {
      const connection = real.older[older % Math.max(1, real.older.length)];
      const run = real.runs[index % Math.max(1, real.runs.length)];
      if (connection === undefined || run === undefined) return;
      // Only where a newer session has begun is it a lie that must change nothing.
      if (connection.agent.connection === connection) return;
      // It was on its way when the connection broke: an accept, or an end of what had begun there.
      const offered = connection.offers().find((offer) => offer.run === run);
      if (offered === undefined) return;
      const { attempt } = offered;
      const begun = real.ledger.starts.some((start) => start.run === run && start.attempt === attempt);
      await connection.give(
        begun
          ? { type: 'end', run, attempt, last_seq: 0, outcome: outcome(result) }
          : { type: 'accept', run, attempt, incarnation: randomUUIDv7() },
      );
    }),
  ),
  fc.constant(
    command('lapse', async (real) => {
      real.world.now += leaseMs + 1;
      await real.world.runs.sweep();
    }),
  ),
  fc.constant(
    command('sweep slowly', async (real) => {
      real.world.now += 700_000;
      await real.world.runs.sweep(0);
    }),
  ),
  fc.constant(
    command('long silence', async (real) => {
      real.world.now += timeoutMs + lostAgentGraceMs;
      await real.world.runs.sweep();
    }),
  ),
  fc.constant(
    command('crash', async (real) => {
      await real.world.crash();
      for (const process of real.processes) {
        if (process.connection !== null) process.connection.closed = 'gone';
        process.connection = null;
      }
      real.older.length = 0;
    }),
  ),
];

const triggers: readonly RunTrigger[] = [
  'offer',
  'accept',
  'lapse',
  'refuse_transient',
  'refuse_final',
  'succeed',
  'fail',
  'cancel',
  'time_out',
  'expire',
  'interrupt',
  'retry',
];

function mayFollow(from: RunState, to: RunState): boolean {
  return triggers.some((trigger) => nextState(from, trigger) === to);
}

async function checkInvariants(real: Real): Promise<void> {
  const { world, ledger } = real;
  expect(ledger.violations).toEqual([]);
  for (const run of real.runs) {
    const facts = await world.facts(run);
    const events = await world.events(run);
    expect(
      events.map(({ seq }) => seq),
      'numbers without gap or duplicate',
    ).toEqual(events.map((_, index) => index + 1));
    expect(facts.last_event).toBe(events.length);
    const states = events
      .filter(({ kind, data }) => kind === 'state' && data['code'] !== 'released')
      .map(({ data }) => data['state'] as RunState);
    expect(ledger.isTrue(run, facts.attempt, facts.state), `${run} is ${facts.state}`).toBe(true);
    const reports = events
      .filter(({ kind }) => kind === 'status')
      .map(({ attempt, data }) => `${attempt} ${String(data['message'])}`);
    expect(new Set(reports).size, 'each report once').toBe(reports.length);
    expect(runStates).toContain(facts.state);
    expect(states.at(-1), 'the row says what the history says').toBe(facts.state);
    states.reduce((from, to) => {
      expect(mayFollow(from, to), `${from} -> ${to}`).toBe(true);
      return to;
    });
    const verdicts = states.filter((state) => isFinal(state) && state !== 'indeterminate');
    expect(verdicts.length, 'one verdict').toBeLessThanOrEqual(1);
    expect(states.filter((state) => state === 'indeterminate').length).toBeLessThanOrEqual(1);
  }
  for (const process of real.processes) {
    const held = await world.store.read(world.parts.reads.heldBy({ agent: process.agent.id }));
    expect(held.length, 'never more than the agent does at once').toBeLessThanOrEqual(
      process.agent.concurrency,
    );
  }
}

/** However it went, when everybody comes back every run ends. */
async function drain(real: Real): Promise<void> {
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

async function checkSequences(real: Real): Promise<void> {
  for (const action of real.actions) {
    const facts = await Promise.all(real.runs.map((run) => real.world.facts(run)));
    const mine = facts.filter((run) => run.action === action.id).map(({ sequence }) => sequence);
    expect(mine).toEqual(mine.map((_, index) => index + 1));
  }
}

it('whatever the order of events, runs keep what the rules promise', { timeout: 600_000 }, async () => {
  const world = await World.open();
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { size: '+1', maxCommands: 60 }), async (sequence) => {
      const ledger = new Ledger();
      const word = randomUUIDv7().slice(-8);
      const group = await world.group(`group-${word}`);
      const actions = [
        await world.action(`once-${word}`, group, { operation: 'once' }),
        await world.action(`again-${word}`, group, { operation: 'again' }),
        await world.action(`alone-${word}`, group, { operation: 'alone' }),
      ];
      const operations = [
        { operation: 'once', timeoutMs },
        { operation: 'again', idempotent: true, timeoutMs },
        { operation: 'alone', concurrency: 1, timeoutMs },
      ];
      const one = await world.agent(`one-${word}`, group, operations, 1);
      const two = await world.agent(`two-${word}`, group, operations, 2);
      const real: Real = {
        world,
        actions,
        processes: [new Process(one, ledger), new Process(two, ledger)],
        older: [],
        runs: [],
        ledger,
      };
      for (const process of real.processes) await process.connect();
      await fc.asyncModelRun(() => ({ model: {}, real }), sequence);
      await drain(real);
      await checkInvariants(real);
      await checkSequences(real);
      for (const process of real.processes) await process.connection?.disconnect();
    }),
    { numRuns: runsCount },
  );
});
