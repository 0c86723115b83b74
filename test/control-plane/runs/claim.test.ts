// The claim over a real store: order, fairness, who is passed over.
import { describe, expect, it } from 'vitest';
import { digestOf, World } from './world.ts';
import type { FakeConnection } from './world.ts';

async function order(connection: FakeConnection): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    await connection.give({ type: 'poll', slots: 1 });
    const offer = connection.offers().at(seen.length);
    if (offer === undefined) return seen;
    seen.push(offer.run);
    await connection.accept(offer);
    await connection.end('succeeded', {}, 0, offer);
  }
}

describe('the order of a queue', () => {
  it('is priority first, then round robin over actions, then first in first out', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const noisy = await world.action('noisy', group, { operation: 'op' });
    const quiet = await world.action('quiet', group, { operation: 'op' });
    const agent = await world.agent('one', group, [{ operation: 'op' }]);
    const names = new Map<string, string>();
    const press = async (action: typeof noisy, name: string, priority = 0) => {
      names.set((await world.press(action, { priority })).id, name);
    };
    for (const name of ['n1', 'n2', 'n3', 'n4']) await press(noisy, name);
    for (const name of ['q1', 'q2']) await press(quiet, name);
    await press(noisy, 'urgent', 5);
    const connection = await agent.connect({ slots: null });
    const served = (await order(connection)).map((run) => names.get(run));
    expect(served).toEqual(['urgent', 'n1', 'q1', 'n2', 'q2', 'n3', 'n4']);
  });

  it('a newcomer does not have to wait for a queue that was there before it, nor does it jump what was served', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const noisy = await world.action('noisy', group, { operation: 'op' });
    const late = await world.action('late', group, { operation: 'op' });
    const agent = await world.agent('one', group, [{ operation: 'op' }]);
    const connection = await agent.connect({ slots: null });
    const noisyRuns = [];
    for (let count = 0; count < 6; count += 1) noisyRuns.push((await world.press(noisy)).id);
    for (let served = 0; served < 3; served += 1) {
      await connection.give({ type: 'poll', slots: 1 });
      await connection.accept();
      await connection.end('succeeded');
    }
    const newcomer = (await world.press(late)).id;
    await connection.give({ type: 'poll', slots: 1 });
    expect([noisyRuns[3], newcomer]).toContain(connection.lastOffer().run);
    await connection.accept();
    await connection.end('succeeded');
    await connection.give({ type: 'poll', slots: 1 });
    expect(
      connection
        .offers()
        .slice(-2)
        .map(({ run }) => run),
    ).toContain(newcomer);
  });

  it('nobody is overtaken by a press: with somebody ahead there is no direct dispatch', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const action = await world.action('deploy', group);
    const agent = await world.agent('one', group, [{ operation: 'deploy' }]);
    const first = await world.press(action);
    const connection = await agent.connect({ slots: null });
    // The slot is granted, and before the claim is made another press comes.
    const granted = world.runs.channel.frame(connection, { type: 'poll', slots: 1 });
    await world.press(action);
    await granted;
    await world.runs.idle();
    expect(connection.lastOffer().run).toBe(first.id);
  });
});

describe('what a claim passes over', () => {
  it('runs that no connected agent can do do not hold up the others', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const gone = await world.action('gone', group);
    const here = await world.action('here', group);
    const away = await world.agent('away', group, [{ operation: 'gone' }]);
    const agent = await world.agent('one', group, [{ operation: 'here' }]);
    for (let count = 0; count < 10; count += 1) await world.press(gone, { priority: 9 });
    await agent.connect();
    const run = await world.press(here);
    await world.runs.idle();
    expect(agent.wire.lastOffer().run, 'even by direct dispatch').toBe(run.id);
    await away.connect();
    expect(away.wire.offers()).toHaveLength(1);
  });

  it('a saturated operation does not hold up the others, however urgent its queue', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const single = await world.action('single', group, { priority: 50 });
    const other = await world.action('other', group);
    const agent = await world.agent(
      'one',
      group,
      [{ operation: 'single', concurrency: 1 }, { operation: 'other' }],
      5,
    );
    for (let count = 0; count < 8; count += 1) await world.press(single);
    const run = await world.press(other);
    await agent.connect();
    expect(agent.wire.offers().map((offer) => offer.run)).toContain(run.id);
    expect(agent.wire.offers()).toHaveLength(2);
    await agent.wire.accept(agent.wire.offers()[0]);
    await agent.wire.end('succeeded', {}, 0, agent.wire.offers()[0]);
    expect(agent.wire.offers(), 'the limit moves on').toHaveLength(3);
  });

  it('an agent that an operator drains gets nothing, even by direct dispatch', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const action = await world.action('deploy', group);
    const agent = await world.agent('one', group, [{ operation: 'deploy' }]);
    await agent.connect();
    await world.sql('update agents set draining = 1');
    const run = await world.press(action);
    await world.runs.idle();
    await world.runs.sweep();
    await world.runs.idle();
    expect(agent.wire.offers()).toHaveLength(0);
    expect(await world.state(run.id)).toBe('queued');
  });

  it('an agent that says that it is leaving gets nothing more', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const action = await world.action('deploy', group);
    const agent = await world.agent('one', group, [{ operation: 'deploy' }]);
    await agent.connect();
    await agent.wire.give({ type: 'drain' });
    await world.press(action);
    await world.runs.idle();
    expect(agent.wire.offers()).toHaveLength(0);
  });

  it('an offer that cannot be sent goes to another agent', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const action = await world.action('deploy', group);
    const full = await world.agent('full', group, [{ operation: 'deploy' }]);
    const other = await world.agent('other', group, [{ operation: 'deploy' }]);
    (await full.connect()).open = false;
    const run = await world.press(action);
    await world.runs.idle();
    await other.connect();
    expect(other.wire.lastOffer()).toMatchObject({ run: run.id, attempt: 2 });
  });

  it('a new definition is offered from the moment it is advertised', async () => {
    const world = await World.open();
    const group = await world.group('prod');
    const action = await world.action('deploy', group);
    const agent = await world.agent('one', group, [{ operation: 'deploy', digest: digestOf('old') }]);
    const other = await world.agent('two', group, [{ operation: 'deploy', digest: digestOf('new') }]);
    const run = await world.press(action, { digest: digestOf('new') });
    await agent.connect();
    expect(agent.wire.offers()).toHaveLength(0);
    await agent.advertise([{ operation: 'deploy', digest: digestOf('new') }]);
    await agent.wire.give({ type: 'definitions', groups: [], definitions: [], load_errors: [] });
    expect(agent.wire.lastOffer().run).toBe(run.id);
    void other;
  });
});
