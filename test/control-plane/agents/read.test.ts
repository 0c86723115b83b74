import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listAgents, showAgent } from '../../../control-plane/agents/read.ts';
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
