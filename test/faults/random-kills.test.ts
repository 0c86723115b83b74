// kill -9 at random moments. Afterwards no run is lost, none was executed twice, none is stuck, and no verdict is a
// lie. The seed is printed; WAYSIDE_SEED=… repeats the moments.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openPresser } from '../support/presser.ts';
import { seeded } from '../support/seeded.ts';
import { copySources, quickNetwork } from '../support/sources.ts';
import type { Sources } from '../support/sources.ts';
import { System } from '../support/system.ts';
import { faultyFile, lies, natures } from '../support/truth.ts';

const isLong = process.env['WAYSIDE_LONG'] !== undefined;
const trials = isLong ? 50 : 8;

vi.setConfig({ testTimeout: isLong ? 1_800_000 : 240_000, hookTimeout: 120_000 });

let sources: Sources;

beforeAll(() => {
  sources = copySources(quickNetwork);
});

afterAll(() => {
  sources[Symbol.dispose]();
});

const actions = Object.keys(natures).filter((name) => name !== 'spaced');

test(`${trials} kills of the agent`, async () => {
  await using system = await System.open({ groups: ['main'], sources: sources.root });
  const chance = seeded();
  console.log(`agent kills: WAYSIDE_SEED=${chance.seed}`);
  const presser = openPresser(system);
  const file = faultyFile(system);
  let agent = await system.startAgent('victim', { hcl: file });
  await system.publish();
  for (let trial = 1; trial <= trials; trial += 1) {
    const presses = pressSome();
    await delay(chance.between(0, 700));
    await agent.kill('SIGKILL');
    await delay(chance.between(0, 200));
    agent = await system.startAgent('victim', { hcl: file });
    await presses;
  }
  expect(await lies(system, presser.presses, { agentDied: true })).toEqual([]);
  expect(presser.presses.size).toBe(trials * 5);

  async function pressSome(): Promise<void> {
    for (let count = 0; count < 5; count += 1) {
      await presser.press(chance.pick(actions));
      await delay(chance.between(0, 120));
    }
  }
});

test(`${trials} kills of the control plane`, async () => {
  await using system = await System.open({ groups: ['main'], sources: sources.root });
  const chance = seeded();
  console.log(`control plane kills: WAYSIDE_SEED=${chance.seed}`);
  const presser = openPresser(system);
  const file = faultyFile(system);
  const agent = await system.startAgent('survivor', { hcl: file });
  await system.publish();
  for (let trial = 1; trial <= trials; trial += 1) {
    const presses = Array.from({ length: 5 }, async () => {
      await delay(chance.between(0, 500));
      await presser.press(chance.pick(actions));
    });
    await delay(chance.between(0, 700));
    await system.stopServer('SIGKILL');
    await delay(chance.between(0, 200));
    await system.startServer();
    await Promise.all(presses);
    await agent.connected(trial + 1);
  }
  expect(await lies(system, presser.presses, { agentDied: false })).toEqual([]);
  expect(presser.presses.size).toBe(trials * 5);
});
