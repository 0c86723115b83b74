// F12 and F13 over real HTTP: roles made of the catalogue, questions in every form, and denials that explain themselves.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Explanation } from '../../../protocol/api/authority.ts';
import type { Role } from '../../../protocol/api/policy.ts';
import { checksMax } from '../../../protocol/limits-authority.ts';
import { permissions } from '../../../protocol/permissions.ts';
import { good, openWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
let ids: ReadonlyMap<string, string>;
beforeAll(async () => {
  world = await openWorld();
  await good(world.api('POST', '/v1/projects', { name: 'shop' }));
  await good(world.api('POST', '/v1/projects', { name: 'hidden' }));
  ids = await world.actions('shop', 'prod', ['promote']);
  await world.person('ada', [{ role: 'contributor', level: 'projects/shop' }]);
  await world.person('eye', [{ role: 'auditor' }]);
});
afterAll(() => world.close());

describe('a role', () => {
  test('is made of permissions of the catalogue, and of no others', async () => {
    const { body: catalogue } = await good(
      world.as('ada')<{ items: { name: string; sensitive: boolean }[] }>('GET', '/v1/permissions'),
    );
    expect(catalogue.items.map(({ name }) => name)).toEqual([...permissions]);
    const unknown = await world.api('POST', '/v1/roles', { name: 'odd', permissions: ['wayside.run.raed'] });
    expect(unknown.status).toBe(400);
    expect(
      (await world.api('POST', '/v1/roles', { name: 'viewer', permissions: ['iam.self.read'] })).status,
    ).toBe(400);
    expect((await world.api('POST', '/v1/roles', { name: 'none', permissions: [] })).status).toBe(400);
  });

  test('changes for everybody who has it, its version goes up, and an old version is refused', async () => {
    const made = await good(
      world.api<Role>('POST', '/v1/roles', {
        name: 'watcher',
        permissions: ['wayside.run.read', 'iam.self.read'],
      }),
    );
    expect(made.body).toMatchObject({ version: 1, built_in: false });
    await world.person('wat', [{ role: 'watcher', level: 'projects/shop' }]);
    const may = async (permission: string) =>
      (
        await good(
          world.as('wat')<{ allowed: boolean }>('POST', '/v1/check', {
            permission,
            resource: 'projects/shop',
          }),
        )
      ).body.allowed;
    expect(await may('wayside.action.read')).toBe(false);
    const path = `/v1/roles/${made.body.id}`;
    const more = { permissions: ['wayside.run.read', 'wayside.action.read'] };
    expect((await world.api('PATCH', path, more)).status).toBe(428);
    const [first, second] = await Promise.all([
      world.api<Role>('PATCH', path, more, { 'if-match': '"1"' }),
      world.api<Role>('PATCH', path, { permissions: ['wayside.run.read'] }, { 'if-match': '"1"' }),
    ]);
    expect([first.status, second.status].sort()).toEqual([200, 412]);
    await good(world.api('PATCH', '/v1/roles/watcher', more, { 'if-match': '"2"' }));
    expect(await may('wayside.action.read')).toBe(true);
    expect((await good(world.api<Role>('GET', '/v1/roles/watcher'))).body.version).toBe(3);
    expect((await world.api('DELETE', path)).body.code).toBe('in_use');
  });

  test('is changed by nobody into what they do not hold themselves', async () => {
    const keeper = ['iam.role.update', 'iam.role.read', 'iam.self.read', 'iam.role.create'];
    await good(world.api('POST', '/v1/roles', { name: 'role-keeper', permissions: keeper }));
    await world.person('kim', [{ role: 'role-keeper' }]);
    const grown = { permissions: [...keeper, 'iam.binding.create'] };
    const refused = await world.as('kim')('PATCH', '/v1/roles/role-keeper', grown, { 'if-match': '"1"' });
    expect(refused.body).toMatchObject({ code: 'forbidden', permission: 'iam.binding.create' });
    const shrunk = { permissions: keeper.slice(1) };
    expect(
      (await world.as('kim')('PATCH', '/v1/roles/role-keeper', shrunk, { 'if-match': '"1"' })).status,
    ).toBe(200);
  });

  test('that is built in is shown and never changed', async () => {
    const { body } = await good(world.api<Role>('GET', '/v1/roles/auditor'));
    expect(body).toMatchObject({ built_in: true, version: 1 });
    const change = { permissions: ['iam.self.read'] };
    expect((await world.api('PATCH', '/v1/roles/auditor', change, { 'if-match': '"1"' })).status).toBe(404);
    const { body: list } = await good(world.api<{ items: Role[] }>('GET', '/v1/roles'));
    expect(list.items.slice(0, 6).map(({ name }) => name)).toEqual(
      ['owner', 'admin', 'contributor', 'viewer', 'auditor', 'agent'].sort(
        (a, b) => list.items.findIndex((r) => r.name === a) - list.items.findIndex((r) => r.name === b),
      ),
    );
  });
});

describe('a question', () => {
  test('is asked with ids in members of their own', async () => {
    const { organization } = (await good(world.api<{ organization: { id: string } }>('GET', '/v1/whoami')))
      .body;
    const { body: project } = await good(world.api('GET', '/v1/projects/shop'));
    const body = {
      organization_id: organization.id,
      project_id: project.id,
      required_permission: 'wayside.run.start',
    };
    expect((await good(world.as('ada')('POST', '/v1/check', body))).body).toMatchObject({ allowed: true });
    const other = { ...body, required_permission: 'wayside.project.delete' };
    expect((await good(world.as('ada')('POST', '/v1/check', other))).body).toMatchObject({
      allowed: false,
      reason: 'no_binding',
    });
    const elsewhere = { ...body, organization_id: '00000000-0000-7000-8000-000000000000' };
    expect((await world.as('ada')('POST', '/v1/check', elsewhere)).status).toBe(404);
  });

  test('is asked many at a time, in order, up to the limit', async () => {
    const checks = [
      { permission: 'wayside.run.start', resource: 'projects/shop' },
      { permission: 'wayside.run.start', resource: 'projects/hidden' },
      { required_permission: 'wayside.organization.read' },
      { permission: 'wayside.run.start', resource: 'projects/shop/actions/promote' },
    ];
    const { body } = await good(
      world.as('ada')<{ checks: { allowed: boolean; reason: string }[] }>('POST', '/v1/check', { checks }),
    );
    expect(body.checks.map(({ reason }) => reason)).toEqual([
      'allowed',
      'not_visible',
      'no_binding',
      'allowed',
    ]);
    const tooMany = { checks: Array.from({ length: checksMax + 1 }, () => checks[0]) };
    expect((await world.as('ada')('POST', '/v1/check', tooMany)).status).toBe(400);
  });

  test('about somebody else takes the right to have decisions explained', async () => {
    const body = { permission: 'wayside.run.start', resource: 'projects/shop', principal: 'ada' };
    expect((await good(world.as('eye')('POST', '/v1/check', body))).body).toMatchObject({ allowed: true });
    await world.person('nosy', [{ role: 'viewer' }]);
    expect((await world.as('nosy')('POST', '/v1/check', body)).status).toBe(403);
  });

  test('is asked as AuthZEN asks it, one or many', async () => {
    const subject = { type: 'user', id: 'ada' };
    const ask = (action: string, resource: object, who: object = subject) =>
      world.as('eye')<{ decision: boolean; context: { reason: string } }>('POST', '/access/v1/evaluation', {
        subject: who,
        action: { name: action },
        resource,
      });
    const shop = { type: 'project', id: 'shop' };
    expect((await good(ask('wayside.run.start', shop))).body.decision).toBe(true);
    expect((await good(ask('wayside.run.start', { type: 'action', id: 'shop/promote' }))).body.decision).toBe(
      true,
    );
    expect((await good(ask('wayside.project.delete', shop))).body).toMatchObject({ decision: false });
    expect((await good(ask('can_fly', shop))).body).toMatchObject({ decision: false });
    expect((await good(ask('wayside.run.start', { type: 'project', id: 'none' }))).body.decision).toBe(false);
    expect((await good(ask('wayside.run.start', shop, { type: 'service', id: 'ada' }))).body.decision).toBe(
      false,
    );
    const { body } = await good(
      world.as('eye')<{ evaluations: { decision: boolean }[] }>('POST', '/access/v1/evaluations', {
        subject,
        resource: shop,
        evaluations: [
          { action: { name: 'wayside.run.start' } },
          { action: { name: 'wayside.group.delete' } },
        ],
      }),
    );
    expect(body.evaluations.map(({ decision }) => decision)).toEqual([true, false]);
    expect((await world.as('eye')('POST', '/access/v1/evaluations', { evaluations: [{}] })).status).toBe(400);
    expect(
      (
        await world.as('ada')('POST', '/access/v1/evaluation', {
          subject: { type: 'user', id: 'eye' },
          action: { name: 'wayside.run.start' },
          resource: shop,
        })
      ).status,
    ).toBe(403);
  });

  test('tells nobody who there is', async () => {
    const ask = (id: string, type: string) =>
      world.as('ada')('POST', '/access/v1/evaluation', {
        subject: { type, id },
        action: { name: 'wayside.run.start' },
        resource: { type: 'project', id: 'shop' },
      });
    const [there, nowhere] = await Promise.all([ask('eye', 'service'), ask('nobody', 'service')]);
    expect([there.status, nowhere.status]).toEqual([403, 403]);
    const tokens = (name: string) => world.as('ada')('GET', `/v1/principals/${name}/tokens`);
    const [hers, noones] = await Promise.all([tokens('eye'), tokens('nobody')]);
    expect([hers.status, noones.status]).toEqual([403, 403]);
    expect(hers.body.detail).toBe(noones.body.detail);
  });

  test('shows a screen what works: now, with some inputs, and after elevating', async () => {
    await world.person('screen', [
      { role: 'admin', level: 'projects/shop' },
      {
        role: 'contributor',
        level: 'projects/hidden',
        conditions: [{ input: 'env', operator: 'equals', values: ['staging'] }],
      },
    ]);
    const api = world.as('screen', { elevated: false });
    const ask = (resource: string) =>
      api('POST', '/v1/permissions/test', {
        resource,
        permissions: [
          'wayside.run.read',
          'wayside.run.start',
          'wayside.project.delete',
          'iam.binding.create',
        ],
      });
    expect((await good(ask('projects/shop'))).body).toEqual({
      permissions: ['wayside.run.read', 'wayside.run.start'],
      with_inputs: [],
      with_elevation: ['wayside.project.delete'],
    });
    expect((await good(ask('projects/hidden'))).body).toMatchObject({
      permissions: ['wayside.run.read'],
      with_inputs: ['wayside.run.start'],
    });
    expect((await ask('projects/none')).status).toBe(404);
  });
});

describe('a denial', () => {
  test('names its decision, whose trace says what was missing, and is the same when it is decided again', async () => {
    const denied = await world.as('ada')('DELETE', '/v1/projects/shop');
    expect(denied.body).toMatchObject({
      code: 'forbidden',
      type: 'urn:wayside:problem:forbidden',
      permission: 'wayside.project.delete',
      reason: 'no_binding',
    });
    const path = `/v1/decisions/${String(denied.body['decision'])}`;
    const { body } = await good(world.as('eye')<Explanation>('GET', path));
    expect(body).toMatchObject({ allowed: false, considered: [{ role: 'contributor', outcome: 'lacks' }] });
    expect(body.now).toMatchObject({
      allowed: false,
      reason: 'no_binding',
      policy_revision: body.policy_revision,
    });
    // Whoever gives what was missing sees that it would be allowed now, and what was decided stays as it was.
    await good(
      world.api('POST', '/v1/bindings', { principal: 'ada', role: 'admin', level: 'projects/shop' }),
    );
    const after = (await good(world.as('eye')<Explanation>('GET', path))).body;
    expect(after).toMatchObject({
      allowed: false,
      reason: 'no_binding',
      now: { allowed: true, reason: 'allowed' },
    });
    expect(after.now?.policy_revision).toBeGreaterThan(body.policy_revision);
  });

  test('is decided again by the clock of now', async () => {
    await world.person('brief');
    const denied = await world.as('brief')('POST', '/v1/folders', { name: 'brief' });
    const again = async (id: unknown) =>
      (await good(world.as('eye')<Explanation>('GET', `/v1/decisions/${String(id)}`))).body.now;
    const soon = { principal: 'brief', role: 'admin', not_after: world.now() + 60_000 };
    await good(world.api('POST', '/v1/bindings', soon));
    expect(await again(denied.body['decision'])).toMatchObject({ allowed: true });
    world.advance(60_000);
    expect(await again(denied.body['decision'])).toMatchObject({ allowed: false, reason: 'not_in_force' });
  });

  test('of a hidden thing is a 404, as for what is not there; its trace is for those who may explain there', async () => {
    await world.person('stranger', [{ role: 'viewer', level: 'projects/hidden' }]);
    const there = await world.as('stranger')('GET', `/v1/projects/shop/actions/${ids.get('promote')}`);
    const nowhere = await world.as('stranger')('GET', '/v1/projects/shop/actions/none');
    expect([there.status, nowhere.status]).toEqual([404, 404]);
    const { detail: one } = there.body;
    const { detail: other } = nowhere.body;
    expect(one.replace(ids.get('promote') ?? '', 'none')).toBe(other);
    const denied = await world.as('ada')('POST', '/v1/projects', { name: 'mine' });
    const inShop = await world.as('ada')('POST', '/v1/folders', { name: 'mine' });
    expect([denied.status, inShop.status]).toEqual([403, 403]);
    await world.person('local', [{ role: 'admin', level: 'projects/shop' }]);
    await world.person('plain', [{ role: 'viewer', level: 'projects/shop' }]);
    const local = await world.as('plain')('DELETE', '/v1/projects/shop');
    const explain = (who: string, answer: typeof local) =>
      world.as(who)('GET', `/v1/decisions/${String(answer.body['decision'])}`);
    expect((await explain('local', local)).status).toBe(200);
    expect((await explain('plain', local)).status).toBe(403);
    expect((await explain('stranger', local)).status).toBe(404);
    expect((await explain('local', denied)).status).toBe(403);
    expect((await world.as('eye')('GET', '/v1/decisions/00000000-0000-7000-8000-000000000000')).status).toBe(
      404,
    );
  });

  test('tells missing scope, missing role, denial, confinement and elevation apart', async () => {
    await world.person('many', [{ role: 'owner' }]);
    await world.person('barred', [
      { role: 'owner' },
      { role: 'contributor', effect: 'deny', level: 'projects/shop' },
    ]);
    const { organization } = (await good(world.api<{ organization: { id: string } }>('GET', '/v1/whoami')))
      .body;
    const hidden = (await good(world.api('GET', '/v1/projects/hidden'))).body.id;
    const path = '/v1/projects/shop/actions';
    const narrow = await world.as('many', { permissions: ['iam.self.read'] })('GET', path);
    expect(narrow.body).toMatchObject({ code: 'forbidden', reason: 'token_scope' });
    expect(narrow.headers.get('www-authenticate')).toBe(
      'Bearer error="insufficient_scope", scope="wayside.action.read"',
    );
    expect((await world.as('barred')('GET', path)).body).toMatchObject({ reason: 'denied' });
    const within = { organization: organization.id, project: hidden, thing: null };
    expect((await world.as('many', { within })('GET', path)).status).toBe(404);
    expect(
      (await world.as('many', { within })('GET', '/v1/projects')).body.items.map(({ name }) => name),
    ).toEqual(['hidden']);
    const session = await world.as('many', { elevated: false })('DELETE', '/v1/projects/hidden');
    expect(session.status).toBe(401);
    expect(session.body).toMatchObject({
      code: 'elevation_needed',
      reason: 'elevation_needed',
      permission: 'wayside.project.delete',
    });
    expect(session.headers.get('www-authenticate')).toMatch(
      /^Bearer error="insufficient_user_authentication", .*acr_values="urn:wayside:acr:elevated", max_age=900$/,
    );
  });

  test('of whoever acts for somebody says which of the two lacks it', async () => {
    await world.person('weak', [{ role: 'viewer' }]);
    const both = await world.as('many', { actors: ['weak'] })('POST', '/v1/folders', { name: 'by-two' });
    expect(both.body).toMatchObject({ code: 'forbidden', reason: 'actor_lacks' });
    const { body } = await good(
      world.api<Explanation>('GET', `/v1/decisions/${String(both.body['decision'])}`),
    );
    expect(body.actor).toMatchObject({ reason: 'no_binding', considered: [{ role: 'viewer' }] });
    expect((await world.as('many', { actors: ['weak'] })('GET', '/v1/folders')).status).toBe(200);
    expect(
      (await world.as('many', { actors: ['many', 'many', 'many', 'many'] })('GET', '/v1/roles')).body,
    ).toMatchObject({
      reason: 'delegation_too_deep',
    });
  });
});
