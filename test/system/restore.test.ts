// A restored backup, over a whole system: the runs that it has lost are rebuilt from what agents show, and what was
// taken away since does not come back by itself (rules.md 12).
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Agent } from '../../protocol/api/operations.ts';
import type { Run } from '../../protocol/api/runs.ts';
import { callApi } from '../support/server.ts';
import { outputOf, shell, statesOf, System, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';
import { wayside } from '../support/wayside.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

let system: System;
let agent: AgentProcess;
let gate: string;

beforeAll(async () => {
  system = await System.open({ groups: ['main'] });
  gate = join(system.folder, 'gates');
  mkdirSync(gate);
  agent = await system.startAgent('one', { hcl: agentFile() });
  await system.publish();
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
});

function agentFile(): string {
  const waits = `${system.ledger.record}; echo before; until test -e ${gate}/$WAYSIDE_RUN_ID; do sleep 0.05; done; echo after`;
  return `
    agent {
      concurrency = 8
    }
    group "main" {
      action "quick" {
        input "version" {
          type = string
        }
        run {
          ${shell(`${system.ledger.record}; echo "quick $V"; exit 3`)}
          env = { V = var.version }
        }
      }
      action "waits" {
        run {
          ${shell(waits)}
        }
      }
    }
  `;
}

async function backUp(name: string): Promise<string> {
  const file = join(system.folder, name);
  const key = join(system.folder, 'backup.key');
  const with_ = existsSync(key) ? ['--key-file', key] : ['--new-key', key];
  const environment = { WAYSIDE_URL: system.url, WAYSIDE_TOKEN: system.token };
  expect(await wayside(['backup', file, ...with_], { environment })).toMatchObject({ code: 0 });
  return file;
}

async function restore(file: string, ...flags: readonly string[]): Promise<Record<string, unknown>> {
  const args = ['--json', 'restore', file, '--data', system.dataFolder];
  const done = await wayside([...args, '--key-file', join(system.folder, 'backup.key'), ...flags]);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  return JSON.parse(done.stdout) as Record<string, unknown>;
}

async function begun(run: Run): Promise<void> {
  await until(`${run.id} prints`, async () => (await system.output(run.id)).includes('before'));
}

test('runs of after the backup are rebuilt with the truth, those in hand go on, and nothing runs twice', async () => {
  const kept = await system.ended((await system.press('quick', { inputs: { version: 'v1' } })).id);
  const waiting = await system.press('waits');
  await begun(waiting);
  const file = await backUp('a.backup');

  const over = await system.ended((await system.press('quick', { inputs: { version: 'v2' } })).id);
  const going = await system.press('waits');
  await begun(going);
  await system.stopServer();
  await restore(file, '--replace', '--trust-agents', '--keep-tokens');
  await system.startServer();
  await agent.connected(2);

  const rebuilt = await until('the past run is there again', async () => {
    const answer = await system.api<Run>('GET', `/v1/runs/${over.id}`);
    return answer.status === 200 ? answer.body : null;
  });
  expect(rebuilt).toMatchObject({
    state: 'failed',
    attempt: 1,
    action: { name: 'quick' },
    agent: { name: 'one' },
    requested_by: { name: 'owner' },
    definition_digest: over.definition_digest,
    inputs: {},
    outcome: { result: 'failed', exit_code: 3 },
    rebuilt: { missing: ['inputs', 'reason', 'output', 'details'] },
  });
  expect((await system.run(kept.id)).rebuilt).toBeNull();

  const again = await until('the run in hand is there again', async () => {
    const answer = await system.api<Run>('GET', `/v1/runs/${going.id}`);
    return answer.status === 200 ? answer.body : null;
  });
  expect(again).toMatchObject({ state: 'running', rebuilt: { missing: ['inputs', 'reason', 'output'] } });
  for (const run of [waiting, going]) writeFileSync(join(gate, run.id), '');
  for (const run of [waiting, going]) {
    await system.reached(run.id, ['succeeded']);
    const events = await system.events(run.id);
    expect(outputOf(events)).toContain('after\n');
    expect(system.ledger.count(run.id)).toBe(1);
  }
  expect(statesOf(await system.events(going.id))).toEqual(['running', 'succeeded']);
  expect(statesOf(await system.events(waiting.id)), 'of before the backup: it was never lost').toEqual([
    'queued',
    'offered',
    'running',
    'succeeded',
  ]);
  expect(system.ledger.count(over.id)).toBe(1);
  const { items } = await system.ask<{ items: { details: unknown; result: string }[] }>(
    'GET',
    '/v1/audit?operation=run.rebuild',
  );
  expect(items).toHaveLength(2);
});

test('who was revoked after the backup does not come back by itself, and neither do tokens', async () => {
  const second = await system.startAgent('two', { hcl: agentFile() });
  const file = await backUp('b.backup');
  await system.ask('POST', '/v1/projects/default/agents/two/revoke', {});
  await second.ended;
  await system.stopServer();
  // The disk is lost, but for the keyring, which was kept elsewhere: nothing tells of the revocation any more.
  const keyring = readFileSync(join(system.dataFolder, 'keyring.json'));
  renameSync(system.dataFolder, join(system.folder, 'lost'));
  mkdirSync(system.dataFolder, { mode: 0o700 });
  writeFileSync(join(system.dataFolder, 'keyring.json'), keyring, { mode: 0o600 });
  const restored = await restore(file);
  expect(restored).toMatchObject({ agents_held: 2, tokens: 0 });
  await system.startServer();
  rmSync(join(system.folder, 'lost'), { recursive: true });

  expect((await system.api('GET', '/v1/projects/default/agents')).status, 'the old token is no good').toBe(
    401,
  );
  const owner = async <Body>(method: string, path: string, body?: unknown): Promise<Body> => {
    const answer = await callApi<Body>({
      url: system.url,
      token: String(restored['token']),
      method,
      path,
      body,
    });
    if (answer.status >= 300) throw new Error(answer.text);
    return answer.body;
  };
  const path = '/v1/projects/default/agents';
  const held = await owner<{ items: readonly Agent[] }>('GET', path);
  expect(held.items.map(({ status }) => status)).toEqual(['pending_approval', 'pending_approval']);
  const revived = await system.launchAgent('two', { hcl: agentFile() });
  await revived.said(/approval_pending/);

  const { certificate_chain: chain } = JSON.parse(
    readFileSync(join(agent.stateFolder, 'identity.json'), 'utf8'),
  ) as { certificate_chain: string };
  const spki = new X509Certificate(chain).publicKey.export({ type: 'spki', format: 'der' });
  const fingerprint = createHash('sha256').update(spki).digest('hex');
  await owner('POST', `${path}/one/approve`, { fingerprint });
  await until('the one that a person approved is back', async () => {
    return (await owner<Agent>('GET', `${path}/one`)).status === 'online';
  });
  expect((await owner<Agent>('GET', `${path}/two`)).status).toBe('pending_approval');
  const { items } = await owner<{ items: { details: Record<string, unknown> }[] }>(
    'GET',
    '/v1/audit?operation=store.restore',
  );
  expect(items[0]?.details).toMatchObject({ agents_held: 2, epoch: 2 });
});
