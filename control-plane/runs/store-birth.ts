// Statements that store a new run, compiled once: as queued, or offered in the same commit (direct dispatch).
import { sql } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import { compileOnce, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { textList } from './lists.ts';
import { is } from './store-columns.ts';
import { mayHave } from './store-offer.ts';

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
      .where('operation', '=', p.operation)
      .returning('sequence'),
  );
  const insertOffered = compileOnce({ ...newRun, expiresInMs: 0, ...directOffer }, (p) =>
    insertDirect(store, p),
  );
  return {
    insertQueued: (values: NewRunValues): Step => step(insertQueued(values)),
    /** Stores it as offered where nobody is ahead and the agent may have it, else as queued. */
    insertOffered: (values: NewRunValues & typeof directOffer): Step => step(insertOffered(values)),
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
    turn: sql<number>`(select max(turn) from (
        select turn from ${sql.table('groups')} where id = ${given.group_id}
        union all
        select * from (select turn + 1 as turn from runs
          where action = ${given.action} and group_id = ${given.group_id} order by sequence desc limit 1) as own
      ) as turns)`,
    lapsed: 0,
    excluded_agents: '{}',
    settled: 0,
    last_wire_seq: 0,
    queued_at: now,
    expires_at: sql<number>`${now} + ${expiresInMs}`,
  };
}

const directOffer = {
  agent: '',
  session: 0,
  leaseMs: 0,
  limit: 0,
  /** What the agent could do instead, as a JSON list: a queued run of these is ahead. */
  digests: '',
};

/** One statement decides, so that nobody can come between the decision and the row. */
function insertDirect(store: Store, p: NewRunValues & typeof directOffer) {
  const { db, engine } = store;
  const { agent, session, leaseMs, limit, digests, ...born } = p;
  const decided = sql<{ direct: number }>`(select case when ${mayHave({
    agent,
    session,
    limit,
    group: p.group_id,
    operation: p.operation,
  })} and not exists (select 1 from runs as ahead
      where ahead.state = 'queued' and ahead.group_id = ${p.group_id} and ahead.priority >= ${p.priority}
      and ahead.definition_digest in ${textList(engine, digests)}) then 1 else 0 end as direct)`;
  const ifDirect = (then: unknown, otherwise: unknown) =>
    sql`case when decided.direct = 1 then ${then} else ${otherwise} end`;
  const now = nowMs(engine);
  const columns = Object.entries({
    ...bornColumns(store, born),
    state: ifDirect(is('offered'), is('queued')),
    attempt: sql`decided.direct`,
    agent: ifDirect(agent, null),
    agent_session: ifDirect(session, null),
    lease_until: ifDirect(sql`${now} + ${leaseMs}`, null),
    offered_at: ifDirect(now, null),
    last_event: sql`1 + decided.direct`,
  });
  return db
    .insertInto('runs')
    .columns(columns.map(([name]) => name) as never)
    .expression((e) =>
      e.selectFrom(decided.as('decided')).select(columns.map(([name, value]) => sql`${value}`.as(name))),
    )
    .returning('state');
}
