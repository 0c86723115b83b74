// Statements that store a new run, compiled once. A run is born queued; direct dispatch offers it in the same commit.
import { sql } from 'kysely';
import { larger, nowMs } from '../store/dialect.ts';
import { compileOnce, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { is } from './store-columns.ts';

const newRun = {
  id: '',
  organization: '',
  project: '',
  action: '',
  action_name: '',
  group_id: '',
  operation: '',
  priority: 0,
  requested_by: '',
  requester_name: '',
  token: null as string | null,
  schedule: null as string | null,
  reason: null as string | null,
  definition_digest: '',
  pinned_digest: 0,
  idempotent: 0,
  timeout_ms: 0,
  visible_inputs: '',
  envelope: null as string | null,
  store_incarnation: '',
  traceparent: null as string | null,
};
export type NewRunValues = typeof newRun & { readonly expiresInMs: number };

export function birthStatements(store: Store) {
  const { db } = store;
  const insertQueued = compileOnce({ ...newRun, expiresInMs: 0 }, (p) =>
    db
      .insertInto('runs')
      .values({ ...bornColumns(store, p), state: is('queued'), attempt: 0, last_event: 1 }),
  );
  const takeSequence = compileOnce({ action: '', project: '', group: '', operation: '' }, (p) =>
    db
      .updateTable('actions')
      .set((e) => ({ sequence: e('sequence', '+', 1) }))
      .where('id', '=', p.action)
      .where('project', '=', p.project)
      .where('group_id', '=', p.group)
      .where('operation', '=', p.operation),
  );
  return {
    insertQueued: (values: NewRunValues): Step => step(insertQueued(values)),
    /** Fails where the action was deleted or points elsewhere by now. */
    takeSequence: (values: Parameters<typeof takeSequence>[0]): Step =>
      step(takeSequence(values), { name: 'action', exactly: 1 }),
  };
}

function bornColumns(store: Store, p: NewRunValues) {
  const now = nowMs(store.engine);
  const { expiresInMs, ...given } = p;
  return {
    ...given,
    sequence: sql<number>`(select sequence from actions where id = ${given.action})`,
    // Round robin over actions: behind the action's own last run, and not before what was claimed already.
    turn: larger(
      store.engine,
      sql`(select turn from ${sql.table('groups')} where id = ${given.group_id})`,
      sql`coalesce((select turn + 1 from runs
        where action = ${given.action} and group_id = ${given.group_id} order by sequence desc limit 1), 0)`,
    ),
    lapsed: 0,
    excluded_agents: '{}',
    settled: 0,
    last_wire_seq: 0,
    queued_at: now,
    expires_at: sql<number>`${now} + ${expiresInMs}`,
  };
}
