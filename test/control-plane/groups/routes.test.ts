// Groups over real HTTP.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { advertise } from '../../support/advertise.ts';
import { makePerson, must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
const groups = '/v1/projects/default/groups';
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test('is created, shown by id and name, changed and deleted', async () => {
  const made = await must(server.api('POST', groups, { name: 'prod', production: true }));
  expect(made.headers.get('etag')).toBe('"1"');
  expect(made.body).toMatchObject({
    name: 'prod',
    production: true,
    pinned: false,
    agents: { total: 0, online: 0 },
    queued: 0,
  });
  const path = `${groups}/${made.body.id}`;
  expect(made.headers.get('location')?.endsWith(`/groups/${made.body.id}`)).toBe(true);
  expect((await server.api('GET', path)).body).toEqual((await server.api('GET', `${groups}/prod`)).body);
  expect((await server.api('PATCH', path, { pinned: true })).status).toBe(428);
  const changed = await must(server.api('PATCH', path, { pinned: true }, { 'if-match': '"1"' }));
  expect(changed.body).toMatchObject({ pinned: true, production: true, revision: 2 });
  expect((await server.api('PATCH', path, { pinned: true }, { 'if-match': '"1"' })).status).toBe(412);
  expect((await server.api('PATCH', path, { name: 'other' }, { 'if-match': '"2"' })).status).toBe(400);
  expect((await server.api('DELETE', path, undefined, { 'if-match': '"1"' })).status).toBe(412);
  expect((await server.api('DELETE', path)).status).toBe(204);
  const gone = await server.api('GET', path);
  expect(gone.body.code).toBe('not_found');
  expect(gone.body.detail).toContain('`wayside group list`');
});

test('has a name that is unique in its project and only there', async () => {
  await must(server.api('POST', '/v1/projects', { name: 'elsewhere' }));
  await must(server.api('POST', groups, { name: 'same' }));
  expect((await server.api('POST', groups, { name: 'same' })).body.code).toBe('name_taken');
  const other = await must(server.api('POST', '/v1/projects/elsewhere/groups', { name: 'same' }));
  // By its id it is found in its own project alone.
  expect((await server.api('GET', `${groups}/${other.body.id}`)).status).toBe(404);
  expect((await server.api('POST', groups, { name: other.body.id })).body.code).toBe('invalid_request');
});

test('is not deleted while actions or agents hang on it', async () => {
  const { id } = (await must(server.api('POST', groups, { name: 'busy' }))).body;
  advertise(server.dataFolder, { group: id, operations: [{ operation: 'promote' }] });
  await must(
    server.api('POST', '/v1/projects/default/actions', { name: 'busy', group: 'busy', operation: 'promote' }),
  );
  const refused = await server.api('DELETE', `${groups}/busy`);
  expect(refused.body).toMatchObject({ status: 409, code: 'in_use' });
  expect(refused.body.detail).toContain('1 actions, 1 agents');
  expect((await server.api('GET', `${groups}/busy`)).body).toMatchObject({ agents: { total: 1, online: 0 } });
});

test('accepts a definition by a person who may change it; again is harmless', async () => {
  await must(server.api('POST', groups, { name: 'pinned', pinned: true }));
  const accept = { operation: 'promote', digest: `sha256:${'a'.repeat(64)}` };
  for (let times = 0; times < 2; times += 1) {
    expect((await server.api('POST', `${groups}/pinned/accepted-definitions`, accept)).status).toBe(204);
  }
  const contributor = await makePerson(server, { roles: [{ role: 'contributor' }] });
  expect((await contributor.api('POST', `${groups}/pinned/accepted-definitions`, accept)).status).toBe(403);
  const { body } = await must(server.api('GET', '/v1/audit?operation=group.accept_definition&limit=1'));
  expect(body.items[0]).toMatchObject({ details: { after: accept } });
});

test('is listed in pages, the newest first', async () => {
  const names = ['a', 'b', 'c', 'd', 'e'].map((letter) => `list-${letter}`);
  for (const name of names) await must(server.api('POST', groups, { name }));
  const first = await must(server.api('GET', `${groups}?limit=3`));
  const second = await must(server.api('GET', `${groups}?limit=2&cursor=${first.body.next_cursor}`));
  const seen = [...first.body.items, ...second.body.items].map(({ name }) => name);
  expect(seen).toEqual([...names].reverse());
});
