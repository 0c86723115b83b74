// A restore happens while nobody runs; the first start after it says so in the trail of every organization.
import { parseJson } from '../../protocol/json.ts';
import { restorationMeta, restorationSchema } from '../store/restore.ts';
import { step } from '../store/step.ts';
import { GuardFailed } from '../store/store.ts';
import type { Store } from '../store/store.ts';
import type { AuditTrail } from './trail.ts';

/** Events and removal of the note are one unit, so that it is told once. Resolves at once where there is none. */
export async function recordRestoration(store: Store, trail: AuditTrail): Promise<void> {
  const note = store.db.selectFrom('store_meta').select('value').where('name', '=', restorationMeta);
  const organizations = store.db.selectFrom('organizations').select('id');
  const [notes, rows] = await store.snapshot([note.compile(), organizations.compile()]);
  const [found] = notes ?? [];
  if (found === undefined) return;
  const details = restorationSchema.parse(parseJson(String(found['value'])));
  const events = (rows ?? []).map((row) =>
    trail.step({
      organization: String(row['id']),
      principal: null,
      operation: 'store.restore',
      permission: null,
      resource: 'organization',
      result: 'allowed',
      decision: null,
      details,
      request: {},
    }),
  );
  const remove = step(store.db.deleteFrom('store_meta').where('name', '=', restorationMeta), {
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
