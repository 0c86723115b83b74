// How a control plane goes: with its agents handed on, its streams and requests ended in order, and code 0. Real
// processes and real signals.
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { System, until } from '../../support/system.ts';

const hcl = `
group "main" {
  action "note" {
    status {
      message = "noted"
      status  = "complete"
    }
  }
  action "long" {
    run {
      command = ["sleep", "3"]
    }
  }
}
`;

interface Problem {
  readonly status?: string;
  readonly code?: string;
  readonly reasons?: readonly { readonly code: string }[];
}

test('says that it is not ready, serves on while balancers notice, and ends with 0', async () => {
  await using system = await System.open({ groups: ['main'], options: { 'drain-seconds': '2' } });
  const ready = await fetch(`${system.url}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
  const ended = system.stopServer('SIGTERM');
  const answer = await until('it says so', async () => {
    const seen = await fetch(`${system.url}/readyz`);
    return seen.status === 503 ? seen : null;
  });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.headers.get('retry-after')).toBe('1');
  const problem = (await answer.json()) as Problem;
  expect(problem.code).toBe('unavailable');
  expect(problem.reasons?.map(({ code }) => code)).toEqual(['leaving']);
  expect((await fetch(`${system.url}/healthz`)).status).toBe(200);
  expect((await system.api('GET', '/v1/whoami')).status).toBe(200);
  expect(await ended).toEqual({ code: 0, signal: null });
  await expect(fetch(`${system.url}/healthz`)).rejects.toThrow();
  expect(system.log()).toContain('"kind":"leaving","signal":"SIGTERM"');
}, 60_000);

test('finishes a request that is under way, ends streams in order, and hands its agents on at once', async () => {
  await using system = await System.open({ groups: ['main'] });
  const agent = await system.startAgent('one', { hcl });
  await system.publish();
  const run = await system.press('long');
  await system.reached(run.id, ['running']);
  const stream = await fetch(`${system.url}/v1/runs/${run.id}/events`, {
    headers: { authorization: `Bearer ${system.token}`, accept: 'text/event-stream' },
  });
  // A press whose body is still on its way when the signal comes.
  const body = '{}';
  const pressing = new Promise<number>((resolve, reject) => {
    const sent = request(
      `${system.url}/v1/projects/default/actions/note/runs`,
      {
        method: 'POST',
        headers: {
          authorization: `Bearer ${system.token}`,
          'content-type': 'application/json',
          'content-length': String(body.length),
        },
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.on('error', reject);
    sent.write(body.slice(0, 1));
    void delay(1_500).then(() => sent.end(body.slice(1)));
  });
  await delay(500);
  const ended = system.stopServer('SIGTERM');
  // The end of the chunks, not a broken connection.
  expect(await stream.text()).toContain('event: state');
  expect(await pressing).toBe(201);
  expect((await ended).code).toBe(0);
  await agent.said(/"code":4504/);
  const waits = [...agent.stderr().matchAll(/"code":4504,"retry_ms":(\d+)/g)].map(([, ms]) => Number(ms));
  expect(waits.length).toBeGreaterThan(0);
  // Jitter, and no more than that.
  for (const ms of waits) expect(ms).toBeLessThanOrEqual(1_000);
  await system.startServer();
  await agent.connected(2);
  expect((await system.ended(run.id)).state).toBe('succeeded');
  const { items } = await system.ask<{ items: readonly { state: string }[] }>(
    'GET',
    '/v1/projects/default/runs',
  );
  expect(items).toHaveLength(2);
}, 90_000);

test('ends at once at a second signal', async () => {
  await using system = await System.open({ options: { 'drain-seconds': '60' } });
  void system.stopServer('SIGTERM');
  await system.server.said(/"kind":"leaving"/);
  expect(await system.stopServer('SIGTERM')).toEqual({ code: 143, signal: null });
}, 60_000);
