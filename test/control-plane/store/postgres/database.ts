// Stores of these tests: several over one database, each as another control plane has it.
import { onTestFinished } from 'vitest';
import { openPostgresStore } from '../../../../control-plane/store/postgres.ts';
import type { PostgresStoreOptions } from '../../../../control-plane/store/postgres.ts';
import { parseDatabaseUrl } from '../../../../control-plane/store/postgres/settings.ts';
import { step } from '../../../../control-plane/store/step.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { createDatabase, dropDatabase, serverUrl } from '../../../support/engine.ts';

/** True where there is no PostgreSQL, which the setup has said loudly. */
export const isMissing = serverUrl() === null;

export async function freshDatabase(kind: 'migrated' | 'empty' = 'migrated'): Promise<string> {
  const url = await createDatabase(kind);
  onTestFinished(() => dropDatabase(url));
  return url;
}

export async function openOn(url: string, options: Partial<PostgresStoreOptions> = {}): Promise<Store> {
  const store = await openPostgresStore({ settings: parseDatabaseUrl(url), ...options });
  onTestFinished(() => store.close());
  return store;
}

export function insert(store: Store, reason: string, count = 1) {
  return step(store.db.insertInto('audit_denials').values({ reason, day: 'd', count }));
}

export async function reasons(store: Store): Promise<readonly string[]> {
  const rows = await store.db.selectFrom('audit_denials').select('reason').orderBy('reason').execute();
  return rows.map(({ reason }) => reason);
}
