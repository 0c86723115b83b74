// Projects over real HTTP: names and ids, tags, pages, and what keeps one from being deleted.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { advertise } from '../../support/advertise.ts';
import { makePerson, must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const absent = '00000000-0000-7000-8000-000000000000';

test('is created, shown by id and by name, changed and deleted', async () => {
  const made = await must(server.api('POST', '/v1/projects', { name: 'shop', description: 'sells' }));
  expect(made.status).toBe(201);
  expect(made.headers.get('location')).toBe(`/v1/projects/${made.body.id}`);
  expect(made.headers.get('etag')).toBe('"1"');
  for (const reference of ['shop', made.body.id]) {
    const shown = await server.api('GET', `/v1/projects/${reference}`);
    expect(shown.body).toEqual(made.body);
    expect(shown.headers.get('etag')).toBe('"1"');
  }
  const changed = await server.api(
    'PATCH',
    '/v1/projects/shop',
    { description: 'buys' },
    { 'if-match': '"1"' },
  );
  expect(changed.body).toMatchObject({ name: 'shop', description: 'buys', revision: 2 });
  expect(changed.headers.get('etag')).toBe('"2"');
  expect((await server.api('DELETE', `/v1/projects/${made.body.id}`)).status).toBe(204);
  expect((await server.api('GET', '/v1/projects/shop')).status).toBe(404);
  expect((await server.api('DELETE', '/v1/projects/shop')).status).toBe(404);
  expect((await server.api('GET', `/v1/projects/${absent}`)).body.code).toBe('not_found');
});

test('has a name that is its own', async () => {
  await must(server.api('POST', '/v1/projects', { name: 'twice' }));
  const again = await server.api('POST', '/v1/projects', { name: 'twice' });
  expect(again.status).toBe(409);
  expect(again.body.code).toBe('name_taken');
});

test('is changed only by who says which revision was read', async () => {
  await must(server.api('POST', '/v1/projects', { name: 'tagged' }));
  const patch = (tag: string | undefined) =>
    server.api(
      'PATCH',
      '/v1/projects/tagged',
      { description: 'x' },
      tag === undefined ? {} : { 'if-match': tag },
    );
  expect((await patch(undefined)).body).toMatchObject({ status: 428, code: 'precondition_required' });
  for (const tag of ['"7"', '1', 'W/"1"', '"x"', '']) {
    expect((await patch(tag)).body).toMatchObject({ status: 412, code: 'precondition_failed' });
  }
  expect((await patch('"7", "1"')).status).toBe(200);
  expect((await patch('"1"')).status).toBe(412);
  expect((await patch('*')).body.revision).toBe(3);
  expect((await server.api('DELETE', '/v1/projects/tagged', undefined, { 'if-match': '"1"' })).status).toBe(
    412,
  );
  expect((await server.api('DELETE', '/v1/projects/tagged', undefined, { 'if-match': '"3"' })).status).toBe(
    204,
  );
});

test('of many who change the same revision at once, one does', async () => {
  await must(server.api('POST', '/v1/projects', { name: 'contended' }));
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      server.api('PATCH', '/v1/projects/contended', { description: String(index) }, { 'if-match': '"1"' }),
    ),
  );
  const statuses = answers.map(({ status }) => status).sort();
  expect(statuses).toEqual([200, ...Array.from({ length: 9 }, () => 412)]);
});

test('is listed only to those who may see it', async () => {
  await must(server.api('POST', '/v1/projects', { name: 'seen' }));
  await must(server.api('POST', '/v1/projects', { name: 'unseen' }));
  const ada = await makePerson(server, { roles: [{ role: 'viewer', level: 'projects/seen' }] });
  const { body } = await must(ada.api('GET', '/v1/projects?limit=200'));
  expect(body.items.map(({ name }) => name)).toEqual(['seen']);
  expect((await ada.api('GET', '/v1/projects/unseen')).status).toBe(404);
  expect((await ada.api('PATCH', '/v1/projects/seen', { description: '' })).status).toBe(403);
  expect((await ada.api('PATCH', '/v1/projects/unseen', { description: '' })).status).toBe(404);
});

test('is not deleted while something hangs on it, and says what; join tokens go with it', async () => {
  await must(server.api('POST', '/v1/projects', { name: 'full' }));
  const group = await must(server.api('POST', '/v1/projects/full/groups', { name: 'g' }));
  await must(server.api('POST', '/v1/projects/full/groups/g/tokens', {}));
  await must(server.api('PUT', '/v1/projects/full/variables/v', { value: 1 }));
  const refused = await server.api('DELETE', '/v1/projects/full');
  expect(refused.body).toMatchObject({ status: 409, code: 'in_use' });
  expect(refused.body.detail).toContain('1 groups, 1 variables');
  await must(server.api('DELETE', '/v1/projects/full/variables/v'));
  await must(server.api('DELETE', '/v1/projects/full/groups/g'));
  await makePerson(server, { roles: [{ role: 'viewer', level: 'projects/full' }] });
  expect((await server.api('DELETE', '/v1/projects/full')).status).toBe(204);
  expect(group.status).toBe(201);

  await must(server.api('POST', '/v1/projects', { name: 'used' }));
  const { id } = (await must(server.api('POST', '/v1/projects/used/groups', { name: 'g' }))).body;
  advertise(server.dataFolder, { group: id, operations: [] });
  expect((await server.api('DELETE', '/v1/projects/used')).body.detail).toContain('1 groups, 1 agents');
});

test('pages neither skip nor repeat a row while others are inserted', async () => {
  const names = Array.from({ length: 23 }, (_, index) => `page-${String(index).padStart(2, '0')}`);
  for (const name of names) await must(server.api('POST', '/v1/projects', { name }));
  const seen: string[] = [];
  let cursor: string | null = null;
  let inserted = 0;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { body } = await must(server.api('GET', `/v1/projects?limit=4${query}`));
    expect(body.items.length).toBeLessThanOrEqual(4);
    seen.push(...body.items.map(({ name }) => name));
    cursor = body.next_cursor;
    await must(server.api('POST', '/v1/projects', { name: `between-${(inserted += 1)}` }));
  } while (cursor !== null);
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.filter((name) => name.startsWith('page-'))).toEqual([...names].reverse());
});

test('fill their pages, whatever lies between that the caller may not see', async () => {
  const names = Array.from({ length: 9 }, (_, index) => `page-${index}`);
  for (const name of names) await must(server.api('POST', '/v1/projects', { name }));
  const seen = names.filter((_, index) => index % 3 === 0);
  const roles = seen.map((name) => ({ role: 'viewer' as const, level: `projects/${name}` }));
  const viewer = await makePerson(server, { roles });
  const first = await viewer.api('GET', '/v1/projects?limit=2');
  expect(first.body.items.map(({ name }) => name)).toEqual(['page-6', 'page-3']);
  const rest = await viewer.api('GET', `/v1/projects?limit=2&cursor=${first.body.next_cursor ?? ''}`);
  expect(rest.body.items.map(({ name }) => name)).toEqual(['page-0']);
  expect(rest.body.next_cursor).toBeNull();
  const nobody = await makePerson(server);
  expect((await nobody.api('GET', '/v1/projects')).body.items).toEqual([]);
});

test('says what it keeps of its runs, within bounds, and the change is an event', async () => {
  const made = await must(server.api('POST', '/v1/projects', { name: 'keeping' }));
  expect(made.body).toMatchObject({ keep_runs_ms: null, keep_output_ms: null, keep_runs_max: null });
  const patch = (body: object, revision: number) =>
    server.api('PATCH', '/v1/projects/keeping', body, { 'if-match': `"${revision}"` });
  const day = 86_400_000;
  expect(
    (await must(patch({ keep_runs_ms: 30 * day, keep_output_ms: 7 * day, keep_runs_max: 10 }, 1))).body,
  ).toMatchObject({ keep_runs_ms: 30 * day, keep_output_ms: 7 * day, keep_runs_max: 10, revision: 2 });
  expect((await must(patch({ keep_runs_ms: null }, 2))).body, 'what is left out stays').toMatchObject({
    keep_runs_ms: null,
    keep_output_ms: 7 * day,
    keep_runs_max: 10,
  });
  for (const body of [{ keep_runs_ms: 3_599_999 }, { keep_output_ms: 0 }, { keep_runs_max: 0 }]) {
    expect((await patch(body, 3)).status).toBe(400);
  }
  expect((await patch({ keep_runs_max: 5 }, 2)).status, 'of an older revision').toBe(412);
  const events = await must(server.api('GET', `/v1/audit?resource=projects/${made.body.id}`));
  expect(events.body.items[0]).toMatchObject({
    operation: 'project.update',
    details: { before: { keep_runs_ms: 30 * day }, after: { keep_runs_ms: null, keep_runs_max: 10 } },
  });
});
