// A schedule that fires every second, through kills of its control plane: one run for each fire time, none twice,
// none left out. The ledger judges.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Schedule } from '../../protocol/api/operations.ts';
import type { Run } from '../../protocol/api/runs.ts';
import { runCli } from '../support/cli.ts';
import { copySources, quickNetwork, strictSchedules } from '../support/sources.ts';
import type { Sources } from '../support/sources.ts';
import { shell, System, until } from '../support/system.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let sources: Sources;
let system: System;

beforeAll(async () => {
  sources = copySources([...quickNetwork, strictSchedules]);
  system = await System.open({ groups: ['main'], sources: sources.root });
  const action = (name: string): string => `
      action "${name}" {
        run {
          ${shell(system.ledger.record)}
        }
      }`;
  await system.startAgent('clock', {
    hcl: `
    agent {
      concurrency = 4
    }
    group "main" {${action('all')}${action('once')}
    }`,
  });
  await system.publish();
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  sources[Symbol.dispose]();
});

const path = '/v1/projects/default/schedules';

async function create(action: string, misfire: 'all' | 'once'): Promise<Schedule> {
  return system.ask('POST', path, { name: `every-second-${action}`, action, cron: '* * * * * *', misfire });
}

async function runsOf(action: string): Promise<readonly Run[]> {
  const { items } = await system.ask<{ items: Run[] }>(
    'GET',
    `/v1/projects/default/actions/${action}/runs?limit=200`,
  );
  return items;
}

/** Its runs, and how many fire times it has passed, at one moment. */
async function firedBy({
  name,
  action,
  next_fire_at: first,
}: Schedule): Promise<readonly [readonly Run[], number]> {
  return until('it does not fire while it is looked at', async () => {
    const next = async () => (await system.ask<Schedule>('GET', `${path}/${name}`)).next_fire_at;
    const before = await next();
    const runs = await runsOf(action.name);
    if (before === null || first === null || (await next()) !== before) return null;
    return [runs, (before - first) / 1_000] as const;
  });
}

test('every fire time becomes one run, also those that were missed while nothing ran', async () => {
  const all = await create('all', 'all');
  const once = await create('once', 'once');
  expect(all.next_fire_times).toHaveLength(10);
  expect(all.next_fire_times.map((time) => time % 1_000)).toEqual(Array.from({ length: 10 }, () => 0));
  await until('it has fired', async () => (await runsOf('all')).length >= 2);
  for (const downMs of [300, 2_500, 100]) {
    await system.stopServer('SIGKILL');
    await delay(downMs);
    await system.startServer();
    await delay(1_200);
  }
  const [runs, times] = await firedBy(all);
  // The other one makes up for a downtime with a single run, so it has fewer.
  const [fewer, timesOnce] = await firedBy(once);
  expect(runs.length).toBe(times);
  expect(fewer.length).toBeLessThan(timesOnce);
  expect(fewer.length).toBeGreaterThan(3);

  for (const { name } of [all, once])
    expect((await runCli(system, ['schedule', 'pause', name])).code).toBe(0);
  expect((await system.ask<Schedule>('GET', `${path}/${all.name}`)).next_fire_at).toBeNull();
  const every = [...(await runsOf('all')), ...(await runsOf('once'))];
  const ended = await system.allEnded(every.map(({ id }) => id));
  expect(ended.filter(({ state }) => state !== 'succeeded')).toEqual([]);
  expect(every.map(({ id }) => system.ledger.count(id))).toEqual(every.map(() => 1));

  const before = system.ledger.lines().length;
  await delay(1_500);
  expect(system.ledger.lines().length).toBe(before);
  expect(await system.ask('POST', '/v1/audit/verify', {})).toMatchObject({ valid: true });
});
