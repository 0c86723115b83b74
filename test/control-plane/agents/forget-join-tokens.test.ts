import { expect, it } from 'vitest';
import { pruneJoinTokens } from '../../../control-plane/agents/forget-join-tokens.ts';
import { joinTokenKeptMs, joinTokenMsDefault } from '../../../protocol/limits.ts';
import { enrolled } from './agent.ts';
import { openWorld } from './world.ts';

const hourMs = 3_600_000;

it('join tokens that were spent or have lapsed go when nobody asks any more, and open ones stay', async () => {
  await using world = await openWorld();
  await world.group('prod');
  const { store } = world.installation;
  const tokens = async () => (await store.db.selectFrom('join_tokens').select('used_at').execute()).length;
  await enrolled(world, 'prod');
  await world.token('prod');
  expect(await tokens()).toBe(2);
  world.advance(joinTokenKeptMs - hourMs);
  expect(await pruneJoinTokens(world.deps)).toBe(0);
  await world.token('prod');
  world.advance(hourMs + joinTokenMsDefault + 1);
  expect(await pruneJoinTokens(world.deps)).toBe(2);
  expect(await tokens()).toBe(1);
});
