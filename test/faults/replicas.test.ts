// kill -9 of one of several control planes in the middle of many runs: the others go on within seconds, and afterwards
// no run is lost, doubled, stuck or called what it is not. WAYSIDE_SEED=… repeats the moments.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { openPresser } from '../support/presser.ts';
import { openReplicas } from '../support/replicas.ts';
import type { Replicas } from '../support/replicas.ts';
import { seeded } from '../support/seeded.ts';
import { until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { faultyFile, lies, ownPrefix } from '../support/truth.ts';

const isLong = process.env['WAYSIDE_LONG'] !== undefined;
const trials = isLong ? 100 : 5;
/** Over all trials of CI; in the long suite in each of them. */
const runs = 2_000;
const runsEach = isLong ? runs : runs / trials;
const pressersAtOnce = 8;
const resumeMsMax = 5_000;
const servers = 3;

vi.setConfig({ testTimeout: isLong ? 4 * 3_600_000 : 300_000, hookTimeout: 120_000 });

interface Placed {
  readonly agent: AgentProcess;
  readonly network: TcpProxy;
  /** An action that nobody else serves. */
  readonly own: string;
}

/** An agent for each control plane, behind balancers that begin at different ones. */
async function placeAgents(replicas: Replicas): Promise<readonly Placed[]> {
  const { system } = replicas;
  const placed: Placed[] = [];
  for (let index = 0; index < servers; index += 1) {
    const own = `${ownPrefix}${index}`;
    await system.createGroup(own);
    const network = await replicas.openNetwork({ first: index });
    const agent = await system.startAgent(`agent-${index}`, {
      hcl: faultyFile(system, 'main', { own }),
      groups: ['main', own],
      agentPort: network.port,
    });
    placed.push({ agent, network, own });
  }
  await system.publish('main');
  for (const { own } of placed) await system.publish(own);
  return placed;
}

test(`${trials} kills of one of ${servers} control planes, ${runsEach} runs around each`, async () => {
  await using replicas = await openReplicas({ servers, groups: ['main'] });
  const { system } = replicas;
  const chance = seeded();
  console.log(`replica kills: WAYSIDE_SEED=${chance.seed}`);
  const presser = openPresser(system);
  const placed = await placeAgents(replicas);
  const resumed: number[] = [];
  const began = performance.now();
  for (let trial = 1; trial <= trials; trial += 1) {
    let left = runsEach;
    const press = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await presser.press(chance.next() < 0.95 ? 'quick' : chance.pick(['steps', 'again', 'fails']));
      }
    };
    const presses = Array.from({ length: pressersAtOnce }, press);
    await delay(chance.between(200, 1_500));
    // Mostly one that holds an agent, or there is nothing to resume.
    const victim = chance.between(0, servers - 1);
    const port = replicas.agentPorts[victim] ?? 0;
    const displaced = placed.filter(({ network }) => network.upstreams.includes(port));
    await replicas.server(victim).kill('SIGKILL');
    const killed = performance.now();
    for (const { own } of displaced) {
      const run = await presser.press(own);
      await until('its agent executes again', () => system.ledger.count(run) > 0, 30_000);
      resumed.push(performance.now() - killed);
    }
    await delay(chance.between(0, 300));
    await replicas.start(victim);
    await Promise.all(presses);
  }
  expect(await lies(system, presser.presses, { agentDied: false, msMax: 120_000 })).toEqual([]);
  const [seconds, worst] = [(performance.now() - began) / 1_000, Math.max(...resumed)];
  console.log(
    `${trials} kills, ${presser.presses.size} runs in ${seconds.toFixed(0)} s; ${presser.putOff} presses put off; ` +
      `dispatch resumed after ${resumed.map(Math.round).join(', ')} ms`,
  );
  expect(presser.presses.size).toBe(trials * runsEach + resumed.length);
  expect(resumed.length).toBeGreaterThan(0);
  expect(worst).toBeLessThan(resumeMsMax);
});
