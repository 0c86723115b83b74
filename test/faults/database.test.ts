// PostgreSQL is killed and started again in the middle of runs. The control planes live on and answer 503 with
// Retry-After meanwhile, what agents execute goes on, and afterwards the truth holds. WAYSIDE_SEED=… repeats it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { openPresser } from '../support/presser.ts';
import { openReplicas } from '../support/replicas.ts';
import { seeded } from '../support/seeded.ts';
import { shell, until } from '../support/system.ts';
import { faultyFile, lies, natures } from '../support/truth.ts';

const isLong = process.env['WAYSIDE_LONG'] !== undefined;
const trials = isLong ? 30 : 3;
const servers = isLong ? 3 : 2;
const runsEach = isLong ? 200 : 24;
const pressersAtOnce = 4;

vi.setConfig({ testTimeout: isLong ? 3_600_000 : 240_000, hookTimeout: 120_000 });

const actions = Object.keys(natures).filter((name) => name !== 'spaced');

test(`${trials} kills of PostgreSQL under ${servers} control planes`, async () => {
  await using replicas = await openReplicas({ servers, engine: 'postgres', groups: ['main'] });
  const { system, database } = replicas;
  if (database === null) throw new Error('there is no PostgreSQL to kill');
  const chance = seeded();
  console.log(`PostgreSQL kills: WAYSIDE_SEED=${chance.seed}`);
  const presser = openPresser(system);
  const agents = [];
  for (const name of ['left', 'right']) {
    agents.push(await system.startAgent(name, { hcl: faultyFile(system), agentPort: system.agentPort }));
  }
  await system.publish();
  const pids = Array.from({ length: servers }, (_, index) => replicas.server(index).pid);
  const back: number[] = [];
  for (let trial = 1; trial <= trials; trial += 1) {
    let left = runsEach;
    const press = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        await presser.press(chance.pick(actions));
        await delay(chance.between(0, 50));
      }
    };
    const presses = Array.from({ length: pressersAtOnce }, press);
    await delay(chance.between(0, 1_000));
    await database.kill();
    await delay(chance.between(200, 4_000));
    await database.start();
    const started = performance.now();
    await presser.press('quick');
    back.push(Math.round(performance.now() - started));
    await Promise.all(presses);
  }
  expect(await lies(system, presser.presses, { agentDied: false, msMax: 120_000 })).toEqual([]);
  console.log(
    `${presser.presses.size} runs; ${presser.putOff} presses put off; a press was taken ${back.join(', ')} ms after ` +
      'PostgreSQL listened again',
  );
  expect(presser.presses.size).toBe(trials * (runsEach + 1));
  expect(pids.map((_, index) => replicas.server(index).isAlive())).not.toContain(false);
  expect(agents.map((agent) => agent.isAlive())).not.toContain(false);
});

test('while PostgreSQL is away an agent executes on and stays connected, and a press is put off', async () => {
  await using replicas = await openReplicas({ servers: 1, engine: 'postgres', groups: ['main'] });
  const { system, database } = replicas;
  if (database === null) throw new Error('there is no PostgreSQL to kill');
  const marker = join(system.folder, 'marker');
  const agent = await system.startAgent('busy', {
    hcl: `group "main" {
      action "long" {
        run {
          ${shell(`echo before; for n in $(seq 40); do sleep 0.1; done; echo after; echo > '${marker}'; sleep 2`)}
        }
      }
    }`,
  });
  await system.publish();
  const { id } = await system.press('long');
  await until('it prints', async () => (await system.output(id)).includes('before'));
  await database.kill();
  await until('it goes on', () => existsSync(marker));
  await until('a press is put off', async () => {
    const answer = await system.api('POST', '/v1/projects/default/actions/long/runs', {});
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    return true;
  });
  await delay(1_000);
  expect(system.server.isAlive()).toBe(true);
  expect(agent.isAlive()).toBe(true);
  await database.start();
  await until('it answers', async () => (await system.api('GET', `/v1/runs/${id}`)).status === 200);
  const run = await system.ended(id);
  expect(run.state).toBe('succeeded');
  expect(await system.output(id)).toBe('before\nafter\n');
  // It was welcomed once, before all of this: what could not be stored was waited with, not hung up on.
  expect([...agent.stderr().matchAll(/Connected as/g)]).toHaveLength(1);
});

test('a control plane that is told to end while PostgreSQL is away ends', async () => {
  await using replicas = await openReplicas({ servers: 1, engine: 'postgres', groups: ['main'] });
  const { system, database } = replicas;
  await system.startAgent('connected', { hcl: faultyFile(system) });
  await database?.kill();
  await until('it has noticed', async () => (await system.api('GET', '/v1/projects')).status === 503);
  const ended = await Promise.race([system.stopServer('SIGTERM'), delay(60_000, 'it lives on')]);
  expect(ended).toEqual({ code: 0, signal: null });
});
