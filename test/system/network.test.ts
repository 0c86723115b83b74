// Between agent and control plane: proxies, cuts, silence, restarts. The run goes on, and nothing of it is lost or
// told twice. Both sides run with heartbeats of a second, so that silence is noticed within seconds.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Run } from '../../protocol/api/runs.ts';
import { isFinal } from '../../protocol/states.ts';
import { openConnectProxy } from '../support/connect-proxy.ts';
import { copySources, quickNetwork } from '../support/sources.ts';
import type { Sources } from '../support/sources.ts';
import { outputOf, shell, statesOf, System, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { watchStream } from '../support/watcher.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let sources: Sources;
let system: System;
let network: TcpProxy;
let agent: AgentProcess;

beforeAll(async () => {
  sources = copySources(quickNetwork);
  system = await System.open({ groups: ['main', 'behind'], sources: sources.root });
  network = await openTcpProxy({ port: system.agentPort });
  agent = await system.startAgent('far', { hcl: agentFile('main'), agentPort: network.port });
  await system.publish('main');
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
  sources[Symbol.dispose]();
});

function agentFile(group: string): string {
  return `
    agent {
      concurrency = 4
    }
    group "${group}" {
      action "${group}-lines" {
        input "count" {
          type = number
          min  = 1
          max  = 1000
        }
        run {
          ${shell(`${system.ledger.record}; for i in $(seq 1 "$COUNT"); do echo "line $i"; sleep 0.1; done`)}
          env = { COUNT = tostring(var.count) }
        }
      }
    }
  `;
}

function linesTo(count: number): string {
  return Array.from({ length: count }, (_, index) => `line ${index + 1}\n`).join('');
}

/** What everybody must see in the end, whatever happened in between. */
async function expectWhole(run: Run, count: number): Promise<void> {
  const ended = await system.reached(run.id, ['succeeded']);
  const events = await system.events(run.id);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(statesOf(events)).toEqual(['queued', 'offered', 'running', 'succeeded']);
  expect(outputOf(events)).toBe(linesTo(count));
  expect(ended).toMatchObject({ attempt: 1, outcome: { truncated: false } });
  expect(system.ledger.count(run.id)).toBe(1);
}

async function begun(run: Run): Promise<void> {
  await until(`${run.id} prints`, async () => (await system.output(run.id)).length > 0);
}

test('a connection that is cut again and again costs a run nothing', async () => {
  const run = await system.press('main-lines', { inputs: { count: 40 } });
  await begun(run);
  for (let cuts = 1; cuts <= 3; cuts += 1) {
    network.cut();
    await agent.connected(cuts + 1);
  }
  expect((await system.run(run.id)).state).toBe('running');
  await expectWhole(run, 40);
});

test('a connection that goes silent is noticed; the run goes on, and its end arrives when the network is back', async () => {
  const run = await system.press('main-lines', { inputs: { count: 30 } });
  await begun(run);
  network.halfOpen();
  const silent = await until('the silence is noticed', async () => {
    const seen = await system.run(run.id);
    return seen.agent_unreachable_since === null ? null : seen;
  });
  expect(silent.state).toBe('running');
  // The first missed heartbeat is shown on the run; the connection is given up a little later.
  await until('it is offline', async () => (await system.agentNamed('far')).status === 'offline');
  // It ends out there, and nobody here can know.
  await delay(2_500);
  expect((await system.run(run.id)).state).toBe('running');
  network.heal();
  await expectWhole(run, 30);
  expect((await system.run(run.id)).agent_unreachable_since).toBeNull();
});

test('a press while the agent cannot be reached waits, and is executed once when it is back', async () => {
  network.refuse();
  network.cut();
  await until('it is offline', async () => (await system.agentNamed('far')).status === 'offline');
  const run = await system.press('main-lines', { inputs: { count: 2 } });
  await delay(500);
  expect((await system.run(run.id)).state).toBe('queued');
  network.heal();
  await expectWhole(run, 2);
});

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'a control plane that ends by %s in the middle of a run finds it again; watchers resume where they were',
  async (signal) => {
    const run = await system.press('main-lines', { inputs: { count: 40 } });
    const watching = watchStream(system, run.id);
    await begun(run);
    await delay(300);
    await system.stopServer(signal);
    const before = await watching;
    // Who ends in order ends its streams in order, too; either way the run's own end is still to come.
    expect(before.complete).toBe(signal === 'SIGTERM');
    expect(before.events.some((event) => event.kind === 'state' && isFinal(event.state))).toBe(false);
    await system.startServer();
    const lastEventId = before.ids.at(-1) ?? '';
    const after = await watchStream(system, run.id, { lastEventId });
    await expectWhole(run, 40);
    const seen = [...before.events, ...after.events];
    expect(seen).toEqual(await system.events(run.id));
  },
);

test('an agent that starts before its control plane waits for it', async () => {
  await system.stopServer('SIGTERM');
  await agent.kill('SIGTERM');
  agent = await system.launchAgent('far', { hcl: agentFile('main'), agentPort: network.port });
  await agent.said(/"code":"unreachable"/);
  await system.startServer();
  await agent.connected();
  const run = await system.press('main-lines', { inputs: { count: 1 } });
  await expectWhole(run, 1);
});

test('an agent gets out through an HTTP proxy with its credentials, and not without', async () => {
  await using proxy = await openConnectProxy({ user: 'agent', password: 'p:a ss' });
  const options = { hcl: agentFile('behind'), groups: ['behind'] };
  const wrong = await system.launchAgent('caged', {
    ...options,
    environment: { WAYSIDE_AGENT_PROXY: `http://agent:wrong@127.0.0.1:${proxy.port}` },
  });
  await wrong.said(/407|proxy/i);
  expect(wrong.stderr()).not.toContain('wrong');
  await wrong.kill('SIGTERM');
  const caged = await system.startAgent('caged', {
    ...options,
    environment: { WAYSIDE_AGENT_PROXY: proxy.url },
  });
  await system.publish('behind');
  const run = await system.press('behind-lines', { inputs: { count: 20 } });
  await begun(run);
  proxy.cut();
  await caged.connected(2);
  await expectWhole(run, 20);
  const target = `127.0.0.1:${system.agentPort}`;
  expect(new Set(proxy.log.map(({ target: to, status }) => `${to} ${status}`))).toEqual(
    new Set([`${target} 407`, `${target} 200`]),
  );
});

test('the audit of all of it is whole', async () => {
  expect(await system.ask('POST', '/v1/audit/verify', {})).toMatchObject({ valid: true });
});
