// Variables over real HTTP. A sensitive value goes in and never comes out again, wherever one looks.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { advertise } from '../../support/advertise.ts';
import { must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
const project = '/v1/projects/default';
const variables = `${project}/variables`;
beforeAll(async () => {
  // Everything that can be logged is.
  server = await startTestServer({ options: { 'log-level': 'trace' } });
  const { id } = (await must(server.api('POST', `${project}/groups`, { name: 'prod' }))).body;
  const property = { type: 'string', 'x-wayside-sensitive': true };
  advertise(server.dataFolder, {
    group: id,
    operations: [
      {
        operation: 'promote',
        inputs: { type: 'object', properties: { token: property, region: { type: 'string' } } },
      },
    ],
  });
  await must(
    server.api('POST', `${project}/actions`, { name: 'promote', group: 'prod', operation: 'promote' }),
  );
});
afterAll(() => server.close());

const byNumber = (a: unknown, b: unknown) => Number(a) - Number(b);

test('is set, shown, set again and deleted', async () => {
  const made = await server.api('PUT', `${variables}/region`, { value: 'eu-west-1', description: 'where' });
  expect(made.status).toBe(201);
  expect(made.body).toMatchObject({
    name: 'region',
    value: 'eu-west-1',
    sensitive: false,
    action: null,
    bind: [],
  });
  const shown = await server.api('GET', `${variables}/region`);
  expect(shown.body).toEqual(made.body);
  expect(shown.headers.get('etag')).toBe('"1"');
  const again = await server.api('PUT', `${variables}/region`, { value: ['a', 1, null] });
  expect(again.status).toBe(200);
  expect(again.body).toMatchObject({ value: ['a', 1, null], description: '', revision: 2 });
  const put = (tag: string) => server.api('PUT', `${variables}/region`, { value: 1 }, { 'if-match': tag });
  expect((await put('"1"')).status).toBe(412);
  expect((await put('"2"')).body.revision).toBe(3);
  expect((await server.api('PUT', `${variables}/absent`, { value: 1 }, { 'if-match': '*' })).status).toBe(
    412,
  );
  expect((await server.api('DELETE', `${variables}/region`)).status).toBe(204);
  expect((await server.api('GET', `${variables}/region`)).body.code).toBe('not_found');
});

test('of many writers at once every one succeeds, and the last one wins', async () => {
  const put = (value: string, headers?: Record<string, string>) =>
    server.api('PUT', `${variables}/contended`, { value }, headers);
  const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => put(`value-${index}`)));
  expect(answers.map(({ status }) => status).filter((status) => status !== 200)).toEqual([201]);
  const { body } = await server.api('GET', `${variables}/contended`);
  expect(body.revision).toBe(40);
  const { items } = (await server.api('GET', '/v1/audit?operation=variable.update&limit=39')).body;
  const told = items.map(({ details }) => details as Record<'before' | 'after', Record<string, unknown>>);
  // Each event says what the one before it has made.
  const made = new Set(answers.map(({ body: { value } }) => value));
  expect(told.map(({ before }) => before['revision']).sort(byNumber)).toEqual(
    Array.from({ length: 39 }, (_, index) => index + 1),
  );
  expect(new Set(told.map(({ before }) => before['value'])).add(body['value'])).toEqual(made);
  expect((await put('last')).body['value']).toBe('last');

  const tag = { 'if-match': '"41"' };
  const guarded = await Promise.all(Array.from({ length: 10 }, (_, index) => put(`guarded-${index}`, tag)));
  expect(guarded.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(9).fill(412)]);
});

test('what it was and became is in the record, and of a sensitive one only that', async () => {
  await must(server.api('PUT', `${variables}/told`, { value: { zone: 'a' }, description: 'first' }));
  await must(server.api('PUT', `${variables}/told`, { value: 'x'.repeat(2_000) }));
  await must(server.api('PUT', `${variables}/told`, { value: 'hidden-sesame', sensitive: true }));
  const { body, text } = await server.api('GET', '/v1/audit?operation=variable.update&limit=2');
  expect(body.items.map(({ details }) => details)).toMatchObject([
    {
      before: { revision: 2, sensitive: false, value: { omitted: true } },
      after: { name: 'told', sensitive: true, value: { redacted: true } },
    },
    {
      before: { revision: 1, description: 'first', value: { zone: 'a' } },
      after: { description: '', value: { omitted: true } },
    },
  ]);
  expect(text).not.toContain('hidden-sesame');
  // Places that are left out stay as they are, and are not said to be none.
  expect(body.items.map(({ details }) => Object.keys((details as Record<'after', object>).after))).toEqual([
    ['action', 'description', 'name', 'sensitive', 'value'],
    ['action', 'description', 'name', 'sensitive', 'value'],
  ]);
});

test('of an action is another one than that of the project', async () => {
  await must(server.api('PUT', `${variables}/scoped`, { value: 'project' }));
  await must(server.api('PUT', `${variables}/scoped`, { value: 'action', action: 'promote' }));
  expect((await server.api('GET', `${variables}/scoped`)).body['value']).toBe('project');
  const scoped = await server.api('GET', `${variables}/scoped?action=promote`);
  expect(scoped.body).toMatchObject({ value: 'action', action: 'promote' });
  expect((await server.api('GET', `${variables}/scoped?action=none`)).body.code).toBe('not_found');
  expect((await server.api('DELETE', `${variables}/scoped?action=promote`)).status).toBe(204);
  expect((await server.api('GET', `${variables}/scoped`)).status).toBe(200);
});

test('that is too large, unnamed or bound in vain is refused', async () => {
  const put = (body: object) => server.api('PUT', `${variables}/bad`, body);
  expect((await put({ value: 'x'.repeat(64 * 1024) })).body.code).toBe('invalid_request');
  expect((await put({})).body.code).toBe('invalid_request');
  expect((await put({ value: 1, bind: [{ action: 'promote', input: 'token' }] })).body.code).toBe(
    'invalid_request',
  );
  const bind = (action: string) => ({
    value: 'long enough',
    sensitive: true,
    bind: [{ action, input: 'token' }],
  });
  expect((await put(bind('none'))).body.code).toBe('not_found');
  expect((await put(bind('__proto__'))).body.code).toBe('invalid_request');
  expect((await server.api('PUT', `${variables}/__proto__`, { value: 1 })).body.code).toBe('invalid_request');
});

describe('a sensitive one', () => {
  test('must be long enough to be masked, in every text inside', async () => {
    const put = (value: unknown) => server.api('PUT', `${variables}/short`, { value, sensitive: true });
    for (const value of ['five5', '', 5, true, null, [], {}, ['long enough', 'x'], { a: { b: 'short' } }]) {
      expect((await put(value)).body.code).toBe('secret_too_short');
    }
    expect((await put({ a: ['long enough'] })).status).toBe(201);
  });

  test('stays sensitive, and keeps where it is bound until that is changed', async () => {
    const bind = [{ action: 'promote', input: 'token' }];
    const made = await must(
      server.api('PUT', `${variables}/kept`, {
        value: 'long enough',
        sensitive: true,
        bind: [...bind, ...bind],
      }),
    );
    expect(made.body).toMatchObject({ sensitive: true, bind });
    const readable = await server.api('PUT', `${variables}/kept`, { value: 'long enough' });
    expect(readable.body.code).toBe('invalid_request');
    const again = await must(
      server.api('PUT', `${variables}/kept`, { value: 'another one', sensitive: true }),
    );
    expect(again.body['bind']).toEqual(bind);
    const unbound = await must(
      server.api('PUT', `${variables}/kept`, { value: 'another one', sensitive: true, bind: [] }),
    );
    expect(unbound.body['bind']).toEqual([]);
  });

  test('is in no answer, log line, error, audit event, run or file', async () => {
    const secret = 'Xk9-plaintext-needle-7Qz';
    const put = (body: unknown) => server.api('PUT', `${variables}/needle`, body);
    const bind = [{ action: 'promote', input: 'token' }];
    const answers = [
      await put({ value: secret, sensitive: true, bind }),
      await put({ value: secret, sensitive: 'yes' }),
      await put({ value: secret, sensitive: true, [secret.length]: secret }),
      await put(`{"value":"${secret}","sensitive":true,}`),
      await put(`{"value": ${secret}}`),
      await put({ value: secret }),
      await server.api('PUT', `${variables}/needle2`, { value: [secret, 'x'], sensitive: true }),
      await server.api('GET', `${variables}/needle`),
      await server.api('GET', `${variables}?limit=200`),
      await server.api('POST', `${project}/actions/promote/runs`, { inputs: { region: 'eu' } }),
      await server.api(
        'POST',
        `${project}/actions/promote/runs`,
        { inputs: { token: secret } },
        { 'idempotency-key': 'k' },
      ),
      await server.api('POST', `${project}/actions/promote/runs`, { inputs: { token: [secret] } }),
      await server.api('POST', `${project}/actions/promote/runs`, {
        inputs: { token: secret, none: secret },
      }),
      await server.api('POST', `${project}/actions/promote/runs`, {
        inputs: { region: { not: secret }, token: secret },
      }),
      await server.api('GET', `${project}/runs`),
      await server.api('GET', '/v1/audit?limit=200'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([
      201, 400, 400, 400, 400, 400, 422, 200, 200, 201, 201, 422, 422, 422, 200, 200,
    ]);
    expect(answers[9]?.body['inputs']).toEqual({ region: { value: 'eu' }, token: { sensitive: true } });
    const forms = [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)];
    const files = readdirSync(server.dataFolder).map((name) => readFileSync(join(server.dataFolder, name)));
    expect(files.some((bytes) => bytes.includes('needle'))).toBe(true);
    for (const form of forms) {
      for (const { text } of answers) expect(text).not.toContain(form);
      expect(server.log()).not.toContain(form);
      for (const bytes of files) expect(bytes.includes(form)).toBe(false);
    }
  });
});
