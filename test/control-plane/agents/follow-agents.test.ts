import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followAgents } from '../../../control-plane/agents/follow-agents.ts';
import {
  setDraining,
  beginSession,
  describeAgent,
  quarantine,
  revoke,
} from '../../../control-plane/agents/store.ts';
import { topicOf } from '../../../control-plane/store/hints.ts';
import type { HintListener } from '../../../control-plane/store/hints.ts';
import type { Step } from '../../../control-plane/store/store.ts';
import { closeCodes } from '../../../protocol/frames.ts';
import { connected, enrolled } from './agent.ts';
import { openWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
const revoked: string[] = [];
const renamed: string[] = [];
let tell: HintListener = () => undefined;

beforeAll(async () => {
  world = await openWorld();
  await world.group('prod');
  const { store } = world.installation;
  followAgents({
    store: { ...store, onHint: (listener) => ((tell = listener), () => undefined) },
    online: () => world.channel.online(),
    connectionOf: (agent) => world.channel.connection(agent),
    revoked: (agent) => revoked.push(agent),
    renamed: (_agent, name) => renamed.push(name),
    failed: (cause) => {
      throw cause;
    },
  });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

async function live() {
  const agent = await enrolled(world, 'prod');
  return { agent, connection: await connected(world, agent) };
}

/** As another control plane writes it: no verb of this one acts on its own connections. */
const elsewhere = (...steps: Step[]) => world.installation.store.write(steps);

describe('what another control plane changed of an agent that is connected here', () => {
  it('ends its connection where it was revoked or put aside', async () => {
    const { store } = world.installation;
    const first = await live();
    await elsewhere(revoke(store, first.agent.id));
    tell(topicOf('agent', first.agent.id));
    expect(await first.connection.closed).toMatchObject({ code: closeCodes.agent_revoked });
    expect(revoked).toEqual([first.agent.id]);

    const second = await live();
    await elsewhere(quarantine(store, second.agent.id));
    tell(null);
    expect(await second.connection.closed).toMatchObject({ code: closeCodes.quarantined });
  });

  it('ends it where the agent has connected there since, and leaves others alone', async () => {
    const { store } = world.installation;
    const [moved, other] = [await live(), await live()];
    const { id, organization: owner } = world.project;
    await elsewhere(
      beginSession(store, {
        id: moved.agent.id,
        organization: owner,
        project: id,
        generation: 1,
        server: 'server-2',
      }),
    );
    tell(topicOf('agent', moved.agent.id));
    expect(await moved.connection.closed).toMatchObject({ code: closeCodes.session_replaced });
    expect(world.channel.connection(other.agent.id)).not.toBeNull();
  });

  it('tells it to drain, and what it is called now', async () => {
    const { store } = world.installation;
    const { agent, connection } = await live();
    await elsewhere(
      setDraining(store, agent.id),
      describeAgent(store, { id: agent.id, name: 'renamed', description: '', revision: 1 }),
    );
    tell(topicOf('agent', agent.id));
    await expect.poll(() => connection.frames.map(({ type }) => type)).toContain('drain');
    expect(renamed).toContain('renamed');
  });
});
