// Random interleavings of everything that can happen to runs: presses, offers, refusals, lapses, ends, cancels,
// reconnects, late frames, agents that restart, a copied agent, crashes of the server. Whatever the order, what the
// rules promise must hold. The seed is printed by fast-check when a property fails.
import fc from 'fast-check';
import { randomUUIDv7 } from 'node:crypto';
import { expect, it } from 'vitest';
import { leaseMs, lostAgentGraceMs } from '../../../protocol/limits.ts';
import { isFinal, nextState, runStates, runTriggers } from '../../../protocol/states.ts';
import type { OutcomeResult, RunState } from '../../../protocol/states.ts';
import { cancelRun } from '../../../control-plane/runs/cancel.ts';
import { releaseRun } from '../../../control-plane/runs/release.ts';
import { drain, Ledger, Process } from './simulated-agent.ts';
import { outcome, status, World } from './world.ts';
import type { FakeConnection } from './world.ts';

const timeoutMs = 100_000;
const runsCount = process.env['WAYSIDE_LONG'] === undefined ? 40 : 1_000;

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

/** No database was rolled back. */
const triggers = runTriggers.filter((trigger) => trigger !== 'rollback');

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
