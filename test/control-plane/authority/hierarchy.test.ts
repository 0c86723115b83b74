// F11 over real HTTP: folders in folders, projects in folders, teams in teams, and bindings that hold below where they
// are made; what is denied stays denied.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Folder } from '../../../protocol/api/policy.ts';
import { folderDepthMax, teamDepthMax } from '../../../protocol/limits-authority.ts';
import { good, openWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await good(world.api('POST', '/v1/folders', { name: 'web' }));
  await good(world.api('POST', '/v1/folders', { name: 'shops', parent: 'web' }));
  await good(world.api('POST', '/v1/projects', { name: 'checkout', folder: 'shops' }));
  await good(world.api('POST', '/v1/projects', { name: 'island' }));
});
afterAll(() => world.close());

const may = async (who: string, permission: string, resource: string): Promise<boolean | number> => {
  const { status, body } = await world.as(who)<{ allowed: boolean }>('POST', '/v1/check', {
    permission,
    resource,
  });
  return status === 200 ? body.allowed : status;
};

async function move(kind: 'projects' | 'folders', name: string, folder: string | null, api = world.api) {
  const { headers } = await good(world.api('GET', `/v1/${kind}/${name}`));
  return api('POST', `/v1/${kind}/${name}/move`, { folder }, { 'if-match': headers.get('etag') ?? '' });
}

describe('a binding', () => {
  test('on a folder holds for the folders and projects in it, and is shown with its names', async () => {
    await world.person('ada', [{ role: 'contributor', level: 'folders/web' }]);
    expect(await may('ada', 'wayside.run.start', 'projects/checkout')).toBe(true);
    expect(await may('ada', 'wayside.folder.read', 'folders/shops')).toBe(true);
    expect(await may('ada', 'wayside.run.start', 'projects/island')).toBe(404);
    const { body: folders } = await good(world.as('ada')('GET', '/v1/folders'));
    expect(folders.items.map(({ name }) => name).sort()).toEqual(['shops', 'web']);
    const { body: projects } = await good(world.as('ada')('GET', '/v1/projects'));
    expect(projects.items).toMatchObject([{ name: 'checkout', folder: { name: 'shops' } }]);
    const { body } = await good(world.api('GET', '/v1/bindings?on=folders/web'));
    expect(body.items).toMatchObject([{ level_name: 'folders/web', role: 'contributor' }]);
  });

  test('on the organization and one on a project add up', async () => {
    await world.person('sum', [{ role: 'viewer' }, { role: 'admin', level: 'projects/checkout' }]);
    expect(await may('sum', 'wayside.action.create', 'projects/checkout')).toBe(true);
    expect(await may('sum', 'wayside.action.create', 'projects/island')).toBe(false);
    expect(await may('sum', 'wayside.action.read', 'projects/island')).toBe(true);
  });

  test('that denies wins over all that allow, wherever they are', async () => {
    await world.person('kept-out', [
      { role: 'owner' },
      { role: 'contributor', level: 'folders/web', effect: 'deny' },
    ]);
    expect(await may('kept-out', 'wayside.run.start', 'projects/checkout')).toBe(false);
    expect(await may('kept-out', 'wayside.run.read', 'projects/checkout')).toBe(false);
    expect(await may('kept-out', 'wayside.run.start', 'projects/island')).toBe(true);
  });

  test('on a single action or group reaches only what is there', async () => {
    const ids = await world.actions('island', 'prod', ['promote', 'destroy']);
    await world.person('one', [{ role: 'contributor', level: 'projects/island/actions/promote' }]);
    await world.person('some', [{ role: 'contributor', level: 'projects/island/groups/prod' }]);
    expect(await may('one', 'wayside.run.start', 'projects/island/actions/promote')).toBe(true);
    expect(await may('one', 'wayside.run.start', `projects/island/actions/${ids.get('promote')}`)).toBe(true);
    expect(await may('one', 'wayside.run.start', 'projects/island/actions/destroy')).toBe(404);
    expect(await may('some', 'wayside.run.start', 'projects/island/actions/destroy')).toBe(true);
    expect(await may('some', 'wayside.group.read', 'projects/island/groups/prod')).toBe(true);
    expect(await may('some', 'wayside.variable.read', 'projects/island')).toBe(false);
    const action = '/v1/projects/island/actions';
    expect((await world.as('one')('GET', `${action}/promote`)).status).toBe(200);
    expect((await world.as('one')('GET', `${action}/destroy`)).status).toBe(404);
    expect((await world.as('one')('GET', `${action}/none-of-that-name`)).status).toBe(404);
    expect((await world.as('one')('GET', '/v1/projects')).body.items.map(({ name }) => name)).toEqual([
      'island',
    ]);
    // It goes with what it is on.
    await good(world.api('DELETE', `${action}/promote`));
    const { body } = await good(world.api('GET', '/v1/bindings?principal=one'));
    expect(body.items).toEqual([]);
  });

  test('is made only where there is something', async () => {
    const bind = (level: string) =>
      world.api('POST', '/v1/bindings', { principal: 'ada', role: 'viewer', level });
    expect((await bind('folders/none')).status).toBe(404);
    expect((await bind('projects/island/actions/none')).status).toBe(404);
    expect((await bind('projects/island/applications/none')).status).toBe(404);
    expect((await bind('projects/island/runs/x')).status).toBe(404);
    expect((await bind('planet')).status).toBe(400);
  });
});

describe('moving', () => {
  test('a project changes who may do what in it, at once', async () => {
    await world.person('mover', [{ role: 'contributor', level: 'folders/web' }]);
    await good(world.api('POST', '/v1/projects', { name: 'roaming' }));
    expect(await may('mover', 'wayside.run.start', 'projects/roaming')).toBe(404);
    await good(move('projects', 'roaming', 'shops'));
    expect(await may('mover', 'wayside.run.start', 'projects/roaming')).toBe(true);
    await good(move('projects', 'roaming', null));
    expect(await may('mover', 'wayside.run.start', 'projects/roaming')).toBe(404);
  });

  test('a folder does so for all that lies in it', async () => {
    await good(world.api('POST', '/v1/folders', { name: 'other' }));
    await good(world.api('POST', '/v1/folders', { name: 'inner' }));
    await good(world.api('POST', '/v1/projects', { name: 'deep', folder: 'inner' }));
    await world.person('of-other', [{ role: 'viewer', level: 'folders/other' }]);
    expect(await may('of-other', 'wayside.run.read', 'projects/deep')).toBe(404);
    await good(move('folders', 'inner', 'other'));
    expect(await may('of-other', 'wayside.run.read', 'projects/deep')).toBe(true);
  });

  test('into itself, too deep, or by an old revision is refused', async () => {
    expect((await move('folders', 'web', 'shops')).body.code).toBe('cycle');
    expect((await move('folders', 'web', 'web')).body.code).toBe('cycle');
    await good(world.api('POST', '/v1/folders', { name: 'd1' }));
    for (let depth = 2; depth <= folderDepthMax; depth += 1) {
      await good(world.api('POST', '/v1/folders', { name: `d${depth}`, parent: `d${depth - 1}` }));
    }
    const tooDeep = { name: 'd-too', parent: `d${folderDepthMax}` };
    expect((await world.api('POST', '/v1/folders', tooDeep)).body.code).toBe('too_deep');
    expect((await move('folders', 'd1', 'web')).body.code).toBe('too_deep');
    const to = { folder: 'web' };
    expect((await world.api('POST', '/v1/projects/island/move', to)).status).toBe(428);
    expect((await world.api('POST', '/v1/projects/island/move', to, { 'if-match': '"99"' })).status).toBe(
      412,
    );
  });

  test('takes the right to take it out, to put it in, and to all that others would get by it', async () => {
    await good(world.api('POST', '/v1/folders', { name: 'from' }));
    await good(world.api('POST', '/v1/folders', { name: 'target' }));
    await good(world.api('POST', '/v1/projects', { name: 'cargo', folder: 'from' }));
    await world.person('boss', [{ role: 'owner', level: 'folders/target' }]);
    await world.person('carrier', [{ role: 'admin', level: 'projects/cargo' }]);
    const carrier = world.as('carrier');
    // Where it lies is not theirs to decide.
    expect((await move('projects', 'cargo', 'target', carrier)).status).toBe(404);
    await good(
      world.api('POST', '/v1/bindings', { principal: 'carrier', role: 'admin', level: 'folders/from' }),
    );
    await good(
      world.api('POST', '/v1/bindings', { principal: 'carrier', role: 'admin', level: 'folders/target' }),
    );
    // The owner of the target would own it then, which an admin cannot give.
    const refused = await move('projects', 'cargo', 'target', carrier);
    expect(refused.body).toMatchObject({ code: 'forbidden', permission: expect.stringMatching(/^iam\./) });
    await good(
      world.api('POST', '/v1/bindings', { principal: 'carrier', role: 'owner', level: 'folders/from' }),
    );
    expect((await move('projects', 'cargo', 'target', carrier)).status).toBe(200);
  });

  test('sheds no denial', async () => {
    await good(world.api('POST', '/v1/folders', { name: 'locked' }));
    await good(world.api('POST', '/v1/projects', { name: 'held', folder: 'locked' }));
    await world.person('escaper', [
      { role: 'admin' },
      { role: 'contributor', level: 'folders/locked', effect: 'deny' },
    ]);
    expect((await move('projects', 'held', null, world.as('escaper'))).status).toBe(403);
  });

  test('a folder that is not empty is not deleted', async () => {
    expect((await world.api('DELETE', '/v1/folders/shops')).body.code).toBe('in_use');
    const { body } = await good(world.api<Folder>('POST', '/v1/folders', { name: 'brief', parent: 'web' }));
    expect(body.parent).toMatchObject({ name: 'web' });
    expect((await world.api('DELETE', `/v1/folders/${body.id}`)).status).toBe(204);
    expect((await world.api('GET', '/v1/folders/brief')).status).toBe(404);
  });
});

describe('teams', () => {
  const member = (method: 'PUT' | 'DELETE', team: string, who: string, api = world.api) =>
    api(method, `/v1/teams/${team}/members/${who}`);

  test('give what they have to their members, also through one another, until they leave', async () => {
    for (const name of ['devs', 'backend']) await good(world.api('POST', '/v1/teams', { name }));
    await good(
      world.api('POST', '/v1/bindings', { principal: 'devs', role: 'viewer', level: 'projects/island' }),
    );
    await world.person('bea');
    await good(member('PUT', 'devs', 'backend'));
    await good(member('PUT', 'backend', 'bea'));
    expect((await member('PUT', 'backend', 'bea')).status).toBe(204);
    expect(await may('bea', 'wayside.run.read', 'projects/island')).toBe(true);
    const { body } = await good(world.api('GET', '/v1/teams/backend/members'));
    expect(body.items).toMatchObject([{ name: 'bea', kind: 'user', source: '', disabled: false }]);
    await good(member('DELETE', 'backend', 'bea'));
    expect(await may('bea', 'wayside.run.read', 'projects/island')).toBe(404);
    expect((await member('DELETE', 'backend', 'bea')).status).toBe(404);
  });

  test('are in no circle, and not nested too deeply', async () => {
    await good(world.api('POST', '/v1/teams', { name: 't0' }));
    for (let depth = 1; depth < teamDepthMax; depth += 1) {
      await good(world.api('POST', '/v1/teams', { name: `t${depth}` }));
      await good(member('PUT', `t${depth - 1}`, `t${depth}`));
    }
    expect((await member('PUT', `t${teamDepthMax - 1}`, 't0')).body.code).toBe('cycle');
    expect((await member('PUT', 't0', 't0')).body.code).toBe('cycle');
    await good(world.api('POST', '/v1/teams', { name: 'one-more' }));
    expect((await member('PUT', `t${teamDepthMax - 1}`, 'one-more')).body.code).toBe('too_deep');
    expect((await member('PUT', 'one-more', 't0')).body.code).toBe('too_deep');
    // The deepest way that is allowed is one that a decision follows to its end.
    await world.person('deepest');
    await good(member('PUT', `t${teamDepthMax - 1}`, 'deepest'));
    await good(
      world.api('POST', '/v1/bindings', { principal: 't0', role: 'viewer', level: 'projects/island' }),
    );
    expect(await may('deepest', 'wayside.run.read', 'projects/island')).toBe(true);
  });

  test('let nobody in by who has less than they do, and let nobody out of a denial', async () => {
    await good(world.api('POST', '/v1/teams', { name: 'chiefs' }));
    await good(world.api('POST', '/v1/bindings', { principal: 'chiefs', role: 'owner' }));
    await good(
      world.api('POST', '/v1/roles', {
        name: 'team-keeper',
        permissions: ['iam.team.update', 'iam.team.read', 'iam.self.read'],
      }),
    );
    await world.person('keeper', [{ role: 'team-keeper' }]);
    const refused = await member('PUT', 'chiefs', 'keeper', world.as('keeper'));
    expect(refused.body).toMatchObject({ code: 'forbidden' });
    expect(refused.body.detail).toContain('chiefs');
    await good(world.api('POST', '/v1/teams', { name: 'banned' }));
    await good(
      world.api('POST', '/v1/bindings', { principal: 'banned', role: 'contributor', effect: 'deny' }),
    );
    await good(member('PUT', 'banned', 'keeper'));
    expect((await member('DELETE', 'banned', 'keeper', world.as('keeper'))).status).toBe(403);
  });

  test('that are deleted give nothing, and their last owner stays', async () => {
    const alone = await openWorld();
    try {
      await good(alone.api('POST', '/v1/teams', { name: 'owners' }));
      await good(alone.api('POST', '/v1/bindings', { principal: 'owners', role: 'owner' }));
      await alone.person('heir');
      await good(alone.api('PUT', '/v1/teams/owners/members/heir'));
      await good(alone.api('DELETE', '/v1/principals/owner'));
      const heir = alone.as('heir');
      expect((await heir('DELETE', '/v1/teams/owners')).body.code).toBe('last_owner');
      expect((await heir('DELETE', '/v1/teams/owners/members/heir')).body.code).toBe('last_owner');
      await good(heir('POST', '/v1/bindings', { principal: 'heir', role: 'owner' }));
      expect((await heir('DELETE', '/v1/teams/owners')).status).toBe(204);
      expect((await heir('GET', '/v1/teams/owners')).status).toBe(404);
      expect((await heir('GET', '/v1/teams')).body.items).toEqual([]);
    } finally {
      await alone.close();
    }
  });
});
