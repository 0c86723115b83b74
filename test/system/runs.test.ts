// One press after the other through a whole system: states, events, output, inputs, secret headers, ends.
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Run } from '../../protocol/api/runs.ts';
import { outputOf, shell, statesOf, System, until } from '../support/system.ts';
import { processesOf } from '../support/tagged.ts';
import { watchStream } from '../support/watcher.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const deployerKey = 'deployer-key-a1b2c3d4e5';

interface Service {
  readonly server: Server;
  readonly port: number;
  readonly seen: {
    readonly method: string;
    readonly url: string;
    readonly key: string;
    readonly body: string;
  }[];
}

let system: System;
let service: Service;

beforeAll(async () => {
  service = await openService();
  system = await System.open({ groups: ['main'] });
  await system.startAgent('basement', {
    hcl: agentFile(),
    environment: { DEPLOYER_KEY: deployerKey },
  });
  await system.publish();
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  service.server.close();
});

/** A private service that refuses whoever does not show the key. */
async function openService(): Promise<Service> {
  const seen: Service['seen'] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const key = String(request.headers['x-deployer-key'] ?? '');
      seen.push({ method: request.method ?? '', url: request.url ?? '', key, body });
      if (request.url === '/broken') response.writeHead(500).end('broken');
      else if (key !== deployerKey) response.writeHead(401).end('{}');
      else response.writeHead(200).end(`{"deployment":"d-${seen.length}"}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port, seen };
}

function agentFile(): string {
  const { record, path } = system.ledger;
  return `
    agent {
      concurrency = 8
      env_allow   = ["DEPLOYER_KEY"]
      network {
        allow = ["127.0.0.1:${service.port}"]
      }
    }
    group "main" {
      action "hello" {
        input "name" {
          type    = string
          pattern = "^[A-Za-z]{1,40}$"
        }
        input "big" {
          type    = number
          default = 0
        }
        run {
          ${shell(`${record}; echo "hello $NAME $BIG"`)}
          env = {
            NAME = var.name
            BIG  = tostring(var.big)
          }
        }
      }
      action "count" {
        run {
          ${shell(`${record}; for i in 1 2 3 4 5 6 7 8; do echo "line $i"; sleep 0.12; done`)}
        }
      }
      action "long" {
        run {
          ${shell(`${record}; seq 1 60000`)}
        }
      }
      action "promote" {
        input "version" {
          pattern = "^v[0-9]+$"
        }
        operation {
          name = "deploy"
          http {
            method  = "POST"
            url     = "http://127.0.0.1:${service.port}/promote/\${var.version}"
            headers = { X-Deployer-Key = env("DEPLOYER_KEY") }
            body    = jsonencode({ version = var.version, run = waypoint.run_id })
          }
        }
        operation {
          status {
            message = "promoted \${var.version}"
            values  = { answer = operation.deploy.response.status }
            status  = "complete"
          }
        }
        output "deployment" {
          value = jsondecode(operation.deploy.response.body).deployment
        }
      }
      action "broken-service" {
        http {
          url = "http://127.0.0.1:${service.port}/broken"
        }
      }
      action "other-port" {
        http {
          url = "http://127.0.0.1:9/"
        }
      }
      action "escape" {
        run {
          ${shell(`${record}; sleep 300 & setsid sleep 300 & (setsid sh -c 'trap "" TERM; sleep 300 & wait' &) ; echo started; wait`)}
        }
      }
      action "slow" {
        timeout = "1s"
        run {
          ${shell(`${record}; setsid sleep 300 & sleep 300`)}
        }
      }
      action "single" {
        concurrency = 1
        run {
          ${shell(`${record}; while [ ! -e '${path}.open' ]; do sleep 0.05; done`)}
        }
      }
    }
  `;
}

function nothingIsLeftOf(run: Run): Promise<unknown> {
  return until(`nothing is left of ${run.id}`, async () => (await processesOf(run.id)).length === 0);
}

describe('a press', () => {
  test('is queued, offered, running and succeeded, is executed once, and its output is kept', async () => {
    const run = await system.press('hello', { inputs: { name: 'Ada' } });
    const ended = await system.ended(run.id);
    expect(ended).toMatchObject({
      state: 'succeeded',
      attempt: 1,
      agent: { name: 'basement' },
      outcome: { result: 'succeeded', operations: [{ exit_code: 0 }] },
    });
    expect(ended.queued_at).toBeLessThanOrEqual(ended.offered_at ?? 0);
    expect(ended.offered_at).toBeLessThanOrEqual(ended.started_at ?? 0);
    expect(ended.started_at).toBeLessThanOrEqual(ended.ended_at ?? 0);
    const events = await system.events(run.id);
    expect(statesOf(events)).toEqual(['queued', 'offered', 'running', 'succeeded']);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(ended.last_event).toBe(events.length);
    expect(outputOf(events)).toBe('hello Ada 0\n');
    expect(system.ledger.count(run.id)).toBe(1);
  });

  test('carries every digit of a number from the body of the request to the command', async () => {
    const body = '{"inputs":{"name":"Ada","big":12345678901234567890.125}}';
    const run = await system.ask<Run>('POST', '/v1/projects/default/actions/hello/runs', body);
    await system.reached(run.id, ['succeeded']);
    expect(await system.output(run.id)).toBe('hello Ada 12345678901234567890.125\n');
  });

  test('keeps all of a long output, in order', async () => {
    const run = await system.press('long');
    await system.reached(run.id, ['succeeded']);
    const expected = Array.from({ length: 60_000 }, (_, index) => `${index + 1}\n`).join('');
    expect(await system.output(run.id)).toBe(expected);
  });

  test('counts the runs of its action', async () => {
    const first = await system.press('hello', { inputs: { name: 'Ada' } });
    const second = await system.press('hello', { inputs: { name: 'Ada' } });
    expect(second.sequence).toBe(first.sequence + 1);
    await Promise.all([system.ended(first.id), system.ended(second.id)]);
  });

  test.each([
    ['that breaks its pattern', { name: 'x; touch f' }, 'name'],
    ['that is missing', {}, 'name'],
    ['that nobody declares', { name: 'Ada', colour: 'red' }, 'colour'],
    ['of the wrong type', { name: 'Ada', big: 'many' }, 'big'],
  ])('with an input %s is refused and reaches no agent', async (_what, inputs, named) => {
    const before = system.ledger.lines().length;
    const answer = await system.api<{ code: string }>('POST', '/v1/projects/default/actions/hello/runs', {
      inputs,
    });
    expect(answer.status).toBe(422);
    expect(answer.body.code).toBe('invalid_inputs');
    expect(answer.text).toContain(named);
    expect(system.ledger.lines().length).toBe(before);
  });
});

describe('a watcher', () => {
  test('sees events while the run goes on, and resumes behind the last one without gap or duplicate', async () => {
    const run = await system.press('count');
    const isOutput = ({ kind }: { readonly kind: string }): boolean => kind === 'output';
    const first = await watchStream(system, run.id, {
      until: (events) => events.filter(isOutput).length >= 2,
    });
    expect((await system.run(run.id)).state).toBe('running');
    expect(first.complete).toBe(false);
    const lastEventId = first.ids.at(-1) ?? '';
    const second = await watchStream(system, run.id, { lastEventId });
    expect(second.complete).toBe(true);
    const all = [...first.events, ...second.events];
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
    expect(all).toEqual(await system.events(run.id));
    expect(outputOf(all)).toBe(
      '1 2 3 4 5 6 7 8'
        .split(' ')
        .map((n) => `line ${n}\n`)
        .join(''),
    );
    expect(all.filter(isOutput).length).toBeGreaterThan(3);
  });

  test('who comes at any time, and many at once, gets the same events', async () => {
    const run = await system.press('count');
    const watchers = [];
    for (let index = 0; index < 8; index += 1) {
      watchers.push(watchStream(system, run.id));
      await delay(120);
    }
    const seen = await Promise.all(watchers);
    const late = await watchStream(system, run.id);
    const stored = await system.events(run.id);
    for (const { events, complete } of [...seen, late]) {
      expect(complete).toBe(true);
      expect(events).toEqual(stored);
    }
  });
});

describe('an http operation', () => {
  test('sends the secret header that only the agent has; outputs and status tell what came back', async () => {
    const run = await system.press('promote', { inputs: { version: 'v7' } });
    const ended = await system.reached(run.id, ['succeeded']);
    const [request] = service.seen.filter(({ url }) => url === '/promote/v7');
    expect(request).toMatchObject({ method: 'POST', key: deployerKey });
    expect(JSON.parse(request?.body ?? '')).toEqual({ version: 'v7', run: run.id });
    expect(ended.outcome?.outputs['deployment']?.value).toMatch(/^d-\d+$/);
    const events = await system.events(run.id);
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: 'status',
        message: 'promoted v7',
        values: { answer: 200 },
        status: 'complete',
      }),
    );
    const known = await system.api('GET', '/v1/projects/default/groups/main/operations');
    expect(known.text).not.toContain(String(service.port));
  });

  test('fails on an answer that was not expected (R5)', async () => {
    const run = await system.press('broken-service');
    const ended = await system.reached(run.id, ['failed']);
    expect(ended.outcome).toMatchObject({ code: 'unexpected_status' });
    expect(ended.outcome?.operations[0]).toMatchObject({ http_status: 500 });
  });

  test('does not reach an address that the agent does not allow', async () => {
    const run = await system.press('other-port');
    expect((await system.reached(run.id, ['failed'])).outcome?.code).toBe('address_denied');
  });
});

describe('an idempotency key', () => {
  test('gives the same run to whoever repeats the request, twenty at once', async () => {
    const started = { inputs: { name: 'Once' }, key: 'press-once' };
    const runs = await Promise.all(Array.from({ length: 20 }, () => system.press('hello', started)));
    const ids = new Set(runs.map(({ id }) => id));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    await system.ended(id);
    expect((await system.press('hello', started)).id).toBe(id);
    expect(system.ledger.count(id)).toBe(1);
  });

  test('is refused with another body', async () => {
    const path = '/v1/projects/default/actions/hello/runs';
    const headers = { 'idempotency-key': 'one-body' };
    const first = await system.api<Run>('POST', path, { inputs: { name: 'Ada' } }, headers);
    const other = await system.api<{ code: string }>('POST', path, { inputs: { name: 'Eve' } }, headers);
    expect(first.status).toBe(201);
    expect(other.status).toBe(422);
    expect(other.body.code).toBe('idempotency_key_reused');
    await system.ended(first.body.id);
  });
});

describe.concurrent('the end', () => {
  test('a cancel leaves no descendant alive, not even one that called setsid or ignores SIGTERM', async () => {
    const run = await system.press('escape');
    const before = await until('its processes run', async () => {
      const pids = await processesOf(run.id);
      return pids.length >= 4 ? pids : null;
    });
    expect(before.length).toBeGreaterThanOrEqual(4);
    const answer = await system.ask<{ result: string }>('POST', `/v1/runs/${run.id}/cancel`, {
      reason: 'enough',
    });
    expect(answer.result).toBe('cancel_requested');
    const ended = await system.reached(run.id, ['canceled']);
    expect(await processesOf(run.id)).toEqual([]);
    expect(ended.outcome?.survivors).toEqual([]);
    expect(await system.events(run.id)).toContainEqual(
      expect.objectContaining({ kind: 'cancel', reason: 'enough' }),
    );
  });

  test('an action that takes longer than its timeout is stopped and timed out', async () => {
    const run = await system.press('slow');
    const ended = await system.reached(run.id, ['timed_out']);
    expect((ended.ended_at ?? 0) - (ended.offered_at ?? 0)).toBeGreaterThanOrEqual(900);
    await nothingIsLeftOf(run);
    expect(system.ledger.count(run.id)).toBe(1);
  });

  test('what waits behind a limit is canceled at once or expires, and never starts', async () => {
    const holder = await system.press('single');
    await system.reached(holder.id, ['running']);
    const waiting = await system.press('single');
    const expiring = await system.press('single', { expires_in_ms: 1_000 });
    await delay(200);
    expect((await system.run(waiting.id)).state).toBe('queued');
    const canceled = await system.ask<{ result: string }>('POST', `/v1/runs/${waiting.id}/cancel`, {});
    expect(canceled.result).toBe('canceled');
    expect((await system.ended(expiring.id)).state).toBe('expired');
    const again = await system.api<{ code: string }>('POST', `/v1/runs/${waiting.id}/cancel`, {});
    expect(again.body.code).toBe('run_not_cancelable');
    expect((await system.run(holder.id)).state).toBe('running');
    await system.ask('POST', `/v1/runs/${holder.id}/cancel`, {});
    await system.reached(holder.id, ['canceled']);
    await delay(300);
    expect(system.ledger.count(waiting.id) + system.ledger.count(expiring.id)).toBe(0);
  });
});

test('the audit of all of it is whole', async () => {
  const verdict = await system.ask<Record<string, unknown>>('POST', '/v1/audit/verify', {});
  expect(verdict).toMatchObject({ valid: true, problem: null });
});
