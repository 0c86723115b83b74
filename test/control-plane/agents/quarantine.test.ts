import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approveAgent } from '../../../control-plane/agents/approve.ts';
import { readAgent } from '../../../control-plane/agents/read.ts';
import { closeCodes } from '../../../protocol/frames.ts';
import { formerIncarnationsMax } from '../../../protocol/limits.ts';
import { hello } from '../channel/harness.ts';
import { connected, enrolled, knock } from './agent.ts';
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
const process = (agent: EnrolledAgent, incarnation: string) => connected(world, agent, { incarnation });

describe('processes of one agent', () => {
  it('may follow one another, and each may connect again', async () => {
    const agent = await enrolled(world, 'prod');
    for (let count = 0; count < formerIncarnationsMax + 2; count += 1) {
      const incarnation = randomUUIDv7();
      for (const live of [await process(agent, incarnation), await process(agent, incarnation)]) {
        live.socket.close();
        await live.closed;
      }
    }
    const { former_incarnations, status } = await row(agent);
    expect(status).toBe('active');
    expect(JSON.parse(former_incarnations)).toHaveLength(formerIncarnationsMax);
  });

  it('are copies where one comes back that another had replaced: both are held until a person has looked', async () => {
    const agent = await enrolled(world, 'prod');
    const [first, second] = [randomUUIDv7(), randomUUIDv7()];
    const one = await process(agent, first);
    const two = await process(agent, second);
    expect((await one.closed).reason).toBe('session_replaced');
    const back = await knock(world, agent);
    expect((await two.closed).reason).toBe('session_replaced');
    back.send(hello({ incarnation: first }));
    expect(await back.closed).toEqual({ code: closeCodes.quarantined, reason: 'quarantined' });
    await expect(process(agent, second)).rejects.toThrow('403');
    expect((await world.audit('agent.quarantine')).at(-1)?.details).toEqual({
      reason: 'two_processes',
      presented: first,
      known: second,
      addresses: ['127.0.0.1', '127.0.0.1'],
    });
    const { key_fingerprint: fingerprint } = await row(agent);
    const context = world.context('wayside.agent.approve');
    await approveAgent(world.deps, context, { agent: await row(agent), fingerprint });
    const again = await process(agent, second);
    expect((await row(agent)).status).toBe('active');
    again.socket.close();
  });

  it('are not copies where a hello of an older connection comes late', async () => {
    const agent = await enrolled(world, 'prod');
    const [first, second] = [randomUUIDv7(), randomUUIDv7()];
    (await process(agent, first)).socket.close();
    const late = await knock(world, agent);
    const { session } = await row(agent);
    const live = await process(agent, second);
    expect((await row(agent)).session).toBeGreaterThan(session);
    expect((await late.closed).reason).toBe('session_replaced');
    expect((await row(agent)).status).toBe('active');
    live.socket.close();
  });
});
