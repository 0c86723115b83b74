// Who gets which run: two agents of one group, limits, order and fairness, and a crash in between. The ledger judges.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Run } from '../../protocol/api/runs.ts';
import { shell, statesOf, System, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';
import { processesOf } from '../support/tagged.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let system: System;
let left: AgentProcess;
let right: AgentProcess;

beforeAll(async () => {
  system = await System.open({ groups: ['main', 'solo'] });
  const pair = { hcl: agentFile('main', 4), groups: ['main'] };
  [left, right] = await Promise.all([
    system.startAgent('left', pair),
    system.startAgent('right', pair),
    system.startAgent('single', { hcl: agentFile('solo', 1), groups: ['solo'] }),
  ]);
  await system.publish('main');
  await system.publish('solo');
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
});

function agentFile(group: string, concurrency: number): string {
  const { record, path } = system.ledger;
  const actions =
    group === 'main'
      ? `
      action "quick" {
        run {
          ${shell(record)}
        }
      }
      action "twice-at-once" {
        concurrency = 2
        run {
          ${shell(`${record}; echo "+ $$" >> '${path}.spans'; sleep 0.3; echo "- $$" >> '${path}.spans'`)}
        }
      }
      action "again" {
        idempotent = true
        run {
          ${shell(`${record}; sleep 2; echo done`)}
        }
      }
      action "once" {
        concurrency = 1
        run {
          ${shell(`${record}; sleep 300`)}
        }
      }`
      : ['hold', 'a', 'b', 'urgent']
          .map(
            (name) => `
      action "${name}" {
        run {
          ${shell(`${record}; ${name === 'hold' ? `while [ ! -e '${path}.open' ]; do sleep 0.02; done` : 'true'}`)}
        }
      }`,
          )
          .join('');
  return `
    agent {
      concurrency = ${concurrency}
    }
    group "${group}" {
      ${actions}
    }
  `;
}

test('two agents share two hundred runs, and each run is executed exactly once', async () => {
  const runs: Run[] = [];
  for (let round = 0; round < 10; round += 1) {
    runs.push(...(await Promise.all(Array.from({ length: 20 }, () => system.press('quick')))));
  }
  const ended = await system.allEnded(runs.map(({ id }) => id));
  expect(ended.filter(({ state }) => state !== 'succeeded')).toEqual([]);
  const lines = system.ledger.lines();
  expect([...lines].sort()).toEqual(runs.map(({ id }) => id).sort());
  expect(ended.map(({ sequence }) => sequence).sort((a, b) => a - b)).toEqual(runs.map((_, i) => i + 1));
  const byAgent = Map.groupBy(ended, ({ agent }) => agent?.name);
  expect(byAgent.get('left')?.length).toBeGreaterThan(20);
  expect(byAgent.get('right')?.length).toBeGreaterThan(20);
});

test('no agent does more of an action at once than its file allows', async () => {
  const runs = await Promise.all(Array.from({ length: 10 }, () => system.press('twice-at-once')));
  await system.allEnded(runs.map(({ id }) => id));
  let now = 0;
  let most = 0;
  for (const line of readFileSync(`${system.ledger.path}.spans`, 'utf8').trim().split('\n')) {
    now += line.startsWith('+') ? 1 : -1;
    most = Math.max(most, now);
  }
  // Two agents, two each.
  expect(most).toBeLessThanOrEqual(4);
  expect(most).toBeGreaterThan(1);
});

test('the order is priority, then turns over the actions, then age', async () => {
  const hold = await system.press('hold');
  await system.reached(hold.id, ['running']);
  const names = new Map<string, string>();
  const press = async (action: string, priority?: number): Promise<void> => {
    const run = await system.press(action, priority === undefined ? {} : { priority });
    names.set(run.id, `${action}${run.sequence}`);
  };
  for (let index = 0; index < 5; index += 1) await press('a');
  for (let index = 0; index < 2; index += 1) await press('b');
  await press('urgent', 50);
  const group = await system.ask<{ queued: number }>('GET', '/v1/projects/default/groups/solo');
  expect(group.queued).toBe(8);
  const before = system.ledger.lines().length;
  writeFileSync(`${system.ledger.path}.open`, '');
  await system.allEnded([...names.keys()]);
  const order = system.ledger
    .lines()
    .slice(before)
    .map((id) => names.get(id));
  expect(order).toEqual(['urgent1', 'a1', 'b1', 'a2', 'b2', 'a3', 'a4', 'a5']);
});

test('kill -9 of an agent: what may be done again is, by a new attempt; all else is indeterminate and keeps its slot', async () => {
  const again = await system.press('again');
  const once = [await system.press('once'), await system.press('once')];
  await Promise.all([again, ...once].map(({ id }) => system.reached(id, ['running'])));
  await until('all were executed', () => [again, ...once].every(({ id }) => system.ledger.count(id) === 1));
  const holder = (await system.run(again.id)).agent?.name;
  const victim = holder === 'left' ? left : right;
  const [lost, kept] = (await Promise.all(once.map(({ id }) => system.run(id)))).toSorted((run) =>
    run.agent?.name === victim.name ? -1 : 1,
  );
  if (lost === undefined || kept === undefined) throw new Error('two were pressed');
  // Each agent does one of them at a time.
  expect([lost.agent?.name, kept.agent?.name].sort()).toEqual(['left', 'right']);
  await victim.kill('SIGKILL');
  // The keeper of the dead agent kills what it had started, without waiting for a restart.
  await until('nothing of the lost run is left', async () => (await processesOf(lost.id)).length === 0);
  expect((await system.run(lost.id)).state).toBe('running');

  const reborn = await system.startAgent(victim.name, { hcl: agentFile('main', 4), groups: ['main'] });
  const settled = await system.ended(again.id);
  expect(settled).toMatchObject({ state: 'succeeded', attempt: 2 });
  expect(system.ledger.count(again.id)).toBe(2);
  expect(statesOf(await system.events(again.id))).toEqual([
    'queued',
    'offered',
    'running',
    'queued',
    'offered',
    'running',
    'succeeded',
  ]);
  const verdict = await system.reached(lost.id, ['indeterminate']);
  expect(verdict.failure?.code).toBe('agent_interrupted');
  expect(system.ledger.count(lost.id)).toBe(1);

  // One each is still taken: by the run that goes on, and by the one whose end nobody knows.
  const next = await system.press('once');
  await delay(1_500);
  expect((await system.run(next.id)).state).toBe('queued');
  const released = await system.ask<Run>('POST', `/v1/runs/${lost.id}/release`, {
    reason: 'looked at the machine: it is not deployed',
  });
  expect(released.state).toBe('indeterminate');
  const taken = await system.reached(next.id, ['running']);
  expect(taken.agent?.name).toBe(reborn.name);
  for (const { id } of [kept, next]) {
    await system.ask('POST', `/v1/runs/${id}/cancel`, {});
    await system.reached(id, ['canceled']);
    expect(system.ledger.count(id)).toBe(1);
  }
});

test('the audit of all of it is whole', async () => {
  expect(await system.ask('POST', '/v1/audit/verify', {})).toMatchObject({ valid: true });
});
