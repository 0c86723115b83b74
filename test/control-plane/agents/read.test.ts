import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeAgent } from '../../../control-plane/agents/describe.ts';
import { listAgents, readAgent, showAgent } from '../../../control-plane/agents/read.ts';
import { selectAgent, selectAgents } from '../../../control-plane/agents/store.ts';
import { GuardFailed } from '../../../control-plane/store/store.ts';
import { engine } from '../../support/engine.ts';
import { enrolled } from './agent.ts';
import { openWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.group('prod');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

describe('the list', () => {
  it('pages from the newest to the oldest, without repeating any', async () => {
    const { store } = world.installation;
    for (let n = 0; n < 7; n += 1) await enrolled(world, 'prod');
    const all = (await listAgents(store, world.project.id, { limit: 200 })).items.map((item) => item.id);
    expect(all).toHaveLength(7);
    const paged: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listAgents(store, world.project.id, { limit: 3, cursor });
      paged.push(...page.items.map((item) => item.id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(paged).toEqual(all);
    await expect(showAgent(store, world.project.id, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
    await expect(showAgent(store, 'elsewhere', all[0]!)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('an agent', () => {
  it('is called and described as somebody likes, under the revision that they read', async () => {
    const { store } = world.installation;
    const { id } = await enrolled(world, 'prod');
    const before = await readAgent(store, world.project.id, id);
    const context = world.context('wayside.agent.update');
    const change = (body: object) => changeAgent(world.deps, context, { agent: before, body });
    expect(await change({ description: 'next to the boiler' })).toMatchObject({
      name: before.name,
      description: 'next to the boiler',
      revision: 2,
    });
    await expect(change({ name: 'late' })).rejects.toBeInstanceOf(GuardFailed);
    const now = await readAgent(store, world.project.id, id);
    const renamed = await changeAgent(world.deps, context, { agent: now, body: { name: 'boiler' } });
    expect(renamed).toMatchObject({ id, name: 'boiler', description: 'next to the boiler', revision: 3 });
    const other = await readAgent(store, world.project.id, (await enrolled(world, 'prod')).id);
    await expect(
      changeAgent(world.deps, context, { agent: other, body: { name: 'boiler' } }),
    ).rejects.toMatchObject({ code: 'name_taken' });
    expect((await world.audit('agent.update')).map(({ details }) => details)).toMatchObject([
      { before: { description: '' }, after: { description: 'next to the boiler' } },
      { before: { name: before.name }, after: { name: 'boiler' } },
    ]);
  });

  it.runIf(engine === 'sqlite')('counts its runs by the index of those that are held', async () => {
    const { store } = world.installation;
    for (const query of [
      selectAgent(store, world.project.id, 'x'),
      selectAgents(store, { project: world.project.id, after: null, limit: 10 }),
    ]) {
      const plan = await store.read<{ detail: string }>({
        ...query,
        sql: `explain query plan ${query.sql}`,
      } as never);
      expect(plan.map(({ detail }) => detail)).toContainEqual(
        expect.stringMatching(/runs .*INDEX runs_held/),
      );
    }
  });
});
