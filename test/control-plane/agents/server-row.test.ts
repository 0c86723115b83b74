import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAgent, showAgent } from '../../../control-plane/agents/read.ts';
import { openServerRow } from '../../../control-plane/agents/server-row.ts';
import type { ServerRow } from '../../../control-plane/agents/server-row.ts';
import { Failure } from '../../../protocol/failures.ts';
import { serverLostMs } from '../../../protocol/limits.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { engine } from '../../support/engine.ts';
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

const status = async (agent: EnrolledAgent) =>
  (await showAgent(world.installation.store, world.project.id, agent.id)).status;
const session = async (agent: EnrolledAgent) =>
  Number((await readAgent(world.installation.store, world.project.id, agent.id)).session);

interface Other {
  readonly row: ServerRow;
  readonly said: string[];
  now: number;
}

/** Another process over the same store, with a clock of its own. */
async function openOther(id: string, store: Store = world.installation.store): Promise<Other> {
  const said: string[] = [];
  const other = { now: 0, said };
  const row = await openServerRow({
    ...{ store, id, address: id },
    clock: { now: () => other.now, after: () => () => undefined },
    report: (message) => said.push(message),
  });
  return Object.assign(other, { row });
}

/** The row of the process that holds the agents of this world grows as old as that by the database's clock. */
async function age(id: string, ms: number): Promise<void> {
  const { store } = world.installation;
  const query = store.db
    .updateTable('servers')
    .set((e) => ({ last_seen_at: e('last_seen_at', '-', ms) }))
    .where('id', '=', id);
  await store.write([{ query: query.compile() }]);
}

describe.skipIf(engine === 'sqlite')('the row of a control plane', () => {
  it('keeps its agents online for the others as long as it is renewed', async () => {
    const agent = await enrolled(world, 'prod');
    await connected(world, agent);
    const other = await openOther('watcher');
    other.now += 10 * serverLostMs;
    await other.row.beat();
    other.now += serverLostMs;
    await other.row.beat();
    expect(await status(agent)).toBe('online');
    expect(other.said).toEqual([]);
    await other.row.close();
    expect(await status(agent)).toBe('online');
  });

  it('is ended by whoever sees that it is silent, and says that it is there when it comes back', async () => {
    const agent = await enrolled(world, 'prod');
    const live = await connected(world, agent);
    const other = await openOther('judge');
    await age('server-1', 2 * serverLostMs);
    // Whoever has just come judges nobody: perhaps it was the database that was away.
    await other.row.beat();
    expect(await status(agent)).toBe('online');
    other.now += serverLostMs;
    await other.row.beat();
    other.now += serverLostMs;
    await other.row.beat();
    expect(await status(agent)).toBe('offline');
    expect(other.said.join()).toContain('was not seen any more');

    await world.server.beat();
    expect(await status(agent)).toBe('online');
    expect(await session(agent)).toBe(live.welcome.session);
    await other.row.close();
  });

  it('judges nobody right after the database was away for itself', async () => {
    const agent = await enrolled(world, 'prod');
    await connected(world, agent);
    let away = false;
    const { store } = world.installation;
    const other = await openOther('cut-off', {
      ...store,
      write: (unit) =>
        away ? Promise.reject(new Failure('store_unavailable', 'It is away.')) : store.write(unit),
    });
    other.now += serverLostMs;
    await other.row.beat();
    away = true;
    await other.row.beat();
    expect(other.row.inTouchSince()).toBeNull();
    away = false;
    await age('server-1', 2 * serverLostMs);
    other.now += serverLostMs;
    await other.row.beat();
    expect(other.row.inTouchSince()).toBe(other.now);
    expect(await status(agent)).toBe('online');
    await world.server.beat();
    await other.row.close();
  });

  it('writes down later what ended while the database was away', async () => {
    const agent = await enrolled(world, 'prod');
    await connected(world, agent);
    let away = true;
    const { store } = world.installation;
    const other = await openOther('owing');
    await other.row.close();
    const owing = await openServerRow({
      ...{ id: 'owing-2', address: 'there', report: () => undefined },
      clock: { now: () => 0, after: () => () => undefined },
      store: {
        ...store,
        write: (unit) =>
          away && unit.length === 1 && unit[0]?.query.sql.includes('"disconnected_at" =') === true
            ? Promise.reject(new Failure('store_unavailable', 'It is away.'))
            : store.write(unit),
      },
    });
    const of = { agentId: agent.id, session: await session(agent) };
    await expect(owing.gone(of)).rejects.toThrow('It is away.');
    expect(await status(agent)).toBe('online');
    away = false;
    await owing.beat();
    expect(await status(agent)).toBe('offline');
    await owing.close();
  });
});
