import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAgent, showAgent } from '../../../control-plane/agents/read.ts';
import { openServerRow } from '../../../control-plane/agents/server-row.ts';
import { systemClock } from '../../../control-plane/channel/clock.ts';
import { closeCodes } from '../../../protocol/frames.ts';
import { connected, enrolled } from './agent.ts';
import type { EnrolledAgent } from './agent.ts';
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

const row = (agent: EnrolledAgent) => readAgent(world.installation.store, world.project.id, agent.id);
const status = async (agent: EnrolledAgent) =>
  (await showAgent(world.installation.store, world.project.id, agent.id)).status;

describe('a journal that goes back', () => {
  it('quarantines by hello and by heartbeat, with an event', async () => {
    const agent = await enrolled(world, 'prod');
    const live = await connected(world, agent, { journal_counter: 5 });
    live.send({ type: 'heartbeat', journal_counter: 7, now: Date.now() });
    await expect.poll(async () => (await row(agent)).journal_counter).toBe(7);
    live.send({ type: 'heartbeat', journal_counter: 6, now: Date.now() });
    expect(await live.closed).toEqual({ code: closeCodes.quarantined, reason: 'quarantined' });
    expect((await world.audit('agent.quarantine')).at(-1)).toMatchObject({
      result: 'denied',
      details: { reason: 'journal_went_back', presented: 6, known: 7 },
    });
  });
});

describe('sessions', () => {
  it('grow with each connection, and an older one ends no newer', async () => {
    const agent = await enrolled(world, 'prod');
    const first = await connected(world, agent);
    const second = await connected(world, agent);
    expect(second.welcome.session).toBe(first.welcome.session + 1);
    await first.closed;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await status(agent)).toBe('online');
    second.socket.terminate();
    await expect.poll(() => status(agent)).toBe('offline');
  });

  it('that a crash left open are closed at the next start', async () => {
    const agent = await enrolled(world, 'prod');
    await connected(world, agent);
    expect(await status(agent)).toBe('online');
    // Another process finds the row of the one that crashed.
    const { store } = world.installation;
    const id = 'server-2';
    const next = await openServerRow({
      ...{ store, clock: systemClock(), id, address: 'there' },
      report: () => undefined,
    });
    if (store.engine === 'sqlite') return expect(await status(agent)).toBe('offline');
    // It may be alive for all that it knows yet.
    await next.beat();
    expect(await status(agent)).toBe('online');
    await next.close();
  });
});
