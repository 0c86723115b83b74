import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSqliteStore } from '../../../../control-plane/store/sqlite.ts';
import { freshDatabase, insert, isMissing, openOn, reasons } from '../postgres/database.ts';
import { temporaryFolder } from '../temporary.ts';

it.skipIf(isMissing)('is of one moment while others write, and opens as a store of its own', async () => {
  const store = await openOn(await freshDatabase());
  let ended = false;
  let count = 0;
  const writing = (async () => {
    // Two rows in each unit: a copy with an odd number would have torn one.
    for (; !ended; count += 1) await store.write([insert(store, `a ${count}`), insert(store, `b ${count}`)]);
  })();
  await expect.poll(() => count, { timeout: 20_000 }).toBeGreaterThan(20);
  const folder = join(temporaryFolder(), 'data');
  mkdirSync(folder, { mode: 0o700 });
  await store.backup(join(folder, 'wayside.db'));
  ended = true;
  await writing;
  const copy = await openSqliteStore({ dataFolder: folder });
  expect(copy.incarnation).toBe(store.incarnation);
  expect(copy.trustDomain).toBe(store.trustDomain);
  const rows = await reasons(copy);
  expect(rows.length).toBeGreaterThan(40);
  expect(rows.length % 2).toBe(0);
  await copy.close();
});
