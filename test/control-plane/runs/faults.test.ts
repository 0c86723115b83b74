// The server dies at each named point between two durable steps. Whatever it was doing, afterwards no run is lost,
// none starts twice, none is stuck, and no verdict is a lie.
import { expect, it } from 'vitest';
import { randomUUIDv7 } from 'node:crypto';
import { isFinal } from '../../../protocol/states.ts';
import { cancelRun } from '../../../control-plane/runs/cancel.ts';
import type { FaultPoint } from '../../../control-plane/runs/contract.ts';
import { drain, Ledger, Process } from './simulated-agent.ts';
import { status, World } from './world.ts';

const points: Record<FaultPoint, 'plain' | 'cancel' | 'refuse'> = {
  'before-request-commit': 'plain',
  'after-request-commit': 'plain',
  'after-offer-commit': 'plain',
  'after-offer-sent': 'plain',
  'before-accept-commit': 'plain',
  'after-accept-commit': 'plain',
  'after-go-sent': 'plain',
  'before-report-commit': 'plain',
  'after-report-commit': 'plain',
  'before-end-commit': 'plain',
  'after-end-commit': 'plain',
  'after-cancel-commit': 'cancel',
  'after-refuse-commit': 'refuse',
  'after-reconcile-commit': 'plain',
};

it.each(Object.entries(points))('dies at %s', async (point, kind) => {
  const world = await World.open();
  const ledger = new Ledger();
  const group = await world.group('prod');
  const action = await world.action('deploy', group);
  const agent = await world.agent('one', group, [{ operation: 'deploy' }]);
  const process = new Process(agent, ledger);
  if (point !== 'after-reconcile-commit') await process.connect();
  const died = dieAt(world, point as FaultPoint);
  const runs: string[] = [];
  // Nothing of this is waited for: it stops where the process stops.
  void live(world, { process, action, kind, runs }).catch(() => undefined);
  await died;
  await world.crash();
  process.connection = null;

  const stored = await world.store.read(world.store.db.selectFrom('runs').select('id').compile());
  const all = stored.map(({ id }) => id);
  expect(all.length, 'what was answered is there').toBe(point === 'before-request-commit' ? 0 : 1);
  await drain({ world, processes: [process], runs: all });
  expect(ledger.violations).toEqual([]);
  for (const run of all) {
    const facts = await world.facts(run);
    expect(isFinal(facts.state)).toBe(true);
    expect(ledger.isTrue(run, facts.attempt, facts.state)).toBe(true);
    const events = await world.events(run);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  }
});

function dieAt(world: World, where: FaultPoint): Promise<void> {
  return new Promise((resolve) => {
    world.faultPoint = (point) => {
      if (point !== where) return;
      resolve();
      return new Promise<void>(() => undefined);
    };
  });
}

/** One run from the press to its end, as far as it comes. */
async function live(
  world: World,
  of: {
    readonly process: Process;
    readonly action: Awaited<ReturnType<World['action']>>;
    readonly kind: 'plain' | 'cancel' | 'refuse';
    readonly runs: string[];
  },
): Promise<void> {
  const { process, action, kind } = of;
  const run = await world.press(action);
  await world.runs.idle();
  if (process.connection === null) await process.connect();
  await process.read(10);
  const offered = process.pick(['offered'], 0)!;
  if (kind === 'refuse') {
    process.journal.clear();
    return process.connection!.refuse('busy', offered);
  }
  await process.accept(offered);
  await process.read(10);
  if (kind === 'cancel') {
    await cancelRun(world.parts, { actor: world.actor(), run: run.id, reason: randomUUIDv7() });
  }
  const begun = process.pick(['begun'], 0)!;
  begun.seq = 1;
  await process.connection!.give(status(begun, 1));
  await process.read(10);
  const [entry] = process.journal.values();
  if (entry?.state === 'begun') await process.end(entry, 'succeeded');
}
