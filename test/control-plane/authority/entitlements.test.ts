// F15: what the organization is entitled to, over real HTTP and as the pure rule.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeEntitlement } from '../../../control-plane/authority/entitlements.ts';
import type { Entitlement } from '../../../protocol/api/policy.ts';
import { advertise } from '../../support/advertise.ts';
import { must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import { engine } from '../../support/engine.ts';
import { good, openWorld } from './world.ts';

describe('the rule', () => {
  const entitlement = { name: 'projects', quota: 2, endsAt: 1_000, graceMs: 100, exceededAt: null };

  test('lets pass what fits, warns in a grace, and refuses behind it', () => {
    const judge = (more: object, at: { now: number; used: number }) =>
      judgeEntitlement({ ...entitlement, ...more }, { ...at, wanted: 1 }).state;
    expect(judge({}, { now: 999, used: 1 })).toBe('granted');
    expect(judge({}, { now: 999, used: 2 })).toBe('grace');
    expect(judge({ graceMs: 0 }, { now: 999, used: 2 })).toBe('exceeded');
    expect(judge({ exceededAt: 900 }, { now: 999, used: 2 })).toBe('grace');
    expect(judge({ exceededAt: 899 }, { now: 999, used: 2 })).toBe('exceeded');
    expect(judge({}, { now: 1_000, used: 0 })).toBe('grace');
    expect(judge({}, { now: 1_099, used: 0 })).toBe('grace');
    expect(judge({}, { now: 1_100, used: 0 })).toBe('ended');
    expect(judge({ quota: null, endsAt: null }, { now: 9_999, used: 9_999 })).toBe('granted');
  });

  test('more quota, a later end or more grace never refuses what passed', () => {
    const number = fc.integer({ min: 0, max: 50 });
    const entitled = fc.record({
      name: fc.constant('agents'),
      quota: fc.option(number),
      endsAt: fc.option(number),
      graceMs: number,
      exceededAt: fc.option(number),
    });
    fc.assert(
      fc.property(entitled, number, number, number, (given, now, used, more) => {
        const refuses = (each: typeof given) =>
          ['ended', 'exceeded'].includes(judgeEntitlement(each, { now, used, wanted: 1 }).state);
        if (refuses(given)) return;
        const { quota, endsAt } = given;
        expect(refuses({ ...given, quota: quota === null ? null : quota + more })).toBe(false);
        expect(refuses({ ...given, endsAt: endsAt === null ? null : endsAt + more })).toBe(false);
        expect(refuses({ ...given, graceMs: given.graceMs + more })).toBe(false);
      }),
    );
  });
});

test('nothing is limited until somebody says so; then a quota with a grace warns before it refuses', async () => {
  const world = await openWorld();
  try {
    const create = (name: string) => world.api('POST', '/v1/projects', { name });
    expect((await good(world.api<{ items: Entitlement[] }>('GET', '/v1/entitlements'))).body.items).toEqual(
      [],
    );
    expect((await create('one')).headers.get('warning')).toBeNull();
    const limit = (body: object) => good(world.api<Entitlement>('PUT', '/v1/entitlements/projects', body));
    expect((await limit({ quota: 2, grace_ms: 60_000 })).body).toMatchObject({
      used: 2,
      state: 'granted',
      revision: 1,
    });
    const graced = await create('two');
    expect(graced.status).toBe(201);
    expect(graced.headers.get('warning')).toMatch(/^299 wayside ".*projects.*"$/);
    world.advance(60_000);
    const refused = await create('three');
    expect(refused.body).toMatchObject({
      code: 'quota_exceeded',
      entitlement: 'projects',
      quota: 2,
      used: 3,
    });
    expect(refused.status).toBe(403);
    // Room again ends it: the next grace begins anew.
    await good(world.api('DELETE', '/v1/projects/two'));
    await good(world.api('DELETE', '/v1/projects/one'));
    expect((await create('four')).headers.get('warning')).toBeNull();
    expect((await create('five')).headers.get('warning')).toMatch(/^299/);
    await limit({ quota: 0 });
    expect((await create('six')).body.code).toBe('entitlement_missing');
    await limit({ ends_at: world.now() - 1 });
    expect((await create('six')).body.code).toBe('entitlement_missing');
    expect(
      (await world.api('PUT', '/v1/entitlements/projects', { quota: 1 }, { 'if-match': '"1"' })).status,
    ).toBe(412);
    await good(world.api('DELETE', '/v1/entitlements/projects'));
    expect((await create('six')).status).toBe(201);
    expect((await world.api('PUT', '/v1/entitlements/planets', { quota: 1 })).status).toBe(400);
    await world.person('viewer', [{ role: 'viewer' }]);
    expect((await world.as('viewer')('PUT', '/v1/entitlements/projects', { quota: 1 })).status).toBe(403);
  } finally {
    await world.close();
  }
});

test.skipIf(engine !== 'sqlite')('runs a day are counted, and without actions nothing runs', async () => {
  const server = await startTestServer();
  try {
    const p = '/v1/projects/default';
    const group = await must(server.api('POST', `${p}/groups`, { name: 'prod' }));
    advertise(server.dataFolder, { group: group.body.id, operations: [{ operation: 'promote' }] });
    await must(server.api('POST', `${p}/actions/publish-all`, { group: 'prod' }));
    const press = () => server.api('POST', `${p}/actions/promote/runs`, {});
    await must(server.api('PUT', '/v1/entitlements/runs_per_day', { quota: 2 }));
    expect([(await press()).status, (await press()).status]).toEqual([201, 201]);
    expect((await press()).body).toMatchObject({ code: 'quota_exceeded', entitlement: 'runs_per_day' });
    await must(server.api('DELETE', '/v1/entitlements/runs_per_day'));
    await must(server.api('PUT', '/v1/entitlements/actions', { quota: 0, grace_ms: 60_000 }));
    const graced = await press();
    expect([graced.status, graced.headers.get('warning')?.slice(0, 3)]).toEqual([201, '299']);
    await must(server.api('PUT', '/v1/entitlements/actions', { quota: 0 }));
    expect((await press()).body).toMatchObject({ code: 'entitlement_missing' });
  } finally {
    await server.close();
  }
});
