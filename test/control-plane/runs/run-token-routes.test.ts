// Every route of the control plane is tried with the token of a run: nothing but its own run is there for it.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mintRunToken } from '../../../control-plane/runs/run-token.ts';
import { advertise } from '../../support/advertise.ts';
import { engine } from '../../support/engine.ts';
import { callApi, startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
let run: string;
let other: string;
let token: string;

const p = '/v1/projects/default';

describe.skipIf(engine === 'postgres')('the token of a run', () => {
  beforeAll(async () => {
    server = await startTestServer({ options: { 'requests-per-minute': '1000000' } });
    const group = await server.api('POST', `${p}/groups`, { name: 'main' });
    const agent = advertise(server.dataFolder, { group: group.body.id, operations: [{ operation: 'copy' }] });
    await server.api('POST', `${p}/actions`, { name: 'copy', group: 'main', operation: 'copy' });
    run = (await server.api('POST', `${p}/actions/copy/runs`, {})).body.id;
    other = (await server.api('POST', `${p}/actions/copy/runs`, {})).body.id;
    token = beginAttempt(run, agent);
    beginAttempt(other, agent);
  });
  afterAll(() => server.close());

  const as = (method: string, path: string, body?: unknown) =>
    callApi({ url: server.url, token, method, path, body });

  test('is good for its own run', async () => {
    expect(await as('GET', `/v1/runs/${run}`)).toMatchObject({ status: 200, body: { id: run } });
    expect(await as('GET', `/v1/runs/${run}/events`)).toMatchObject({ status: 200 });
    expect(await as('POST', `/v1/runs/${run}/status`, { message: 'here' })).toMatchObject({ status: 201 });
    const wrong = [{}, { message: '' }, { message: 'a', values: 1 }, { message: 'a', more: 1 }];
    for (const body of wrong) {
      expect(await as('POST', `/v1/runs/${run}/status`, body)).toMatchObject({ status: 400 });
    }
    const values = { long: 'x'.repeat(20_000) };
    expect((await as('POST', `/v1/runs/${run}/status`, { message: 'a', values })).status).toBe(400);
  });

  test('finds nothing at the run beside it', async () => {
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/events'],
      ['POST', '/status'],
      ['POST', '/cancel'],
      ['POST', '/release'],
    ] as const) {
      const body = method === 'POST' ? { message: 'x', reason: 'x' } : undefined;
      expect(await as(method, `/v1/runs/${other}${path}`, body)).toMatchObject({ status: 404 });
    }
  });

  test('is turned away by every other route, with its own run in the path or without', async () => {
    const allowed = ['GET /v1/runs/:run', 'GET /v1/runs/:run/events', 'POST /v1/runs/:run/status'];
    const routes = server.routes.filter(
      ({ method, url, permission }) =>
        method !== 'HEAD' && permission !== 'public' && !allowed.includes(`${method} ${url}`),
    );
    expect(routes.length).toBeGreaterThan(100);
    const wrong: string[] = [];
    for (const { method, url } of routes) {
      const path = url.replace(/:(\w+)/g, (_whole, name: string) => values[name] ?? run);
      const answer = await as(method, path, ['GET', 'DELETE'].includes(method) ? undefined : {});
      if (![401, 403, 404].includes(answer.status)) wrong.push(`${method} ${url}: ${answer.status}`);
    }
    expect(wrong).toEqual([]);
  });

  test('is no token of anybody where tokens are given out or looked at', async () => {
    for (const path of ['/oauth2/token', '/oauth2/introspect', '/oauth2/revoke']) {
      const answer = await fetch(server.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: new URLSearchParams({
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: token,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          token,
        }),
      });
      expect([path, answer.status >= 400]).toEqual([path, true]);
      expect(await answer.text()).not.toContain('access_token"');
    }
  });
});

const values: Readonly<Record<string, string>> = {
  project: 'default',
  group: 'main',
  action: 'copy',
  principal: 'self',
};

/** As if an agent had accepted it: there is none in this test. */
function beginAttempt(id: string, agent: string): string {
  let salts = 0;
  const { text, hash } = mintRunToken({ salt: () => `${id.slice(-12)}${(salts += 1)}`.padEnd(22, 'x') });
  const database = new DatabaseSync(join(server.dataFolder, 'wayside.db'), { timeout: 5_000 });
  database
    .prepare(`update runs set state = 'running', attempt = 1, agent = ?, started_at = ? where id = ?`)
    .run(agent, Date.now(), id);
  database
    .prepare('insert into run_tokens (run, attempt, hash, made_at, expires_at) values (?, 1, ?, ?, ?)')
    .run(id, hash, Date.now(), Date.now() + 3_600_000);
  database.close();
  return text;
}
