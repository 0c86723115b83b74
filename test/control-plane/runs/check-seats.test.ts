// Another control plane changes runs that an agent connected here has in hand.
import { describe, expect, it } from 'vitest';
import { cancelRun } from '../../../control-plane/runs/cancel.ts';
import { checkSeats } from '../../../control-plane/runs/check-seats.ts';
import { leaseMs } from '../../../protocol/limits.ts';
import { engine } from '../../support/engine.ts';
import { World } from './world.ts';

async function two() {
  const here = await World.open();
  const there = new World();
  Object.assign(there, { folder: here.folder, token: here.token, now: here.now });
  await there.openStore();
  await there.openRest();
  const group = await here.group('main');
  const agent = await here.agent('one', group, [{ operation: 'deploy' }], 2);
  await agent.connect();
  const action = await here.action('deploy', group);
  const close = async () => {
    await there.runs.close();
    await there.store.close();
  };
  return { here, there, agent, action, close };
}

describe.skipIf(engine === 'sqlite')('runs in hand that another control plane changed', () => {
  it('free their slot when they were canceled before they started, and the agent hears of it', async () => {
    const { here, there, agent, action, close } = await two();
    const { id } = await here.press(action);
    await here.runs.idle();
    const held = () => here.parts.seats.ofAgent(agent.id)?.held;
    expect(held()?.has(id)).toBe(true);
    await cancelRun(there.parts, { actor: there.actor('wayside.run.cancel'), run: id, reason: null });
    await expect.poll(() => held()?.size).toBe(0);
    expect(agent.wire.ofType('cancel')).toMatchObject([{ run: id, attempt: 1 }]);
    await close();
  });

  it('are told to stop when they run, and stay in hand until they have', async () => {
    const { here, there, agent, action, close } = await two();
    const { id } = await here.press(action);
    await here.runs.idle();
    await agent.wire.give({ type: 'accept', run: id, attempt: 1, incarnation: agent.incarnation });
    await cancelRun(there.parts, { actor: there.actor('wayside.run.cancel'), run: id, reason: null });
    await expect.poll(() => agent.wire.ofType('cancel')).toMatchObject([{ run: id, attempt: 1 }]);
    expect(here.parts.seats.ofAgent(agent.id)?.held.has(id)).toBe(true);
    await close();
  });

  it('are let go when their offer lapsed elsewhere, and offers of this moment are not', async () => {
    const { here, there, agent, action, close } = await two();
    const { id } = await here.press(action);
    await here.runs.idle();
    here.now += leaseMs;
    there.now = here.now;
    await there.runs.sweep();
    // It was let go, and is offered again at once.
    await expect.poll(() => here.facts(id)).toMatchObject({ state: 'offered', attempt: 2 });
    await here.runs.idle();
    const held = () => [...(here.parts.seats.ofAgent(agent.id)?.held.values() ?? [])];
    expect(held()).toMatchObject([{ id, attempt: 2 }]);
    await checkSeats(here.parts, here.parts.seats.all(), { hinted: false });
    expect(held()).toMatchObject([{ id, attempt: 2 }]);
    await close();
  });

  it('are found by looking where no hint came', async () => {
    const { here, there, agent, action, close } = await two();
    const { id } = await here.press(action);
    await here.runs.idle();
    await cancelRun(
      { ...there.parts, heldChanged: () => undefined, letGo: () => undefined },
      { actor: there.actor('wayside.run.cancel'), run: id, reason: null },
    );
    const held = () => here.parts.seats.ofAgent(agent.id)?.held;
    expect(held()?.has(id)).toBe(true);
    await here.runs.sweep(5);
    expect(held()?.has(id)).toBe(false);
    await close();
  });
});

describe.skipIf(engine === 'sqlite')('a run that was queued at another control plane', () => {
  it('is offered to an agent that arrives here later, without waiting for a sweep', async () => {
    const { here, there, close } = await two();
    const group = await here.group('later');
    const late = await here.agent('late', group, [{ operation: 'later' }], 1);
    const { id } = await there.press(await here.action('later', group));
    await there.runs.idle();
    await late.connect();
    await expect.poll(() => here.facts(id)).toMatchObject({ state: 'offered', agent: late.id });
    await close();
  });
});
