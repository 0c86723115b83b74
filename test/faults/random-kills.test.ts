// kill -9 at random moments. Afterwards no run is lost, none was executed twice, none is stuck, and no verdict is a
// lie. The seed is printed; WAYSIDE_SEED=… repeats the moments.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { engine } from '../support/engine.ts';
import { openPresser } from '../support/presser.ts';
import { seeded } from '../support/seeded.ts';
import { copySources, quickNetwork } from '../support/sources.ts';
import type { Patch, Sources } from '../support/sources.ts';
import { System } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
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

async function killAgents(root: string, count: number): Promise<readonly string[]> {
  await using system = await System.open({ groups: ['main'], sources: root });
  const chance = seeded();
  console.log(`agent kills: WAYSIDE_SEED=${chance.seed}`);
  const presser = openPresser(system);
  const file = faultyFile(system);
  let agent = await system.startAgent('victim', { hcl: file });
  await system.publish();
  for (let trial = 1; trial <= count; trial += 1) {
    const presses = pressSome();
    await delay(chance.between(0, 700));
    await agent.kill('SIGKILL');
    await delay(chance.between(0, 200));
    agent = await system.startAgent('victim', { hcl: file });
    await presses;
  }
  expect(presser.presses.size).toBe(count * 5);
  return await lies(system, presser.presses, { agentDied: true });

  async function pressSome(): Promise<void> {
    for (let pressed = 0; pressed < 5; pressed += 1) {
      await presser.press(chance.pick(actions));
      await delay(chance.between(0, 120));
    }
  }
}

async function killServers(root: string, count: number, msMax = 60_000): Promise<readonly string[]> {
  await using system = await System.open({ groups: ['main'], sources: root });
  const chance = seeded();
  console.log(`control plane kills: WAYSIDE_SEED=${chance.seed}`);
  const presser = openPresser(system);
  const file = faultyFile(system);
  const agent = await system.startAgent('survivor', { hcl: file });
  await system.publish();
  for (let trial = 1; trial <= count; trial += 1) {
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
  expect(presser.presses.size).toBe(count * 5);
  return await lies(system, presser.presses, { agentDied: false, msMax });
}

test(`${trials} kills of the agent`, async () => {
  expect(await killAgents(sources.root, trials)).toEqual([]);
});

// Over PostgreSQL these are long; replicas.test.ts kills control planes there.
const isQuick = engine === 'sqlite' || isLong;

test.runIf(isQuick)(`${trials} kills of the control plane`, async () => {
  expect(await killServers(sources.root, trials)).toEqual([]);
});

test.runIf(isQuick)(
  `${trials} times anything at once: two agents, their networks and the control plane`,
  async () => {
    await using system = await System.open({ groups: ['main'], sources: sources.root });
    const chance = seeded();
    console.log(`anything: WAYSIDE_SEED=${chance.seed}`);
    const presser = openPresser(system);
    await using left = await openTcpProxy({ port: system.agentPort });
    await using right = await openTcpProxy({ port: system.agentPort });
    const networks = [left, right];
    const start = (index: number): Promise<AgentProcess> =>
      system.launchAgent(`agent-${index}`, {
        hcl: faultyFile(system),
        agentPort: networks[index]?.port ?? 0,
      });
    const agents = [await start(0), await start(1)];
    await Promise.all(agents.map((agent) => agent.connected()));
    await system.publish();
    for (let trial = 1; trial <= trials; trial += 1) {
      const presses = Array.from({ length: 6 }, async () => {
        await delay(chance.between(0, 600));
        await presser.press(chance.pick(actions));
      });
      const troubles = Array.from({ length: chance.between(1, 3) }, async () => {
        const index = chance.between(0, 1);
        const trouble = chance.pick(['agent', 'agent', 'server', 'cut', 'silence'] as const);
        await delay(chance.between(0, 700));
        if (trouble === 'agent') agents[index]?.process.kill('SIGKILL');
        else if (trouble === 'server') system.server.process.kill('SIGKILL');
        else if (trouble === 'cut') networks[index]?.cut();
        else {
          networks[index]?.halfOpen();
          await delay(chance.between(100, 4_000));
          networks[index]?.heal();
        }
      });
      await Promise.all(troubles);
      await delay(chance.between(0, 200));
      // What was told to die has died by now, or is about to.
      await Promise.all(
        [system.server, ...agents].filter(({ process }) => process.killed).map(({ ended }) => ended),
      );
      if (!system.server.isAlive()) await system.startServer();
      for (const [index, agent] of agents.entries()) if (!agent.isAlive()) agents[index] = await start(index);
      await Promise.all(presses);
    }
    expect(await lies(system, presser.presses, { agentDied: true, msMax: 120_000 })).toEqual([]);
    expect(presser.presses.size).toBe(trials * 6);
  },
);

describe.runIf(isLong)('the trials notice', () => {
  test('a control plane that starts again what cannot be done again', async () => {
    const eager: readonly Patch[] = [
      {
        file: 'control-plane/runs/complete.ts',
        find: 'if (run.idempotent !== 1) return false;',
        replace: '',
      },
      { file: 'control-plane/runs/store-read.ts', find: ".where('idempotent', '=', 1)", replace: '' },
      { file: 'control-plane/runs/store-offer.ts', find: ".where('idempotent', '=', 1)", replace: '' },
    ];
    using changed = copySources([...quickNetwork, ...eager]);
    expect((await killAgents(changed.root, 8)).join('\n')).toMatch(/it was executed 2 times/);
  });

  test('an agent that does not say again what was not acknowledged', async () => {
    const silent: Patch = {
      file: 'agent/decide/connection.ts',
      find: "sendAccept(draft, run);\n  emit(draft, { type: 'attach', key: run.key, haveSeq });",
      replace: 'sendAccept(draft, run);\n  void haveSeq;',
    };
    using changed = copySources([...quickNetwork, silent]);
    expect((await killServers(changed.root, 8, 15_000)).join('\n')).toMatch(/a run is stuck/);
  });
});
