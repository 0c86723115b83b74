// Principals over real HTTP.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../support/cli.ts';
import { makePerson, must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test('are created, listed and shown by id and name', async () => {
  const made = await must(server.api('POST', '/v1/principals', { name: 'ada' }));
  expect(made.status).toBe(201);
  expect(made.headers.get('location')).toBe(`/v1/principals/${made.body.id}`);
  expect(made.body).toMatchObject({ name: 'ada', kind: 'user', disabled_at: null });
  const service = await must(server.api('POST', '/v1/principals', { name: 'ci', kind: 'service' }));
  expect(service.body['kind']).toBe('service');
  for (const reference of ['ada', made.body.id]) {
    expect((await server.api('GET', `/v1/principals/${reference}`)).body).toEqual(made.body);
  }
  const { body } = await must(server.api('GET', '/v1/principals'));
  expect(body.items.map(({ name }) => name)).toEqual(['ci', 'ada', 'owner']);
  expect((await server.api('GET', '/v1/principals/nobody')).body.code).toBe('not_found');
  expect((await server.api('POST', '/v1/principals', { name: 'ada' })).body.code).toBe('name_taken');
  expect((await server.api('POST', '/v1/principals', { name: 'self' })).body.code).toBe('invalid_request');
  expect((await server.api('POST', '/v1/principals', { name: 'x', kind: 'god' })).body.code).toBe(
    'invalid_request',
  );
});

test('that are disabled are refused at once, keep their name, and get no new token', async () => {
  const ben = await makePerson(server, { roles: [{ role: 'admin' }] });
  expect((await ben.api('GET', '/v1/principals')).status).toBe(200);
  expect((await server.api('DELETE', `/v1/principals/${ben.name}`)).status).toBe(204);
  expect((await ben.api('GET', '/v1/principals')).body.code).toBe('invalid_token');
  const { body } = await must(server.api('GET', `/v1/principals/${ben.name}`));
  expect(body['disabled_at']).toBeGreaterThan(0);
  expect((await server.api('DELETE', `/v1/principals/${ben.name}`)).status).toBe(204);
  expect((await server.api('GET', `/v1/principals/${ben.name}`)).body['disabled_at']).toBe(
    body['disabled_at'],
  );
  expect((await server.api('POST', '/v1/principals', { name: ben.name })).body.code).toBe('name_taken');
  const issued = await server.api('POST', `/v1/principals/${ben.name}/tokens`, { name: 'again' });
  expect(issued.body.code).toBe('conflict');
});

test('that are enabled again have what they had, and only who holds that may enable them', async () => {
  const cleo = await makePerson(server, { roles: [{ role: 'admin' }] });
  await must(server.api('DELETE', `/v1/principals/${cleo.name}`));
  const enable = `/v1/principals/${cleo.name}/enable`;
  const custom = await must(
    server.api('POST', '/v1/roles', { name: 'enabler', permissions: ['iam.principal.update'] }),
  );
  const helper = await makePerson(server, { roles: [{ role: custom.body.name as never }] });
  const denied = await helper.api('POST', enable, {});
  expect(denied).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  expect(denied.body.detail).toContain('do not hold all that it would be given');
  expect((await cleo.api('GET', '/v1/whoami')).status).toBe(401);

  expect((await server.api('POST', enable, {})).body['disabled_at']).toBeNull();
  expect((await cleo.api('GET', '/v1/principals')).status).toBe(200);
  expect((await server.api('POST', enable, {})).status).toBe(200);
  const { body } = await server.api('GET', '/v1/audit?operation=principal.enable');
  expect(body.items.at(-1)).toMatchObject({ details: { before: { name: cleo.name, disabled: true } } });

  await must(server.api('DELETE', `/v1/principals/${cleo.name}`));
  const { url, token, dataFolder: folder } = server;
  const { code, stdout } = await runCli({ url, token, folder }, ['principal', 'enable', cleo.name]);
  expect([code, stdout]).toEqual([0, expect.stringContaining(`Enabled ${cleo.name}.`)]);
  expect((await server.api('POST', '/v1/principals/nobody/enable', {})).status).toBe(404);
});

test('each change is one event that says who did it and what became of it', async () => {
  const made = await must(server.api('POST', '/v1/principals', { name: 'eve' }));
  const { body } = await must(server.api('GET', '/v1/audit?operation=principal.create&limit=1'));
  expect(body.items[0]).toMatchObject({
    principal: { name: 'owner' },
    permission: 'iam.principal.create',
    resource: `principals/${made.body.id}`,
    result: 'allowed',
    details: { after: { name: 'eve', kind: 'user' } },
    request: { method: 'POST', path: '/v1/principals' },
  });
});
