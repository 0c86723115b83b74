// What an organization has decided about its audit: how long events are kept, and how many denials of one principal
// are written down one by one. Without a row nothing was decided: everything, for ever.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { AuditSettingsTable } from '../store/tables-audit.ts';

export interface AuditSettings {
  /** Days; null: for ever. */
  readonly retention_days: number | null;
  /** Of one principal, beyond which denials are counted and told together; null: each is an event. */
  readonly denials_per_minute: number | null;
}

export interface StoredSettings extends AuditSettings {
  /** Epoch ms; null where they were never changed. */
  readonly updated_at: number | null;
  readonly revision: number;
}

const untouched: StoredSettings = {
  retention_days: null,
  denials_per_minute: null,
  updated_at: null,
  revision: 0,
};

export async function readSettings(store: Store, organization: string): Promise<StoredSettings> {
  const [row] = await store.read(
    store.db.selectFrom('audit_settings').selectAll().where('organization', '=', organization).compile(),
  );
  return row ?? untouched;
}

export function selectAllSettings(store: Store): CompiledQuery<AuditSettingsTable> {
  return store.db.selectFrom('audit_settings').selectAll().compile();
}

/** Its guard fails, or it is `name_taken`, where somebody else changed them since `revision`. */
export function writeSettings(
  store: Store,
  settings: AuditSettings & { readonly organization: string; readonly revision: number },
): Step {
  const { organization, revision, retention_days, denials_per_minute } = settings;
  const values = {
    ...{ retention_days, denials_per_minute },
    updated_at: nowMs(store.engine),
    revision: revision + 1,
  };
  if (revision === 0) return step(store.db.insertInto('audit_settings').values({ organization, ...values }));
  return step(
    store.db
      .updateTable('audit_settings')
      .set(values)
      .where('organization', '=', organization)
      .where('revision', '=', revision),
    { name: 'revision', exactly: 1 },
  );
}
