// Heads of the audit trail, over a whole system: handed to the agent, used from there for a verification, and a trail
// that was cut off behind the control plane's back is noticed by the agent (rules.md 32).
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { shell, System, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';
import { wayside } from '../support/wayside.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let system: System;
let agent: AgentProcess;

beforeAll(async () => {
  system = await System.open({ groups: ['main'] });
  agent = await system.startAgent('one', {
    hcl: `
      group "main" {
        action "quick" {
          run {
            ${shell('true')}
          }
        }
      }
    `,
  });
  await system.publish();
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
});

const main = join(import.meta.dirname, '../../agent/main.ts');

function heads(...args: readonly string[]) {
  const all = [main, 'heads', '--state-dir', agent.stateFolder, ...args];
  const done = spawnSync(process.execPath, all, { encoding: 'utf8' });
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
}

interface Listed {
  readonly heads: readonly { readonly number: number; readonly position: number }[];
  readonly conflicts: readonly { readonly kind: string }[];
}
const listed = () => JSON.parse(heads('--json').stdout) as Listed;

/** Signs what there is, as `wayside audit head` does, and lets a run's end carry it to the agent. */
async function handOver(): Promise<{ readonly number: number; readonly position: number }> {
  await system.ask('GET', '/v1/audit/head');
  const known = listed().heads.at(-1)?.number ?? 0;
  await system.ended((await system.press('quick')).id);
  return until('the agent has another head', () => {
    const head = listed().heads.at(-1);
    return head !== undefined && head.number > known ? head : null;
  });
}

async function verify(file: string) {
  const environment = { WAYSIDE_URL: system.url, WAYSIDE_TOKEN: system.token };
  return wayside(['--json', 'audit', 'verify', '--against', file], { environment });
}

test('an agent has the newest head, and one of it verifies the trail', async () => {
  await handOver();
  const head = await handOver();
  expect(head.position).toBeGreaterThan(1);
  const file = join(system.folder, 'head.json');
  const exported = heads('--export');
  expect(exported).toMatchObject({ code: 0, stderr: '' });
  writeFileSync(file, exported.stdout);
  const verified = await verify(file);
  expect(verified.code).toBe(0);
  expect(JSON.parse(verified.stdout)).toMatchObject({ valid: true });
  expect(heads().stdout).toContain(`head ${head.number}: event ${head.position}`);
  expect(heads('--export', '999999')).toMatchObject({ code: 69, stdout: '' });
});

test('a trail that was cut off is noticed by the agent, told, and found by its head', async () => {
  const head = await handOver();
  await system.stopServer('SIGTERM');
  cutOff(head.position - 1);
  await system.startServer();
  await agent.connected(2);
  await agent.said(/contradicts a head that this agent keeps/);
  expect(heads()).toMatchObject({ code: 1, stdout: expect.stringContaining('CONTRADICTED') });
  await until('the contradiction is an event', async () => {
    const { items } = await system.ask<{ items: { details: Record<string, unknown>; result: string }[] }>(
      'GET',
      '/v1/audit?operation=audit.contradict',
    );
    return items[0]?.result === 'failed';
  });
  expect(system.log()).toContain('an agent keeps a head that this audit trail contradicts');
  const file = join(system.folder, 'kept.json');
  writeFileSync(file, heads('--export', String(head.number)).stdout);
  const verified = await verify(file);
  expect(verified.code).toBe(1);
  expect(JSON.parse(verified.stdout)).toMatchObject({ valid: false });
});

/** What somebody with the database in their hands would do: everything after that event never was. */
function cutOff(position: number): void {
  const database = new DatabaseSync(join(system.dataFolder, 'wayside.db'));
  database.prepare('delete from audit_events where position is null or position > ?').run(position);
  database.prepare('delete from audit_heads where position > ?').run(position);
  database
    .prepare(
      `update audit_ends set position = ?,
         hash = (select hash from audit_events where position = ?)`,
    )
    .run(position, position);
  database.close();
}
