// Idempotency keys over real HTTP: however often a press is sent, it is one press.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { advertise } from '../../support/advertise.ts';
import { makePerson, must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
const runs = '/v1/projects/default/actions/promote/runs';
beforeAll(async () => {
  server = await startTestServer();
  const { id } = (await must(server.api('POST', '/v1/projects/default/groups', { name: 'prod' }))).body;
  advertise(server.dataFolder, { group: id, operations: [{ operation: 'promote' }, { operation: 'other' }] });
  for (const operation of ['promote', 'other']) {
    await must(
      server.api('POST', '/v1/projects/default/actions', { name: operation, group: 'prod', operation }),
    );
  }
});
afterAll(() => server.close());

const press = (key: string, body: unknown = {}, path = runs) =>
  server.api('POST', path, body, { 'idempotency-key': key });

test('the same key and body give the same run, and say so', async () => {
  const first = await press('one', { reason: 'because', priority: 3 });
  expect(first.status).toBe(201);
  expect(first.headers.get('idempotent-replayed')).toBeNull();
  const again = await press('one', '{ "priority": 3,\n "reason": "because" }');
  expect(again.status).toBe(201);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect(again.headers.get('location')).toBe(first.headers.get('location'));
  expect(again.body).toEqual(first.body);
  // What comes back is the run as it is now.
  await must(server.api('POST', `/v1/runs/${first.body.id}/cancel`, {}));
  expect((await press('one', { reason: 'because', priority: 3 })).body).toMatchObject({
    id: first.body.id,
    state: 'canceled',
  });
});

test('the same key with another body is refused, also where only a digit differs', async () => {
  await must(press('two', '{"inputs":{"n":12345678901234567}}'));
  const other = await press('two', '{"inputs":{"n":12345678901234568}}');
  expect(other.body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  expect((await press('two', '{"inputs":{"n":12345678901234567}}')).status).toBe(201);
});

test('of many at once one makes the run, and all get it', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => press('race', { reason: 'race' })));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === null).length).toBe(1);
});

test('belongs to one principal and one route', async () => {
  const mine = await press('three');
  const ada = await makePerson(server, { roles: [{ role: 'contributor' }] });
  const hers = await ada.api('POST', runs, {}, { 'idempotency-key': 'three' });
  const other = await press('three', {}, '/v1/projects/default/actions/other/runs');
  expect(new Set([mine, hers, other].map(({ body }) => body.id)).size).toBe(3);
});

test('a replay needs the right that the press needed', async () => {
  const ada = await makePerson(server, { roles: [{ role: 'contributor', level: 'projects/default' }] });
  await must(ada.api('POST', runs, {}, { 'idempotency-key': 'four' }));
  const { body } = await must(server.api('GET', '/v1/bindings?project=default'));
  await must(server.api('DELETE', `/v1/bindings/${body.items[0]?.id}`));
  expect((await ada.api('POST', runs, {}, { 'idempotency-key': 'four' })).status).toBe(404);
});

test('a press that was refused has not used up its key', async () => {
  const refused = await press('five', { priority: 1_000 });
  expect(refused.status).toBe(400);
  expect((await press('five', {})).status).toBe(201);
});

test('a key is good for a day', async () => {
  const first = await press('six');
  const database = new DatabaseSync(join(server.dataFolder, 'wayside.db'), { timeout: 5_000 });
  database.prepare('update idempotency_keys set created_at = created_at - 86400001').run();
  database.close();
  const next = await press('six', { reason: 'another day' });
  expect(next.status).toBe(201);
  expect(next.body.id).not.toBe(first.body.id);
});

test('a key that is none is refused', async () => {
  expect((await press('')).body.code).toBe('invalid_request');
  expect((await press('k'.repeat(256))).body.code).toBe('invalid_request');
  expect((await press('k'.repeat(255))).status).toBe(201);
});
