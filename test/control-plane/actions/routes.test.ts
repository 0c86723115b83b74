// Actions over real HTTP.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { advertise } from '../../support/advertise.ts';
import { must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
const project = '/v1/projects/default';
const actions = `${project}/actions`;
let prod = '';
beforeAll(async () => {
  server = await startTestServer();
  prod = (await must(server.api('POST', `${project}/groups`, { name: 'prod' }))).body.id;
});
afterAll(() => server.close());

const inputs = { type: 'object', properties: { version: { type: 'string' } }, required: ['version'] };

test('is created, shown by id and name, changed and deleted', async () => {
  const made = await must(
    server.api('POST', actions, { name: 'promote', group: 'prod', operation: 'promote' }),
  );
  expect(made.body).toMatchObject({
    name: 'promote',
    group: { id: prod, name: 'prod' },
    operation: 'promote',
    definition: null,
    runs: 0,
    priority: 0,
    revision: 1,
  });
  const path = `${actions}/${made.body.id}`;
  expect((await server.api('GET', path)).body).toEqual((await server.api('GET', `${actions}/promote`)).body);
  advertise(server.dataFolder, {
    group: prod,
    operations: [{ operation: 'promote', inputs, description: 'Promote a version' }],
  });
  expect((await server.api('GET', path)).body).toMatchObject({
    description: 'Promote a version',
    definition: { inputs, timeout_ms: 60_000, idempotent: false, agents_online: 0 },
  });
  expect((await server.api('PATCH', path, { priority: 5 })).status).toBe(428);
  const changed = await must(
    server.api('PATCH', path, { priority: 5, description: 'Ours' }, { 'if-match': '"1"' }),
  );
  expect(changed.body).toMatchObject({ priority: 5, description: 'Ours', operation: 'promote', revision: 2 });
  expect((await server.api('PATCH', path, { priority: 6 }, { 'if-match': '"1"' })).status).toBe(412);
  expect((await server.api('PATCH', path, { priority: 101 }, { 'if-match': '*' })).status).toBe(400);
  expect((await server.api('PATCH', path, { group: 'none' }, { 'if-match': '*' })).body.code).toBe(
    'not_found',
  );
  expect((await server.api('DELETE', path)).status).toBe(204);
  expect((await server.api('GET', path)).body.detail).toContain('`wayside action list`');
});

test('points to a group of its own project alone', async () => {
  await must(server.api('POST', '/v1/projects', { name: 'other' }));
  const body = { name: 'astray', group: prod, operation: 'promote' };
  expect((await server.api('POST', '/v1/projects/other/actions', body)).body.code).toBe('not_found');
  expect((await server.api('POST', actions, { ...body, group: 'none' })).body.code).toBe('not_found');
  expect((await server.api('POST', actions, { ...body, operation: '../x' })).body.code).toBe(
    'invalid_request',
  );
});

test('has a name that is its own, and is listed in pages', async () => {
  const body = { group: 'prod', operation: 'x' };
  const names = ['a', 'b', 'c', 'd', 'e'].map((letter) => `list-${letter}`);
  for (const name of names) await must(server.api('POST', actions, { ...body, name }));
  expect((await server.api('POST', actions, { ...body, name: 'list-a' })).body.code).toBe('name_taken');
  const first = await must(server.api('GET', `${actions}?limit=2`));
  const second = await must(server.api('GET', `${actions}?limit=3&cursor=${first.body.next_cursor}`));
  const seen = [...first.body.items, ...second.body.items].map(({ name }) => name);
  expect(seen).toEqual([...names].reverse());
});

test('keeps its runs when it is deleted, with the name that it had', async () => {
  const { id } = (await must(server.api('POST', `${project}/groups`, { name: 'kept' }))).body;
  advertise(server.dataFolder, { group: id, operations: [{ operation: 'once' }] });
  await must(server.api('POST', actions, { name: 'once', group: 'kept', operation: 'once' }));
  await must(server.api('PUT', `${project}/variables/region`, { value: 'eu', action: 'once' }));
  const run = await must(server.api('POST', `${actions}/once/runs`, {}));
  await must(server.api('DELETE', `${actions}/once`));
  expect((await server.api('GET', `/v1/runs/${run.body.id}`)).body).toMatchObject({
    action: { name: 'once' },
  });
  expect((await server.api('GET', `${project}/runs`)).body.items.map((each) => each.id)).toContain(
    run.body.id,
  );
  expect((await server.api('GET', `${project}/variables?limit=200`)).text).not.toContain('region');
});

test('publish-all makes one of everything that is advertised, each under a free name', async () => {
  const staging = (await must(server.api('POST', `${project}/groups`, { name: 'staging' }))).body.id;
  await must(server.api('POST', actions, { name: 'taken', group: 'prod', operation: 'taken' }));
  await must(server.api('POST', actions, { name: 'mine', group: 'staging', operation: 'offered' }));
  const long = 'l'.repeat(60);
  await must(server.api('POST', actions, { name: long, group: 'prod', operation: 'x' }));
  const operations = ['taken', 'offered', 'fresh', long, '0192aaaa-0000-7000-8000-000000000000'];
  for (const agent of ['one', 'two']) {
    advertise(server.dataFolder, {
      group: staging,
      agent,
      operations: operations.map((operation) => ({ operation, description: `Does ${operation}` })),
    });
  }
  const publish = () => server.api<Published>('POST', `${actions}/publish-all`, { group: 'staging' });
  const all = await Promise.all([publish(), publish(), publish()]);
  expect(all.map(({ status }) => status)).toEqual([200, 200, 200]);
  const created = all.flatMap(({ body }) => body.created.map(({ name }) => name));
  expect(created.sort()).toEqual(['fresh', 'staging.0192aaaa-0000-7000-8000-000000000000', 'staging.taken']);
  const { body } = await publish();
  expect(body).toMatchObject({ created: [], skipped: [long] });
  expect(body.kept.sort()).toEqual([
    'fresh',
    'mine',
    'staging.0192aaaa-0000-7000-8000-000000000000',
    'staging.taken',
  ]);
  expect((await server.api('GET', `${actions}/fresh`)).body['description']).toBe('Does fresh');
});

interface Published {
  readonly created: readonly { readonly name: string }[];
  readonly kept: string[];
  readonly skipped: readonly string[];
}
