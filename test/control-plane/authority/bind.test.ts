// F20 and what a binding can carry, over real HTTP: nobody gives what they lack, not under fewer conditions and not for
// longer; policy edits that cross are refused; the last owner stays, also against denials.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { good, openWorld } from './world.ts';
import type { Api, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await good(world.api('POST', '/v1/projects', { name: 'shop' }));
  await world.actions('shop', 'prod', ['promote']);
  await world.person('ada');
});
afterAll(() => world.close());

const staging = { input: 'environment', operator: 'equals', values: ['staging'] };
const anyEnvironment = { input: 'environment', operator: 'one_of', values: ['staging', 'production'] };
const give = (api: Api, more: object) =>
  api('POST', '/v1/bindings', { principal: 'ada', role: 'contributor', level: 'projects/shop', ...more });

async function binder(name: string, roles: Parameters<World['person']>[1]): Promise<Api> {
  await good(
    world.api('POST', '/v1/roles', {
      name: `bind-${name}`,
      permissions: ['iam.binding.create', 'iam.binding.delete', 'iam.binding.read'],
    }),
  );
  await world.person(name, [{ role: `bind-${name}`, level: 'projects/shop' }, ...(roles ?? [])]);
  return world.as(name);
}

describe('who holds a role only under conditions', () => {
  test('gives it under these or stricter ones, and not otherwise', async () => {
    const api = await binder('cond', [
      { role: 'contributor', level: 'projects/shop', conditions: [anyEnvironment] },
    ]);
    const refused = await give(api, {});
    expect(refused.body).toMatchObject({ code: 'forbidden', permission: 'wayside.run.start' });
    expect(refused.body.detail).toContain('under conditions');
    // The denial is in the record like any other.
    expect((await world.api('GET', `/v1/decisions/${String(refused.body['decision'])}`)).status).toBe(200);
    const elsewhere = { input: 'region', operator: 'equals', values: ['staging'] };
    expect((await give(api, { conditions: [elsewhere] })).status).toBe(403);
    const wider = { input: 'environment', operator: 'one_of', values: ['staging', 'dev'] };
    expect((await give(api, { conditions: [wider] })).status).toBe(403);
    const pattern = { input: 'environment', operator: 'matches', values: ['stag.*'] };
    expect((await give(api, { conditions: [pattern] })).status).toBe(403);
    expect((await give(api, { conditions: [staging] })).status).toBe(201);
    expect((await give(api, { conditions: [staging, elsewhere] })).status).toBe(201);
    expect((await give(api, { role: 'viewer' })).status).toBe(201);
  });
});

describe('who holds a role only for a time', () => {
  test('gives it for no longer', async () => {
    const soon = world.now() + 3_600_000;
    const api = await binder('brief', [{ role: 'contributor', level: 'projects/shop', not_after: soon }]);
    expect((await give(api, {})).status).toBe(403);
    expect((await give(api, { not_after: soon + 1 })).status).toBe(403);
    expect((await give(api, { not_after: soon })).status).toBe(201);
  });
});

describe('who is kept out somewhere', () => {
  test('lets nobody in there, nor lifts the denial', async () => {
    await good(world.api('POST', '/v1/folders', { name: 'around' }));
    await good(world.api('POST', '/v1/projects', { name: 'vault', folder: 'around' }));
    await world.person('kept', [{ role: 'owner', level: 'folders/around' }]);
    const denial = { principal: 'kept', role: 'contributor', level: 'projects/vault', effect: 'deny' };
    const { body } = await good(world.api('POST', '/v1/bindings', denial));
    const kept = world.as('kept');
    expect((await give(kept, { level: 'folders/around' })).status).toBe(403);
    expect((await kept('DELETE', `/v1/bindings/${body.id}`)).status).toBe(403);
    expect((await give(world.api, { level: 'folders/around' })).status).toBe(201);
    expect((await world.api('DELETE', `/v1/bindings/${body.id}`)).status).toBe(204);
    expect((await give(kept, { level: 'projects/vault' })).status).toBe(201);
  });
});

test('a session that is not elevated gives nothing', async () => {
  const answer = await give(world.as('owner', { elevated: false }), { level: 'organization' });
  expect(answer.body).toMatchObject({ code: 'elevation_needed', permission: 'iam.binding.create' });
});

test('a binding is in force from its beginning to its end, with nothing done at either', async () => {
  await world.person('timed');
  const now = world.now();
  const window = { principal: 'timed', not_before: now + 60_000, not_after: now + 120_000 };
  await good(give(world.api, window));
  const may = async () =>
    (
      await world.as('timed')<{ allowed?: boolean; status: number }>('POST', '/v1/check', {
        permission: 'wayside.run.start',
        resource: 'projects/shop',
      })
    ).body;
  expect(await may()).toMatchObject({ status: 404 });
  world.advance(60_000);
  expect(await may()).toMatchObject({ allowed: true });
  world.advance(60_000);
  expect(await may()).toMatchObject({ status: 404 });
  const { body } = await good(world.api('GET', '/v1/bindings?principal=timed'));
  expect(body.items).toMatchObject([{ not_before: now + 60_000, not_after: now + 120_000 }]);
});

test('what cannot be judged, or is over already, is not made', async () => {
  const condition = (more: object) => give(world.api, { conditions: [{ ...staging, ...more }] });
  expect((await condition({ operator: 'matches', values: ['(a'] })).body.detail).toContain('RE2');
  expect((await condition({ operator: 'matches', values: ['(?=a)'] })).status).toBe(400);
  expect((await condition({ operator: 'equals', values: ['a', 'b'] })).status).toBe(400);
  expect((await condition({ operator: 'matches', values: [1] })).status).toBe(400);
  expect((await condition({ operator: 'one_of', values: [] })).status).toBe(400);
  expect((await condition({ values: [{ a: 1 }] })).status).toBe(400);
  expect((await give(world.api, { conditions: Array.from({ length: 11 }, () => staging) })).status).toBe(400);
  expect((await give(world.api, { not_after: world.now() - 1 })).status).toBe(400);
  expect((await give(world.api, { not_before: 20, not_after: 10 })).status).toBe(400);
  expect((await give(world.api, { role: 'king' })).status).toBe(400);
});

test('a condition on an input that some action declares as sensitive is not made there', async () => {
  const { store } = world;
  const [group] = await store.read(
    store.db.selectFrom('groups').select('id').where('name', '=', 'prod').compile(),
  );
  await store.write([
    {
      query: store.db
        .insertInto('sensitive_inputs')
        .values({ group_id: group?.id ?? '', operation: 'promote', input: 'token' })
        .compile(),
    },
  ]);
  const on = (level: string) =>
    give(world.api, { level, conditions: [{ input: 'token', operator: 'equals', values: ['x'] }] });
  for (const level of [
    'organization',
    'projects/shop',
    'projects/shop/groups/prod',
    'projects/shop/actions/promote',
  ]) {
    expect((await on(level)).body.detail, level).toContain('sensitive');
  }
  await good(world.api('POST', '/v1/projects', { name: 'elsewhere' }));
  expect((await on('projects/elsewhere')).status).toBe(201);
  await good(world.api('POST', '/v1/folders', { name: 'empty' }));
  expect((await on('folders/empty')).status).toBe(201);
});

describe('policy edits that cross', () => {
  test('are refused by the revision that was read', async () => {
    const { headers } = await good(world.api('GET', '/v1/bindings'));
    const read = { 'if-match': headers.get('etag') ?? '' };
    const first = await world.api('POST', '/v1/bindings', { principal: 'ada', role: 'auditor' }, read);
    expect(first.status).toBe(201);
    const second = await world.api('DELETE', `/v1/bindings/${first.body.id}`, undefined, read);
    expect(second.body.code).toBe('precondition_failed');
    const again = await world.api('POST', '/v1/bindings', { principal: 'ada', role: 'admin' }, read);
    expect(again.status).toBe(412);
    expect(
      (
        await world.api('DELETE', `/v1/bindings/${first.body.id}`, undefined, {
          'if-match': first.headers.get('etag') ?? '',
        })
      ).status,
    ).toBe(204);
  });

  test('of two at once with one revision, one wins', async () => {
    await world.person('raced');
    const { headers } = await good(world.api('GET', '/v1/bindings'));
    const read = { 'if-match': headers.get('etag') ?? '' };
    const answers = await Promise.all(
      ['viewer', 'contributor', 'auditor', 'admin'].map((role) =>
        world.api('POST', '/v1/bindings', { principal: 'raced', role }, read),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 412, 412, 412]);
  });
});

test('a list of bindings is of the level at which it was decided', async () => {
  await good(world.api('POST', '/v1/projects', { name: 'kept' }));
  await good(world.api('POST', '/v1/projects', { name: 'foreign' }));
  await world.person('keeper', [{ role: 'owner', level: 'projects/kept' }]);
  await world.person('hidden', [{ role: 'viewer', level: 'projects/foreign' }]);
  const list = (query: string) =>
    world.as('keeper')<{ items: { principal: { name: string } }[] }>('GET', `/v1/bindings?${query}`);
  const { body } = await good(list('project=kept'));
  expect(body.items.map(({ principal }) => principal.name)).toEqual(['keeper']);
  expect((await list('on=projects/foreign')).status).toBe(404);
  for (const on of ['projects/foreign', 'organization']) {
    expect((await list(`project=kept&on=${on}`)).body).toMatchObject({ code: 'invalid_request' });
  }
});

describe('the last owner', () => {
  test('is not locked out by a denial, and nobody counts who holds it for a time only', async () => {
    const alone = await openWorld();
    try {
      const denial = { principal: 'owner', role: 'viewer', effect: 'deny' };
      expect((await alone.api('POST', '/v1/bindings', denial)).body.code).toBe('last_owner');
      await alone.person('temporary', [{ role: 'owner', not_after: alone.now() + 3_600_000 }]);
      const { body } = await good(alone.api('GET', '/v1/bindings?principal=owner'));
      const own = `/v1/bindings/${body.items[0]?.id}`;
      expect((await alone.api('DELETE', own)).body.code).toBe('last_owner');
      await alone.person('second', [{ role: 'owner' }]);
      expect((await alone.api('POST', '/v1/bindings', denial)).status).toBe(201);
      expect((await alone.as('second')('DELETE', own)).status).toBe(204);
    } finally {
      await alone.close();
    }
  });

  test('is not let into a team to which it is denied', async () => {
    const alone = await openWorld();
    try {
      await good(alone.api('POST', '/v1/teams', { name: 'barred' }));
      await good(alone.api('POST', '/v1/bindings', { principal: 'barred', role: 'owner', effect: 'deny' }));
      const join = () => alone.api('PUT', '/v1/teams/barred/members/owner');
      expect((await join()).body.code).toBe('last_owner');
      await alone.person('heir', [{ role: 'owner' }]);
      expect((await join()).status).toBe(204);
    } finally {
      await alone.close();
    }
  });

  test('nobody makes themselves one', async () => {
    await world.person('climber', [{ role: 'admin' }]);
    const self = { principal: 'climber', role: 'owner', level: 'organization' };
    expect((await world.as('climber')('POST', '/v1/bindings', self)).status).toBe(403);
  });
});

describe('whoever acts for somebody', () => {
  test('makes no token of theirs that does what they may not do themselves', async () => {
    await world.person('chief', [{ role: 'owner' }]);
    await world.person('deputy', [{ role: 'owner' }]);
    await world.person('clerk', [{ role: 'admin' }]);
    const make = (actor: string) =>
      world.as('chief', { actors: [actor] })('POST', '/v1/principals/self/tokens', { name: 'for later' });
    const refused = await make('clerk');
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
    expect((await make('deputy')).status).toBe(201);
  });

  test('approves nothing by it that they asked for', async () => {
    const body = { reason: 'a run hangs', role: 'admin' };
    const { body: asked } = await good(world.as('deputy')('POST', '/v1/support', body));
    const approve = (actors: readonly string[]) =>
      world.as('chief', { actors })('POST', `/v1/support/${asked.id}/approve`, {});
    expect((await approve(['deputy'])).body.code).toBe('conflict');
    expect((await approve([])).status).toBe(200);
  });
});
