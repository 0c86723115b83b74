// The network between agents and control plane cut, silent, slow and flapping in the middle of runs. Nobody dies, so
// that nothing may be indeterminate. WAYSIDE_SEED=… repeats the moments.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openPresser } from '../support/presser.ts';
import { seeded } from '../support/seeded.ts';
import type { Seeded } from '../support/seeded.ts';
import { copySources, quickNetwork } from '../support/sources.ts';
import type { Sources } from '../support/sources.ts';
import { System } from '../support/system.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { faultyFile, lies, natures } from '../support/truth.ts';

const isLong = process.env['WAYSIDE_LONG'] !== undefined;
const trials = isLong ? 25 : 2;
const runsEach = isLong ? 24 : 12;

vi.setConfig({ testTimeout: isLong ? 1_800_000 : 240_000, hookTimeout: 120_000 });

let sources: Sources;

beforeAll(() => {
  sources = copySources(quickNetwork);
});

afterAll(() => {
  sources[Symbol.dispose]();
});

const actions = Object.keys(natures).filter((name) => name !== 'spaced');

type Trouble = (network: TcpProxy, chance: Seeded) => Promise<void>;

const troubles: Readonly<Record<string, Trouble>> = {
  async cut(network) {
    network.cut();
    return Promise.resolve();
  },
  /** Longer than the watchdog of an agent waits, or shorter. */
  async silent(network, chance) {
    network.halfOpen();
    await delay(chance.between(300, 5_000));
    network.heal();
  },
  async slow(network, chance) {
    network.setDelay(chance.between(20, 300));
    network.setBandwidth(chance.between(20_000, 200_000));
    await delay(chance.between(1_000, 3_000));
    network.setDelay(0);
    network.setBandwidth(null);
  },
  async flapping(network, chance) {
    for (let times = chance.between(3, 8); times > 0; times -= 1) {
      network.refuse();
      network.cut();
      await delay(chance.between(20, 300));
      network.heal();
      await delay(chance.between(20, 600));
    }
  },
};

test.each(Object.entries(troubles))(`a network that is %s, ${trials} times`, async (name, trouble) => {
  await using system = await System.open({ groups: ['main'], sources: sources.root });
  const chance = seeded();
  const presser = openPresser(system);
  const networks: TcpProxy[] = [];
  await using opened = new AsyncDisposableStack();
  for (const agent of ['left', 'right']) {
    const network = opened.use(await openTcpProxy({ port: system.agentPort }));
    networks.push(network);
    await system.startAgent(agent, { hcl: faultyFile(system), agentPort: network.port });
  }
  await system.publish();
  for (let trial = 1; trial <= trials; trial += 1) {
    const presses = Array.from({ length: runsEach }, async () => {
      await delay(chance.between(0, 1_000));
      await presser.press(chance.pick(actions));
    });
    await delay(chance.between(0, 500));
    await Promise.all(networks.map((network) => trouble(network, chance)));
    await Promise.all(presses);
  }
  const found = await lies(system, presser.presses, { agentDied: false, msMax: 90_000 });
  console.log(`${name}: WAYSIDE_SEED=${chance.seed}, ${presser.presses.size} runs, ${found.length} lies`);
  expect(found).toEqual([]);
  expect(presser.presses.size).toBe(trials * runsEach);
});
