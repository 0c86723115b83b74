// Three control planes over one database, in one process and with agents that only speak the protocol: what they claim
// at once goes to one of them, and none waits for the others.
import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ServerFrame } from '../../../protocol/frames.ts';
import { engine } from '../../support/engine.ts';
import { outcome, World } from './world.ts';
import type { FakeAgent } from './world.ts';

/** One more control plane over the same data. */
async function beside(world: World): Promise<World> {
  const other = new World();
  rmSync(other.folder, { recursive: true, force: true });
  Object.assign(other, { folder: world.folder, token: world.token, now: world.now });
  await other.openStore();
  await other.openRest();
  return other;
}

/** Accepts what it is offered and ends it at once; notes every start. */
async function diligent(agent: FakeAgent, world: World, started: string[]): Promise<void> {
  Object.assign(agent, { world });
  const connection = await agent.connect({ slots: null });
  const give = (frame: Parameters<typeof connection.give>[0]) =>
    void world.runs.channel.frame(connection, frame);
  const send = connection.send.bind(connection);
  connection.send = (frame: ServerFrame): boolean => {
    if (frame.type === 'offer') {
      const { run, attempt } = frame;
      setImmediate(() => give({ type: 'accept', run, attempt, incarnation: agent.incarnation }));
    }
    if (frame.type === 'go') {
      const { run, attempt } = frame;
      started.push(run);
      setImmediate(() =>
        give({
          type: 'end',
          run,
          attempt,
          last_seq: 0,
          outcome: outcome('succeeded'),
          interrupted: false,
        } as never),
      );
    }
    if (frame.type === 'ack' && frame.ended)
      setImmediate(() => give({ type: 'poll', slots: agent.concurrency }));
    return send(frame);
  };
  give({ type: 'poll', slots: agent.concurrency });
}

async function drained(count: number, replicas: number): Promise<{ seconds: number; shares: number[] }> {
  const world = await World.open();
  const worlds = [world];
  while (worlds.length < replicas) worlds.push(await beside(world));
  const group = await world.group('main');
  const action = await world.action('quick', group);
  const agents = [];
  for (let index = 0; index < 3; index += 1) {
    agents.push(await world.agent(`agent-${index}`, group, [{ operation: 'quick' }], 8));
  }
  const pressed = [];
  for (let n = 0; n < count; n += 50) {
    pressed.push(...(await Promise.all(Array.from({ length: 50 }, () => world.press(action)))));
  }
  const started: string[][] = [[], [], []];
  const began = performance.now();
  for (const [index, agent] of agents.entries()) {
    const holder = worlds[index % replicas] ?? world;
    await diligent(agent, holder, started[index] ?? []);
  }
  const total = () => started.reduce((sum, runs) => sum + runs.length, 0);
  const sweeps = setInterval(() => void worlds.forEach((each) => void each.runs.sweep(1)), 1_000);
  await expect.poll(total, { timeout: 60_000, interval: 20 }).toBe(count);
  const seconds = (performance.now() - began) / 1_000;
  clearInterval(sweeps);
  for (const each of worlds) await each.runs.idle();
  expect(new Set(started.flat())).toEqual(new Set(pressed.map(({ id }) => id)));
  const rows = await world.store.read(
    world.store.db.selectFrom('runs').select(['state', 'attempt']).compile(),
  );
  expect(rows.every(({ state, attempt }) => state === 'succeeded' && Number(attempt) === 1)).toBe(true);
  for (const each of worlds.slice(1)) {
    await each.runs.close();
    await each.store.close();
  }
  return { seconds, shares: started.map(({ length }) => length) };
}

describe.skipIf(engine === 'sqlite')('control planes that claim from one queue', () => {
  it('execute each of 2,000 runs once, and three are not slower than one', { timeout: 180_000 }, async () => {
    const count = 2_000;
    const one = await drained(count / 4, 1);
    const three = await drained(count, 3);
    console.log(
      `${count} runs: one control plane ${(4 * one.seconds).toFixed(1)} s (${one.shares.join(', ')}), ` +
        `three ${three.seconds.toFixed(1)} s (${three.shares.join(', ')})`,
    );
    // In one process of two processors there is nothing to gain, and waiting for each other would cost a multiple.
    expect(three.seconds).toBeLessThan(4 * (4 * one.seconds) + 5);
    expect(Math.min(...three.shares)).toBeGreaterThan(count / 20);
  });
});
