import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { storeCommitUnitsMax } from '../../../protocol/limits.ts';
import { step } from '../../../control-plane/store/step.ts';
import { temporaryStore } from './temporary.ts';

/** Commits in a WAL: frames whose header names the size of the database (https://www.sqlite.org/fileformat.html, 4.1). */
function commitsIn(dataFolder: string): number {
  const wal = readFileSync(join(dataFolder, 'wayside.db-wal'));
  const salts = wal.subarray(16, 24);
  let commits = 0;
  for (let at = 32; at + 24 + 4096 <= wal.length; at += 24 + 4096) {
    if (!wal.subarray(at + 8, at + 16).equals(salts)) break;
    if (wal.readUInt32BE(at + 4) !== 0) commits += 1;
  }
  return commits;
}

it('puts units that arrive together into few commits, and those that come alone into their own', async () => {
  const store = await temporaryStore();
  const insert = (reason: string) =>
    store.write([step(store.db.insertInto('audit_denials').values({ reason, day: 'd', count: 1 }))]);
  const atStart = commitsIn(store.dataFolder);

  for (let count = 0; count < 20; count += 1) await insert(`alone ${count}`);
  const alone = commitsIn(store.dataFolder) - atStart;
  expect(alone).toBe(20);

  await Promise.all(Array.from({ length: 500 }, (_, count) => insert(`together ${count}`)));
  const together = commitsIn(store.dataFolder) - atStart - alone;
  expect(together).toBeGreaterThanOrEqual(1);
  expect(together).toBeLessThan(50);
});

it('keeps of units that arrive together all that hold and nothing of those that do not', async () => {
  const store = await temporaryStore();
  const insert = (reason: string) =>
    step(store.db.insertInto('audit_denials').values({ reason, day: 'd', count: 1 }));
  const nothing = step(store.db.deleteFrom('audit_denials').where('reason', '=', 'no such'), {
    name: 'there',
    exactly: 1,
  });
  const atStart = commitsIn(store.dataFolder);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, (_, count) => {
      if (count % 20 === 7) return store.write([insert(`guarded ${count}`), nothing]);
      // The second row clashes with the first, which then must not stay either.
      if (count % 20 === 13) return store.write([insert(`twice ${count}`), insert(`twice ${count}`)]);
      return store.write([insert(`good ${count}`)]);
    }),
  );
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(6);
  const rows = await store.db.selectFrom('audit_denials').select('reason').execute();
  expect(rows).toHaveLength(54);
  expect(rows.every(({ reason }) => reason.startsWith('good'))).toBe(true);
  expect(commitsIn(store.dataFolder) - atStart).toBeLessThan(20);
});

it('never makes a commit larger than its limit', async () => {
  const store = await temporaryStore();
  const units = storeCommitUnitsMax * 2 + 1;
  const atStart = commitsIn(store.dataFolder);
  await Promise.all(
    Array.from({ length: units }, (_, count) =>
      store.write([
        step(store.db.insertInto('audit_denials').values({ reason: `${count}`, day: 'd', count })),
      ]),
    ),
  );
  expect(commitsIn(store.dataFolder) - atStart).toBeGreaterThanOrEqual(3);
  expect(await store.db.selectFrom('audit_denials').select('count').execute()).toHaveLength(units);
});
