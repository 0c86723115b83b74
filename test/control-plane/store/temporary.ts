// A store in a folder of its own, closed and removed when the test ends.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { SqliteStoreOptions } from '../../../control-plane/store/sqlite.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { openTestStore } from '../../support/engine.ts';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'wayside-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function temporaryStore(
  options: Partial<SqliteStoreOptions> = {},
): Promise<Store & { readonly dataFolder: string }> {
  const dataFolder = options.dataFolder ?? temporaryFolder();
  const store = await openTestStore({ ...options, dataFolder });
  // Closing twice is harmless, so a test may close earlier.
  onTestFinished(() => store.close());
  return { ...store, dataFolder };
}
