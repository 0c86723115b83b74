import { statSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { giveBack } from '../../../control-plane/store/give-back.ts';
import { inBatches } from '../../../control-plane/store/in-batches.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite.ts';
import { step } from '../../../control-plane/store/step.ts';
import { freePagesKept, givenBackPagesMax } from '../../../protocol/limits.ts';
import { temporaryFolder } from './temporary.ts';

const atOnce = {
  after: (_ms: number, wake: () => void) => {
    setImmediate(wake);
    return () => undefined;
  },
};

it('what was removed is given back to the file system, but for what is kept for what comes', async () => {
  const folder = temporaryFolder();
  const store = await openSqliteStore({ dataFolder: folder });
  const size = () => statSync(join(folder, 'wayside.db')).size;
  const run = (query: ReturnType<typeof sql>) => store.write([step(query.compile(store.db))]);
  for (let count = 0; count < 40; count += 1) {
    await run(sql`insert into store_meta (name, value) values (${`row ${count}`}, ${'v'.repeat(400_000)})`);
  }
  expect(await giveBack({ store, clock: atOnce }), 'nothing is free').toBe(0);
  await run(sql`delete from store_meta where name like 'row %'`);
  const pages = await giveBack({ store, clock: atOnce });
  expect(pages).toBeGreaterThan(2 * givenBackPagesMax);
  const [left] = await store.read(
    sql<{ free: number }>`select freelist_count as free from pragma_freelist_count`.compile(store.db),
  );
  expect(left?.free).toBe(freePagesKept);
  expect(await giveBack({ store, clock: atOnce })).toBe(0);
  await store.close();
  expect(size()).toBeLessThan((freePagesKept + 500) * 4_096);
});

it('rests after each piece for twice as long as it took, and stops where it is told to', async () => {
  let now = 0;
  const rests: number[] = [];
  const clock = {
    after: (ms: number, wake: () => void) => {
      rests.push(ms);
      wake();
      return () => undefined;
    },
  };
  const pieces = [7, 7, 0];
  const took = [10, 1, 5];
  const piece = () => {
    now += took.shift() ?? 0;
    return Promise.resolve(pieces.shift() ?? 0);
  };
  expect(await inBatches({ clock, elapsed: () => now }, piece)).toBe(14);
  expect(rests).toEqual([20, 5]);
  let asked = 0;
  const isOver = () => (asked += 1) > 3;
  expect(await inBatches({ clock, elapsed: () => now, isOver }, () => Promise.resolve(1))).toBe(3);
});
