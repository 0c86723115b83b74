// A restore, a move or a failover happens while nobody runs; the first start after it says so in the trail of every
// organization.
import { parseJson } from '../../protocol/json.ts';
import { failoverMeta, failoverSchema, moveMeta, moveSchema } from '../store/notes.ts';
import { restorationMeta, restorationSchema } from '../store/restore.ts';
import { step } from '../store/step.ts';
import { GuardFailed } from '../store/store.ts';
import type { Store } from '../store/store.ts';
import type { AuditTrail } from './trail.ts';

const notes = [
  { meta: restorationMeta, operation: 'store.restore', schema: restorationSchema },
  { meta: moveMeta, operation: 'store.move', schema: moveSchema },
  { meta: failoverMeta, operation: 'store.failover', schema: failoverSchema },
] as const;

/** Resolves at once where there is nothing to tell. */
export async function recordRestoration(store: Store, trail: AuditTrail): Promise<void> {
  for (const note of notes) await record(store, trail, note);
}

/** Events and removal of the note are one unit, so that it is told once. */
async function record(
  store: Store,
  trail: AuditTrail,
  { meta, operation, schema }: (typeof notes)[number],
): Promise<void> {
  const note = store.db.selectFrom('store_meta').select('value').where('name', '=', meta);
  const organizations = store.db.selectFrom('organizations').select('id');
  const [found, rows] = await store.snapshot([note.compile(), organizations.compile()]);
  const [row] = found ?? [];
  if (row === undefined) return;
  const details = schema.parse(parseJson(String(row['value'])));
  const events = (rows ?? []).map(({ id }) =>
    trail.step({
      organization: String(id),
      principal: null,
      operation,
      permission: null,
      resource: 'organization',
      result: 'allowed',
      decision: null,
      details,
      request: {},
    }),
  );
  const remove = step(store.db.deleteFrom('store_meta').where('name', '=', meta), {
    name: 'restoration',
    exactly: 1,
  });
  try {
    await store.write([remove, ...events]);
  } catch (cause) {
    // Another process was faster.
    if (!(cause instanceof GuardFailed)) throw cause;
  }
}
