// F10 over real HTTP: support access is asked for, approved by somebody else, read-only unless stated, and ends by
// itself or when somebody ends it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Support } from '../../../protocol/api/policy.ts';
import {
  supportMsDefault,
  supportMsMax,
  supportRequestsOpenMax,
} from '../../../protocol/limits-authority.ts';
import { good, openWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await good(world.api('POST', '/v1/projects', { name: 'shop' }));
  for (const name of ['helper-one', 'helper-two', 'helper-three']) await world.person(name);
});
afterAll(() => world.close());

const request = (who: string, body: object = {}) =>
  good(
    world.as(who)<Support>('POST', '/v1/support', {
      reason: 'a run hangs',
      ticket: 'T-7',
      level: 'projects/shop',
      ...body,
    }),
  );
const project = (who: string) =>
  world
    .as(who)('GET', '/v1/projects/shop')
    .then(({ status }) => status);

test('gives nothing until somebody else approves, then reading, and ends without anything being done', async () => {
  const { body: asked } = await request('helper-one', { duration_ms: 60_000 });
  expect(asked).toMatchObject({ state: 'requested', role: 'viewer', in_force: false, decided_by: null });
  expect(await project('helper-one')).toBe(404);
  expect((await world.as('helper-one')('POST', `/v1/support/${asked.id}/approve`, {})).status).toBe(403);
  const { body: approved } = await good(world.api<Support>('POST', `/v1/support/${asked.id}/approve`, {}));
  expect(approved).toMatchObject({
    state: 'approved',
    in_force: true,
    decided_by: { name: 'owner' },
    ticket: 'T-7',
  });
  expect(await project('helper-one')).toBe(200);
  expect((await world.as('helper-one')('DELETE', '/v1/projects/shop')).status).toBe(403);
  const list = async () =>
    (await good(world.api<{ items: Support[] }>('GET', '/v1/support?state=in_force'))).body.items.map(
      ({ id }) => id,
    );
  expect(await list()).toEqual([asked.id]);
  const bindings = await good(world.api('GET', '/v1/bindings?principal=helper-one'));
  expect(bindings.body.items).toMatchObject([
    { role: 'viewer', support: asked.id, not_after: approved.not_after },
  ]);
  world.advance(60_000);
  expect(await project('helper-one')).toBe(404);
  expect(await list()).toEqual([]);
  const own = await good(world.as('helper-one')<Support>('GET', `/v1/support/${asked.id}`));
  expect(own.body).toMatchObject({ state: 'approved', in_force: false });
});

test('is revoked in the middle, and the next request is refused', async () => {
  const { body: asked } = await request('helper-two');
  await good(world.api('POST', `/v1/support/${asked.id}/approve`, {}));
  expect(await project('helper-two')).toBe(200);
  const { body } = await good(world.api<Support>('POST', `/v1/support/${asked.id}/revoke`, undefined));
  expect(body).toMatchObject({ state: 'revoked', in_force: false });
  expect(await project('helper-two')).toBe(404);
  expect((await world.api('POST', `/v1/support/${asked.id}/revoke`, undefined)).body.code).toBe('conflict');
  expect((await world.api('POST', `/v1/support/${asked.id}/approve`, {})).body.code).toBe('conflict');
});

test('is shortened by who approves, and never made longer or more', async () => {
  const { body: asked } = await request('helper-two', { duration_ms: 120_000 });
  const longer = { duration_ms: 3_600_000 };
  const { body } = await good(world.api<Support>('POST', `/v1/support/${asked.id}/approve`, longer));
  expect(body.duration_ms).toBe(120_000);
  const { body: second } = await request('helper-two');
  expect(second.duration_ms).toBe(supportMsDefault);
  const shorter = await good(
    world.api<Support>('POST', `/v1/support/${second.id}/approve`, { duration_ms: 60_000 }),
  );
  expect(shorter.body.duration_ms).toBe(60_000);
  const tooLong = { reason: 'x', duration_ms: supportMsMax + 1 };
  expect((await world.as('helper-two')('POST', '/v1/support', tooLong)).status).toBe(400);
});

test('is approved by nobody for themselves, nor by who holds less, nor by who may not approve there', async () => {
  await world.person('boss', [{ role: 'owner' }]);
  const { body: own } = await request('boss', { role: 'owner', level: 'organization' });
  expect((await world.as('boss')('POST', `/v1/support/${own.id}/approve`, {})).body.code).toBe('conflict');
  await good(
    world.api('POST', '/v1/roles', {
      name: 'approver',
      permissions: ['iam.support.approve', 'wayside.project.read'],
    }),
  );
  await world.person('approver', [{ role: 'approver' }]);
  expect((await world.as('approver')('POST', `/v1/support/${own.id}/approve`, {})).status).toBe(403);
  await world.person('admin', [{ role: 'admin' }]);
  expect((await world.as('admin')('POST', `/v1/support/${own.id}/approve`, {})).status).toBe(403);
  expect(
    (await world.as('owner', { elevated: false })('POST', `/v1/support/${own.id}/approve`, {})).status,
  ).toBe(401);
});

test('is refused or taken back, and asking tells nothing of what there is', async () => {
  const there = await request('helper-three');
  const nowhere = await request('helper-three', { level: 'projects/no-such-project' });
  expect([there.status, nowhere.status]).toEqual([201, 201]);
  expect((await world.api('POST', `/v1/support/${nowhere.body.id}/approve`, {})).status).toBe(404);
  expect(
    (await good(world.api<Support>('POST', `/v1/support/${nowhere.body.id}/refuse`, undefined))).body.state,
  ).toBe('refused');
  const taken = await good(
    world.as('helper-three')<Support>('POST', `/v1/support/${there.body.id}/withdraw`, undefined),
  );
  expect(taken.body.state).toBe('withdrawn');
  expect((await world.as('helper-one')('GET', `/v1/support/${there.body.id}`)).status).toBe(403);
  expect((await world.as('helper-one')('GET', '/v1/support')).status).toBe(403);
});

test('is taken back by nobody but who asked, whoever else may ask', async () => {
  const { body: asked } = await request('helper-three');
  await world.person('asker', [{ role: 'admin' }]);
  const withdrawn = await world.as('asker')('POST', `/v1/support/${asked.id}/withdraw`, undefined);
  expect(withdrawn.body).toMatchObject({ code: 'conflict' });
  expect((await world.as('asker')('POST', `/v1/support/${asked.id}/refuse`, undefined)).status).toBe(403);
  const after = await good(world.api<Support>('GET', `/v1/support/${asked.id}`));
  expect(after.body).toMatchObject({ state: 'requested', decided_by: null });
});

test('is in force no longer than its binding is there', async () => {
  await world.person('helper-four');
  const { body: asked } = await request('helper-four');
  const { body: approved } = await good(world.api<Support>('POST', `/v1/support/${asked.id}/approve`, {}));
  expect(approved.in_force).toBe(true);
  await good(world.api('DELETE', `/v1/bindings/${String(approved.binding)}`));
  expect(await project('helper-four')).toBe(404);
  const after = await good(world.api<Support>('GET', `/v1/support/${asked.id}`));
  expect(after.body).toMatchObject({ state: 'approved', in_force: false });
  const { body: list } = await good(world.api<{ items: Support[] }>('GET', '/v1/support?state=in_force'));
  expect(list.items.map(({ id }) => id)).not.toContain(asked.id);
});

test('is asked for a few times at once only', async () => {
  await world.person('eager');
  for (let made = 0; made < supportRequestsOpenMax; made += 1) await request('eager');
  expect((await world.as('eager')('POST', '/v1/support', { reason: 'more' })).body.code).toBe(
    'limit_exceeded',
  );
});

test('each step is in the audit, with who and why', async () => {
  const { store } = world;
  const rows = await store.read(
    store.db
      .selectFrom('audit_events')
      .select(['operation', 'details'])
      .where('operation', 'like', 'support.%')
      .compile(),
  );
  const operations = new Set(rows.map(({ operation }) => operation));
  expect([...operations].sort()).toEqual([
    'support.approve',
    'support.refuse',
    'support.request',
    'support.revoke',
    'support.withdraw',
  ]);
  expect(rows.find(({ operation }) => operation === 'support.approve')?.details).toContain('T-7');
});

test('is told to owners who only ask who they are, and to nobody else', async () => {
  const told = async () =>
    (await good(world.api<{ support: { requested: number; in_force: number } }>('GET', '/v1/whoami'))).body
      .support;
  const before = await told();
  const { body: asked } = await request('helper-three');
  expect(await told()).toEqual({ ...before, requested: before.requested + 1 });
  await good(world.api('POST', `/v1/support/${asked.id}/approve`, {}));
  expect(await told()).toEqual({ ...before, in_force: before.in_force + 1 });
  const other = await good(world.as('helper-three')<{ support: unknown }>('GET', '/v1/whoami'));
  expect(other.body.support).toBeNull();
  await good(world.api('POST', `/v1/support/${asked.id}/revoke`, undefined));
  expect(await told()).toEqual(before);
});
