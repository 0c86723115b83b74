import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { pruneRuns } from '../../../control-plane/runs/prune.ts';
import { readRun } from '../../../control-plane/runs/read.ts';
import { readRunEvents } from '../../../control-plane/runs/watch.ts';
import { pruneRowsMax } from '../../../protocol/limits.ts';
import { runIn } from '../../support/engine.ts';
import { storeRuns } from './many-runs.ts';
import { World } from './world.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

async function oneAction() {
  const world = await World.open();
  const group = await world.group('prod');
  const action = await world.action('deploy', group);
  const organization = world.authority.policy().organization.id;
  let first = 1;
  const store = async (count: number, endedAt: number, output = 'printed'): Promise<readonly string[]> => {
    const ids = await storeRuns(world.store, { action, organization, first, count, endedAt, output });
    first += count;
    return ids;
  };
  return { world, action, group, store };
}

function pruning(world: World, rest = (_ms: number, wake: () => void): void => void setImmediate(wake)) {
  const after = (ms: number, wake: () => void) => {
    rest(ms, wake);
    return () => undefined;
  };
  return { store: world.store, clock: { now: () => world.now, after } };
}

async function count(world: World, table: 'runs' | 'run_events' | 'run_tombstones' | 'output_marks') {
  const { db } = world.store;
  const [row] = await world.store.read(
    db
      .selectFrom(table)
      .select((e) => e.fn.countAll<number>().as('count'))
      .compile(),
  );
  return Number(row?.count);
}

describe('what a project keeps', () => {
  it('is 90 days of runs and 30 of output where it says nothing', async () => {
    const { world, store } = await oneAction();
    const [old = ''] = await store(1, world.now - 90 * dayMs);
    const [quiet = ''] = await store(1, world.now - 30 * dayMs);
    const [young = ''] = await store(1, world.now - 30 * dayMs + 1);
    expect(await pruneRuns(pruning(world))).toEqual({ runs: 1, output: 1 });
    await expect(readRun(world.parts, old)).rejects.toMatchObject({ code: 'not_found' });
    expect(await readRun(world.parts, quiet)).toMatchObject({ output_pruned_at: world.now });
    expect(await readRun(world.parts, young)).toMatchObject({ output_pruned_at: null });
    expect((await world.events(quiet)).map(({ kind }) => kind)).not.toContain('output');
    expect((await world.events(young)).map(({ kind }) => kind)).toContain('output');
    expect(await pruneRuns(pruning(world)), 'and nothing twice').toEqual({ runs: 0, output: 0 });
  });

  it('is what it says, and output never outlives its run', async () => {
    const { world, store } = await oneAction();
    await world.sql('update projects set keep_runs_ms = ?, keep_output_ms = ?', 2 * hourMs, hourMs);
    await store(3, world.now - 2 * hourMs);
    await store(4, world.now - hourMs);
    await store(5, world.now - hourMs + 1);
    expect(await pruneRuns(pruning(world))).toEqual({ runs: 3, output: 4 });
    await world.sql('update projects set keep_runs_ms = ?, keep_output_ms = ?', hourMs, dayMs);
    expect(await pruneRuns(pruning(world))).toEqual({ runs: 4, output: 0 });
    expect(await count(world, 'run_tombstones')).toBe(7);
    expect(await count(world, 'run_events')).toBe(5 * 5);
  });

  it('is the newest finished runs of each action, and every open one', async () => {
    const { world, action, group, store } = await oneAction();
    await world.sql('update projects set keep_runs_max = 10');
    await world.sql('update actions set sequence = 100 where id = ?', action.id);
    const other = await world.action('other', group);
    await world.agent('one', group, [{ operation: 'deploy' }]);
    const { id: open } = await world.press(action);
    const older = await store(25, world.now - 2);
    const newer = await store(10, world.now - 1);
    await storeRuns(world.store, {
      action: other,
      organization: world.authority.policy().organization.id,
      ...{ first: 1, count: 7, endedAt: world.now - dayMs, output: '' },
    });
    expect(await pruneRuns(pruning(world))).toMatchObject({ runs: 25 });
    expect(await world.state(open)).toBe('queued');
    for (const id of newer) expect(await world.state(id)).toBe('succeeded');
    for (const id of older) await expect(world.facts(id)).rejects.toThrow();
    expect(await count(world, 'runs')).toBe(1 + 10 + 7);
  });

  it('is kept by runs of an action that is deleted, too', async () => {
    const { world, action, store } = await oneAction();
    await store(3, world.now - 91 * dayMs);
    await world.sql('delete from actions where id = ?', action.id);
    expect(await pruneRuns(pruning(world))).toMatchObject({ runs: 3 });
  });
});

it('a run with more output than a piece may remove goes in several, and a watcher of what is left ends', async () => {
  const { world, store } = await oneAction();
  const [run = ''] = await store(1, world.now - 31 * dayMs);
  const lines = pruneRowsMax * 2 + 7;
  await world.sql(`update run_events set seq = ${lines + 5} where seq = 5`);
  await world.sql(`update runs set last_event = ${lines + 5}`);
  const insert = (line: number) =>
    world.sql(
      `insert into run_events (run, seq, at, kind, attempt, wire_seq, data)
        values (?, cast(? as bigint), 0, 'output', 1, null, '{}')`,
      run,
      line + 5,
    );
  await Promise.all(Array.from({ length: lines }, (_, line) => insert(line)));
  expect(await pruneRuns(pruning(world))).toEqual({ runs: 0, output: lines + 1 });
  const { db } = world.store;
  const rows = db.selectFrom('run_events').select('seq').orderBy('seq').compile();
  expect((await world.store.read(rows)).map(({ seq }) => Number(seq))).toEqual([1, 2, 3, lines + 5]);
  expect(await readRunEvents(world.parts, { run, after: 3 })).toMatchObject({ complete: true });
  world.now += 60 * dayMs;
  expect(await pruneRuns(pruning(world))).toEqual({ runs: 1, output: 0 });
  expect([await count(world, 'run_events'), await count(world, 'output_marks')]).toEqual([0, 0]);
});

it('the last event of a run stays, though it is output', async () => {
  const { world, store } = await oneAction();
  const [run = ''] = await store(1, world.now - 31 * dayMs);
  await world.sql('delete from run_events where seq = 5');
  await world.sql('update runs set last_event = 4');
  expect(await pruneRuns(pruning(world))).toEqual({ runs: 0, output: 0 });
  expect((await world.events(run)).at(-1)).toMatchObject({ kind: 'output', seq: 4 });
});

it('two control planes that prune at once do no harm', async () => {
  const { world, store } = await oneAction();
  await store(700, world.now - 91 * dayMs);
  const both = await Promise.all([pruneRuns(pruning(world)), pruneRuns(pruning(world))]);
  expect(both.reduce((sum, { runs }) => sum + runs, 0)).toBeGreaterThanOrEqual(700);
  expect([await count(world, 'runs'), await count(world, 'run_tombstones')]).toEqual([0, 700]);
});

it('tombstones go when nothing can come any more', async () => {
  const { world, store } = await oneAction();
  await store(3, world.now - 91 * dayMs);
  await pruneRuns(pruning(world));
  world.now += 364 * dayMs;
  await pruneRuns(pruning(world));
  expect(await count(world, 'run_tombstones')).toBe(3);
  world.now += 2 * dayMs;
  await pruneRuns(pruning(world));
  expect(await count(world, 'run_tombstones')).toBe(0);
});

const isLong = process.env['WAYSIDE_LONG'] !== undefined;

describe(isLong ? '50,000 runs' : '12,500 runs', () => {
  const kept = isLong ? 2_000 : 500;
  const runs = 25 * kept;
  const pressed = isLong ? 3_000 : 300;
  const chunk = 250;

  it('leave a database that stays as small as what is kept, and hold nobody up while they go', async () => {
    const { world, action, group, store } = await oneAction();
    await world.sql(`update projects set keep_runs_max = ${kept}, keep_output_ms = ${hourMs}`);
    const real = pruning(world, (ms, wake) => void setTimeout(wake, ms));
    const sizes: number[] = [];
    const undisturbed: number[] = [];
    const disturbed: number[] = [];
    let ended = false;
    let prunes = false;
    let failed = false;
    const writing = (async () => {
      while (!ended) {
        const begun = performance.now();
        await world.sql('update groups set turn = turn where id = ?', group);
        (prunes ? disturbed : undisturbed).push(performance.now() - begun);
        await delay(3);
      }
    })();

    // As many as are kept, five times: what there is to remove, and how long a write waits when nothing is removed.
    await fill(5 * kept);
    const full = await sizeOf(world);
    prunes = true;
    const keeping = (async () => {
      while (!ended) {
        await pruneRuns(real);
        await delay(20);
      }
    })();
    const vacuuming = (async () => {
      while (!ended) {
        await vacuumed(world);
        await delay(300);
      }
    })();
    keeping.catch(() => (failed = true));
    const begun = performance.now();
    await fill(runs - pressed - 5 * kept);
    const perSecond = ((runs - pressed - 5 * kept) * 1_000) / (performance.now() - begun);
    await press(world, action, group, pressed, async () => void sizes.push(await sizeOf(world)));
    ended = true;
    await Promise.all([writing, keeping, vacuuming]);
    await pruneRuns(real);
    await vacuumed(world);
    sizes.push(await sizeOf(world));

    expect(await count(world, 'runs')).toBe(kept);
    expect(await count(world, 'run_tombstones')).toBe(runs - kept);
    const [plain, busy] = [undisturbed, disturbed].map((waits) => waits.sort((a, b) => a - b));
    const at = (waits: readonly number[] = [], share: number) =>
      waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? 0;
    console.log(
      JSON.stringify({
        engine: world.store.engine,
        runs,
        kept,
        stored_and_pruned_per_second: Math.round(perSecond),
        mebibytes_before: mebibytes(full),
        mebibytes_most: mebibytes(Math.max(...sizes)),
        mebibytes_at_the_end: mebibytes(sizes.at(-1) ?? 0),
        wait_ms_without: [at(plain, 0.5), at(plain, 0.99), at(plain, 1)].map(Math.round),
        wait_ms_with: [at(busy, 0.5), at(busy, 0.99), at(busy, 1)].map(Math.round),
      }),
    );
    // All of them would take five times as much; what is kept takes a fifth, and the tombstones come to it.
    expect(Math.max(...sizes)).toBeLessThan(full * 1.5);
    expect(at(busy, 0.99)).toBeLessThan(10 * at(plain, 0.99) + 100);
    expect(at(busy, 1)).toBeLessThan(10 * at(plain, 1) + 500);

    /** Once something is removed, no faster than it goes. */
    async function fill(some: number): Promise<void> {
      for (let left = some; left > 0; left -= chunk) {
        while (prunes && !failed && (await count(world, 'runs')) > 4 * kept) await delay(10);
        await store(Math.min(chunk, left), (world.now += 1), 'o'.repeat(4_096));
        sizes.push(await sizeOf(world));
        await delay(1);
      }
    }
  }, 300_000);
});

/** Real presses, each to its end at an agent. */
async function press(
  world: World,
  action: Awaited<ReturnType<World['action']>>,
  group: string,
  runs: number,
  now: () => Promise<void>,
): Promise<void> {
  await world.sql('update actions set sequence = 1000000 where id = ?', action.id);
  const agent = await world.agent('one', group, [{ operation: 'deploy' }], 16);
  await agent.connect();
  for (let left = runs; left > 0; left -= 1) {
    world.now += 1;
    await agent.wire.give({ type: 'poll', slots: 1 });
    await world.press(action);
    await world.runs.idle();
    await agent.wire.accept();
    await agent.wire.end('succeeded', {}, 0, agent.wire.lastOffer());
    if (left % 100 === 0) await now();
  }
}

/** Everything that the database takes on its disk, but for what a commit writes ahead. */
async function sizeOf(world: World): Promise<number> {
  if (world.store.engine === 'sqlite') return statSync(join(world.folder, 'wayside.db')).size;
  const [row] = await world.store.read(
    sql<{ size: number }>`select cast(pg_total_relation_size('runs') + pg_total_relation_size('run_events')
      + pg_total_relation_size('run_tombstones') as bigint) as size`.compile(world.store.db),
  );
  return Number(row?.size);
}

/** What autovacuum does once a minute, by itself. */
async function vacuumed(world: World): Promise<void> {
  if (world.store.engine === 'sqlite') return;
  const [row] = await world.store.read(
    sql<{ name: string }>`select current_database() as name`.compile(world.store.db),
  );
  const url = new URL(process.env['TEST_DATABASE_URL'] ?? '');
  url.pathname = `/${row?.name}`;
  await runIn(url.href, (client) => client.query('vacuum runs, run_events'));
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}
