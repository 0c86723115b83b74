import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../../protocol/api/runs.ts';
import { runEventsPageMax, watchEventsMax } from '../../../protocol/limits.ts';
import { readRunEvents, watchRun } from '../../../control-plane/runs/watch.ts';
import { output, status, World } from './world.ts';

async function running() {
  const world = await World.open();
  const group = await world.group('prod');
  const action = await world.action('deploy', group);
  const agent = await world.agent('one', group, [{ operation: 'deploy' }]);
  await agent.connect();
  const { id: run } = await world.press(action);
  await world.runs.idle();
  await agent.wire.accept();
  return { world, agent, run, offer: agent.wire.lastOffer() };
}

async function collect(events: AsyncIterable<RunEvent>, until = Infinity): Promise<RunEvent[]> {
  const seen: RunEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (seen.length >= until) break;
  }
  return seen;
}

const numbers = (events: readonly RunEvent[]) => events.map(({ seq }) => seq);

describe('a watcher', () => {
  it('gets the history, then what happens, and ends with the run', async () => {
    const { world, agent, run, offer } = await running();
    const seen = collect(watchRun(world.parts, { run, after: 0 }));
    await agent.wire.give(status(offer, 1), output(offer, 2));
    await agent.wire.end('succeeded', {}, 2);
    const events = await seen;
    expect(events.map(({ kind }) => kind)).toEqual(['state', 'state', 'state', 'status', 'output', 'state']);
    expect(numbers(events)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(events.at(-1)).toMatchObject({ state: 'succeeded', agent: { name: 'one' } });
  });

  it('resumes behind any number exactly, also after the end', async () => {
    const { world, agent, run, offer } = await running();
    await agent.wire.give(status(offer, 1));
    await agent.wire.end('succeeded', {}, 1);
    const all = await collect(watchRun(world.parts, { run, after: 0 }));
    for (const { seq } of all) {
      const rest = await collect(watchRun(world.parts, { run, after: seq }));
      expect(rest).toEqual(all.slice(seq));
    }
  });

  it('that falls behind reads the store instead: no gap, no duplicate, nobody waits for it', async () => {
    const { world, agent, run, offer } = await running();
    const iterator = watchRun(world.parts, { run, after: 0 });
    await iterator.next();
    let seq = 0;
    while (seq < 3 * watchEventsMax) {
      await agent.wire.give(...Array.from({ length: 64 }, () => status(offer, (seq += 1))));
    }
    await agent.wire.end('succeeded', {}, seq);
    const rest = await collect(iterator);
    expect(numbers(rest)).toEqual(Array.from({ length: seq + 3 }, (_, index) => index + 2));
  });

  it('ends at once when it is given up, also while it waits', async () => {
    const { world, run } = await running();
    const iterator = watchRun(world.parts, { run, after: 3 });
    const waiting = iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await iterator.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('sees what an agent that is revoked leaves behind', async () => {
    const { world, agent, run } = await running();
    const seen = collect(watchRun(world.parts, { run, after: 3 }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { runsOfAgent } = await import('../../../control-plane/runs/revoke.ts');
    const { steps, committed } = await runsOfAgent(world.parts).revoke(agent.id);
    await world.write(...steps);
    committed();
    expect(await seen).toMatchObject([{ state: 'indeterminate', code: 'agent_revoked' }]);
  });

  it('of a run that does not exist ends', async () => {
    const { world } = await running();
    expect(await collect(watchRun(world.parts, { run: 'nothing', after: 0 }))).toEqual([]);
  });
});

it('whenever watchers come and however slow they are, each sees every event once, in order (property)', async () => {
  const { world, agent, run, offer } = await running();
  let seq = 0;
  const watchers: Promise<RunEvent[]>[] = [];
  const starts: number[] = [];
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc.record({ reports: fc.integer({ min: 1, max: 40 }) }),
          fc.record({ after: fc.nat(60), pauses: fc.boolean() }),
        ),
        {
          maxLength: 12,
        },
      ),
      async (steps) => {
        for (const step of steps) {
          if ('reports' in step) {
            await agent.wire.give(...Array.from({ length: step.reports }, () => status(offer, (seq += 1))));
          } else {
            const after = Math.min(step.after, seq + 3);
            starts.push(after);
            watchers.push(slowly(watchRun(world.parts, { run, after }), step.pauses));
          }
        }
      },
    ),
    { numRuns: 8 },
  );
  await agent.wire.end('succeeded', {}, seq);
  const all = await collect(watchRun(world.parts, { run, after: 0 }));
  expect(all.length).toBe(seq + 4);
  for (const [index, seen] of (await Promise.all(watchers)).entries()) {
    expect(seen).toEqual(all.slice(starts[index]));
  }
});

async function slowly(events: AsyncIterable<RunEvent>, pauses: boolean): Promise<RunEvent[]> {
  const seen: RunEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (pauses && seen.length % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return seen;
}

it('a page says whether it is the last one', async () => {
  const { world, agent, run, offer } = await running();
  expect(await readRunEvents(world.parts, { run, after: 0, limit: 2 })).toMatchObject({ complete: false });
  await agent.wire.give(status(offer, 1));
  await agent.wire.end('succeeded', {}, 1);
  expect(await readRunEvents(world.parts, { run, after: 0, limit: 2 })).toMatchObject({ complete: false });
  expect(await readRunEvents(world.parts, { run, after: 0, limit: runEventsPageMax })).toMatchObject({
    complete: true,
  });
  expect(await readRunEvents(world.parts, { run, after: 5 })).toEqual({ items: [], complete: true });
});
