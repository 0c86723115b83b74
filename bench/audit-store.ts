// A store in a folder of its own with its audit, opened in this process as the control plane opens it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAudit } from '../control-plane/audit/audit.ts';
import type { Audit } from '../control-plane/audit/audit.ts';
import { systemClock } from '../control-plane/channel/clock.ts';
import { openKeyring } from '../control-plane/secrets/keyring.ts';
import { openSecrets } from '../control-plane/secrets/secrets.ts';
import type { Secrets } from '../control-plane/secrets/secrets.ts';
import { databasePath } from '../control-plane/store/sqlite/data-folder.ts';
import { openSqliteStore } from '../control-plane/store/sqlite.ts';
import type { Store } from '../control-plane/store/store.ts';

export interface BenchStore {
  readonly store: Store;
  readonly secrets: Secrets;
  readonly audit: Audit;
  close(): Promise<void>;
}

export async function openBenchStore(): Promise<BenchStore> {
  const folder = mkdtempSync(join(tmpdir(), 'wayside-bench-audit-'));
  const clock = systemClock();
  const store = await openSqliteStore({ dataFolder: folder });
  const secrets = await openSecrets(store, await openKeyring({ path: join(folder, 'keyring.json'), clock }));
  const report = (cause: unknown) => {
    throw cause;
  };
  const audit = openAudit({ store, secrets, clock, report, file: databasePath(folder) });
  return {
    ...{ store, secrets, audit },
    close: async () => {
      await audit.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
