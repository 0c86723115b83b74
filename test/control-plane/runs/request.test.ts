import { describe, expect, it } from 'vitest';
import { World } from './world.ts';

describe('a press', () => {
  it('goes to a free agent in the commit that stores it, and through to its end', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const action = await world.action('deploy', group);
    const agent = await world.agent('one', group, [{ operation: 'deploy' }]);
    await agent.connect();

    const run = await world.press(action);
    await world.runs.idle();
    expect(run).toMatchObject({ state: 'offered', sequence: 1, attempt: 1, agent: { name: 'one' } });
    expect(agent.wire.offers()).toHaveLength(1);
    await agent.wire.accept();
    expect(agent.wire.ofType('go')).toHaveLength(1);
    await agent.wire.end('succeeded');
    expect(agent.wire.received.at(-1)).toMatchObject({ type: 'ack', ended: true });
    expect(await world.states(run.id)).toEqual(['queued', 'offered', 'running', 'succeeded']);
    expect((await world.audit()).map(({ operation }) => operation)).toContain('run.end');
  });
});
