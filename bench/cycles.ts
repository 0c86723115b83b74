// What the store alone can do: durable cycles of three units (a row is stored, claimed, ended), each unit acknowledged
// when it is on the disk, from many callers at once.
import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { openPostgresStore } from '../control-plane/store/postgres.ts';
import { parseDatabaseUrl } from '../control-plane/store/postgres/settings.ts';
import { openSqliteStore } from '../control-plane/store/sqlite.ts';
import { compileOnce, step } from '../control-plane/store/step.ts';
import type { Step } from '../control-plane/store/store.ts';

const callers = 64;

/** Cycles a second over `ms`, in a store of its own: in `folder`, or in the database where there is one. */
export async function storeCyclesPerSecond(
  folder: string,
  ms: number,
  database: string | null = null,
): Promise<number> {
  const store =
    database === null
      ? await openSqliteStore({ dataFolder: folder })
      : await openPostgresStore({ settings: parseDatabaseUrl(database) });
  try {
    const row = compileOnce({ name: '', value: '' }, (p) => ({
      compile: () =>
        sql`insert into store_meta (name, value) values (${p.name}, ${p.value})
          on conflict (name) do update set value = excluded.value`.compile(store.db),
    }));
    const unit = (name: string, value: string): Step[] => [
      step(row({ name, value }), { name: 'row', exactly: 1 }),
    ];
    const end = performance.now() + ms;
    let cycles = 0;
    const cycle = async (): Promise<void> => {
      while (performance.now() < end) {
        const name = randomUUIDv7();
        for (const value of ['queued', 'running', 'succeeded']) await store.write(unit(name, value));
        cycles += 1;
      }
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: callers }, cycle));
    return (cycles * 1_000) / (performance.now() - begun);
  } finally {
    await store.close();
  }
}
