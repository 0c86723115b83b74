import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunsOfAgent } from '../../../control-plane/agents/contract.ts';
import { drainAgent } from '../../../control-plane/agents/drain.ts';
import { readAgent, showAgent } from '../../../control-plane/agents/read.ts';
import { revokeAgent } from '../../../control-plane/agents/revoke.ts';
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

const noRuns: RunsOfAgent = { revoke: async () => ({ steps: [], committed: () => undefined }) };
const row = (agent: EnrolledAgent) => readAgent(world.installation.store, world.project.id, agent.id);
const status = async (agent: EnrolledAgent) =>
  (await showAgent(world.installation.store, world.project.id, agent.id)).status;
const revoke = async (agent: EnrolledAgent, runs = noRuns) =>
  revokeAgent({ ...world.deps, runs }, world.context('wayside.agent.revoke'), {
    agent: await row(agent),
    reason: 'it left',
  });

describe('draining', () => {
  it('is told to the agent, shown, and over with its next process', async () => {
    const agent = await enrolled(world, 'prod');
    const first = await connected(world, agent);
    const drained = await drainAgent(world.deps, world.context('wayside.agent.drain'), await row(agent));
    expect(drained.status).toBe('draining');
    await expect.poll(() => first.frames.at(-1)?.type).toBe('drain');
    const again = await connected(world, agent);
    expect(await status(agent)).toBe('draining');
    again.socket.terminate();
    await expect.poll(() => status(agent)).toBe('offline');
    (
      await connected(world, agent, { incarnation: '01890000-0000-7000-8000-0000000000c9' })
    ).socket.terminate();
    expect((await row(agent)).draining).toBe(0);
    expect((await world.audit('agent.drain')).at(-1)).toMatchObject({ result: 'allowed' });
  });

  it('can be the agent’s own wish, and is refused for one that is not active', async () => {
    const agent = await enrolled(world, 'prod');
    const live = await connected(world, agent);
    live.send({ type: 'drain' });
    await expect.poll(() => status(agent)).toBe('draining');
    await revoke(agent);
    const gone = drainAgent(world.deps, world.context('wayside.agent.drain'), await row(agent));
    await expect(gone).rejects.toMatchObject({ code: 'agent_revoked' });
  });
});
