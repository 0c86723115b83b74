// When a process may be sent requests and agents.
import { expect, test } from 'vitest';
import { openReadiness } from '../../../control-plane/telemetry/readiness.ts';
import type { ReadinessDeps } from '../../../control-plane/telemetry/readiness.ts';
import { openReadings } from '../../../control-plane/telemetry/readings.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite.ts';
import { Failure } from '../../../protocol/failures.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

async function withStore(
  act: (store: ReadinessDeps['store'] & Awaited<ReturnType<typeof openSqliteStore>>) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wayside-ready-'));
  const store = await openSqliteStore({ dataFolder: folder });
  try {
    await act(store);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const well = { isPolicyFresh: () => true, agentsListen: () => true };
const codesOf = async (readiness: ReturnType<typeof openReadiness>) =>
  (await readiness.hindrances()).map(({ code }) => code);

test('it is ready on a store of its own schema, and says everything that is not well', async () => {
  await withStore(async (store) => {
    const elapsed = (): number => 0;
    expect(await codesOf(openReadiness({ store, ...well, elapsed }))).toEqual([]);
    const ill = openReadiness({ store, isPolicyFresh: () => false, agentsListen: () => false, elapsed });
    expect(await codesOf(ill)).toEqual(['policy_stale', 'agents_not_listening']);
    ill.leave();
    expect(await codesOf(ill)).toEqual(['leaving']);
  });
});

test('a store that is away, hangs, or is of another program is none, and is asked once a second', async () => {
  await withStore(async (store) => {
    let now = 0;
    let asked = 0;
    let answer: () => Promise<never> = () => Promise.reject(new Failure('store_unavailable', 'It is away.'));
    const broken = {
      db: store.db,
      read: () => {
        asked += 1;
        return answer();
      },
    };
    const readiness = openReadiness({ store: broken, ...well, elapsed: () => now });
    expect(await codesOf(readiness)).toEqual(['store_away']);
    expect(await codesOf(readiness)).toEqual(['store_away']);
    expect(asked).toBe(1);
    now = 1_000;
    answer = () => new Promise(() => undefined);
    expect(await codesOf(readiness)).toEqual(['store_away']);
    now = 2_000;
    answer = () => Promise.resolve([{ number: 999 }] as never);
    expect(await codesOf(readiness)).toEqual(['store_schema']);
    expect(asked).toBe(3);
  });
});

test('the figures of the database are read at most once in their time, however often they are asked for', async () => {
  await withStore(async (store) => {
    let elapsed = 0;
    let reads = 0;
    const counted = {
      db: store.db,
      engine: store.engine,
      snapshot: (queries: Parameters<typeof store.snapshot>[0]) => {
        reads += 1;
        return store.snapshot(queries);
      },
    };
    const failures: unknown[] = [];
    const readings = openReadings({
      store: counted,
      now: () => 1,
      elapsed: () => elapsed,
      report: (cause) => failures.push(cause),
    });
    await Promise.all(Array.from({ length: 50 }, () => readings.current()));
    await readings.current();
    expect(reads).toBe(1);
    elapsed = 4_999;
    await readings.current();
    expect(reads).toBe(1);
    elapsed = 5_000;
    expect((await readings.current())?.at).toBe(1);
    expect(reads).toBe(2);
    expect(readings.isUp()).toBe(true);
    counted.snapshot = () => Promise.reject(new Error('away'));
    elapsed = 20_000;
    expect((await readings.current())?.at).toBe(1);
    expect(readings.isUp()).toBe(false);
    expect(failures).toHaveLength(1);
  });
});

test('each of them is answered from an index', async () => {
  await withStore(async (store) => {
    const plans: string[] = [];
    const explained = {
      db: store.db,
      engine: store.engine,
      snapshot: async (queries: Parameters<typeof store.snapshot>[0]) => {
        for (const query of queries.slice(0, 3)) {
          const rows = await store.read<{ readonly detail: string }>({
            ...query,
            sql: `explain query plan ${query.sql}`,
          } as never);
          plans.push(rows.map(({ detail }) => detail).join('; '));
        }
        return store.snapshot(queries);
      },
    };
    await openReadings({
      store: explained,
      now: () => 1,
      elapsed: () => 0,
      report: () => undefined,
    }).current();
    expect(plans[0]).toMatch(/COVERING INDEX runs_claim/);
    expect(plans[1]).toMatch(/INDEX runs_held/);
    expect(plans[2]).toMatch(/INDEX audit_unchained/);
  });
});
