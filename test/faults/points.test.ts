// Death at every named point between two durable steps, one after the other, each time in the middle of something.
// What the death before left is found by the process that dies next.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { FaultPoint } from '../../control-plane/runs/contract.ts';
import { openPresser } from '../support/presser.ts';
import { runProgram } from '../support/processes.ts';
import { copySources, quickNetwork } from '../support/sources.ts';
import type { Sources } from '../support/sources.ts';
import { System } from '../support/system.ts';
import { faultyFile, lies } from '../support/truth.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

let sources: Sources;

beforeAll(() => {
  sources = copySources(quickNetwork);
});

afterAll(() => {
  sources[Symbol.dispose]();
});

/** What has to happen for the control plane to come there. */
const serverPoints: Readonly<Record<FaultPoint, 'press' | 'cancel' | 'refuse' | 'connect'>> = {
  'before-request-commit': 'press',
  'after-request-commit': 'press',
  'after-offer-commit': 'press',
  'after-offer-sent': 'press',
  'before-accept-commit': 'press',
  'after-accept-commit': 'press',
  'after-go-sent': 'press',
  'before-report-commit': 'press',
  'after-report-commit': 'press',
  'before-end-commit': 'press',
  'after-end-commit': 'press',
  'after-cancel-commit': 'cancel',
  'after-refuse-commit': 'refuse',
  'after-reconcile-commit': 'connect',
};

async function dieAtServerPoints(root: string): Promise<readonly string[]> {
  await using system = await System.open({ groups: ['main'], sources: root });
  const presser = openPresser(system);
  await system.startAgent('survivor', { hcl: faultyFile(system) });
  await system.publish();
  const pressing: Promise<unknown>[] = [];
  for (const [point, provoke] of Object.entries(serverPoints)) {
    await system.stopServer('SIGKILL');
    await system.startServer({ WAYSIDE_FAULT: point, NODE_ENV: 'test' });
    const actions =
      provoke === 'refuse' ? ['spaced', 'spaced'] : provoke === 'connect' ? [] : ['lines', 'again'];
    for (const action of actions) pressing.push(presser.press(action));
    if (provoke === 'cancel') pressing.push(presser.press('late').then((id) => cancel(system, id)));
    const died = await Promise.race([system.server.ended, delay(30_000, null)]);
    expect(died, `it came to ${point}`).toEqual({ code: null, signal: 'SIGKILL' });
  }
  await system.startServer();
  await Promise.all(pressing);
  return await lies(system, presser.presses, { agentDied: false });
}

test('the control plane dies at each point of a run', async () => {
  expect(await dieAtServerPoints(sources.root)).toEqual([]);
});

test.runIf(process.env['WAYSIDE_LONG'] !== undefined)(
  'and if it forgot what was asked under a key, it would do it twice',
  async () => {
    using changed = copySources([
      ...quickNetwork,
      { file: 'control-plane/runs/request.ts', find: '...(press.remember?.(id) ?? []),', replace: '' },
    ]);
    expect((await dieAtServerPoints(changed.root)).join('\n')).toMatch(/was never asked for/);
  },
);

/** Asks until somebody answers; it may have ended by then. */
async function cancel(system: System, run: string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await system.api('POST', `/v1/runs/${run}/cancel`, {}).catch(() => null);
    if (answer !== null && answer.status !== 503) return;
    await delay(100);
  }
  throw new Error('nobody answers a cancel');
}

/** Points of the agent; with a number, that time of coming there. */
const agentPoints = [
  'recovered',
  'hello.sent',
  'accepted.written',
  'accept.sent',
  'begun.durable',
  'execute.starting',
  'executed',
  'ended.durable',
  'end.sent',
  'journal.written:1',
  'journal.written:2',
  'journal.flushed:2',
  'journal.written:3',
  'journal.flushed:3',
  'journal.written:5',
];

test('the agent dies at each point of a run', async () => {
  await using system = await System.open({ groups: ['main'], sources: sources.root });
  const presser = openPresser(system);
  const file = faultyFile(system);
  const first = await system.startAgent('victim', { hcl: file });
  await system.publish();
  await first.kill('SIGKILL');
  for (const point of agentPoints) {
    await presser.press('lines');
    await presser.press('again');
    const agent = await system.launchAgent('victim', {
      hcl: file,
      environment: { WAYSIDE_AGENT_FAULT: point, NODE_ENV: 'test' },
    });
    const died = await Promise.race([agent.ended, delay(30_000, null)]);
    expect(died, `it came to ${point}: ${agent.stderr()}`).toEqual({ code: null, signal: 'SIGKILL' });
  }
  await system.startAgent('victim', { hcl: file });
  expect(await lies(system, presser.presses, { agentDied: true })).toEqual([]);
});

test('nobody but a test can switch such a point on', async () => {
  const server = await runProgram('cli/main.ts', ['server', '--data', '/nonexistent'], {
    environment: { WAYSIDE_FAULT: 'after-go-sent' },
  });
  expect(server.code).toBe(64);
  expect(server.stderr).toMatch(/fault tests only/);
  const agent = await runProgram('agent/main.ts', ['run', '-c', '/nonexistent'], {
    environment: { WAYSIDE_AGENT_FAULT: 'begun.durable' },
  });
  expect(agent.code).toBe(78);
  expect(agent.stderr).toMatch(/fault tests only/);
});
