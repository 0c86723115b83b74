// Statements that put back what the store has lost of a run, compiled once (rules.md 12).
import { sql } from 'kysely';
import type { RunState } from '../../protocol/states.ts';
import { nowMs } from '../store/dialect.ts';
import { compileOnce, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { is, onRun } from './store-columns.ts';

const told = {
  agent: '',
  session: 0,
  agentIncarnation: '',
  store: '',
  to: '' as RunState,
  outcome: null as string | null,
  code: null as string | null,
  message: null as string | null,
  rebuilt: '',
  seq: 0,
  events: 0,
  offeredAt: 0,
  startedAt: null as number | null,
  endedAt: null as number | null,
};

const lost = {
  ...onRun,
  ...told,
  organization: '',
  project: '',
  action: '',
  actionName: '',
  group: '',
  operation: '',
  digest: '',
  requestedBy: '',
  requesterName: '',
};

export type ToldValues = typeof told;
export type LostValues = typeof lost;

export function rebuildStatements(store: Store) {
  const { db } = store;
  const countAction = compileOnce({ action: '' }, (p) =>
    db
      .updateTable('actions')
      .set((e) => ({ sequence: e('sequence', '+', 1) }))
      .where('id', '=', p.action),
  );
  const insertLost = compileOnce(lost, (p) => insertRow(store, p));
  const advance = compileOnce({ ...onRun, ...told, from: '' as RunState, fromAttempt: 0, settled: 0 }, (p) =>
    advanceRow(store, p),
  );
  const skip = compileOnce({ ...onRun, agent: '', seq: 0, events: 0 }, (p) =>
    db
      .updateTable('runs')
      .set((e) => ({ last_wire_seq: p.seq, last_event: e('last_event', '+', p.events) }))
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('agent', '=', p.agent)
      .where('last_wire_seq', '<', p.seq),
  );
  const guard = { name: 'run', exactly: 1 };
  return {
    /** Takes the action's next number, where there still is such an action. */
    countAction: (values: Parameters<typeof countAction>[0]): Step => step(countAction(values)),
    /** Fails where another agent that had an attempt of it too was quicker: then there is a row to decide on. */
    insertLost: (values: LostValues): Step => step(insertLost(values), guard),
    advance: (values: Parameters<typeof advance>[0]): Step => step(advance(values), guard),
    /** Reports up to `seq` are lost with the data; the next one continues behind them. */
    skip: (values: Parameters<typeof skip>[0]): Step => step(skip(values), guard),
  };
}

/** Inputs, reason, schedule and limits of the press are not in an intent: they stay empty. */
function insertRow({ db, engine }: Store, p: LostValues) {
  const now = nowMs(engine);
  const row = {
    id: p.run,
    organization: p.organization,
    project: p.project,
    action: p.action,
    action_name: p.actionName,
    group_id: p.group,
    operation: p.operation,
    sequence: sql<number>`coalesce((select sequence from actions where id = ${p.action}),
      (select max(sequence) + 1 from runs where action = ${p.action}), 1)`,
    state: p.to,
    priority: 0,
    turn: sql<number>`(select turn from ${sql.table('groups')} where id = ${p.group})`,
    attempt: p.attempt,
    lapsed: 0,
    lease_until: null,
    agent: p.agent,
    agent_session: p.session,
    agent_incarnation: p.agentIncarnation,
    excluded_agents: '{}',
    requested_by: p.requestedBy,
    requester_name: p.requesterName,
    token: null,
    schedule: null,
    reason: null,
    definition_digest: p.digest,
    pinned_digest: 0,
    idempotent: 0,
    timeout_ms: sql<number | null>`(select max(timeout_ms) from definitions where group_id = ${p.group}
      and operation = ${p.operation} and digest = ${p.digest})`,
    visible_inputs: '{}',
    envelope: null,
    outcome: p.outcome,
    failure_code: p.code,
    failure_message: p.message,
    evidence: null,
    settled: 0,
    released_by: null,
    store_incarnation: p.store,
    rebuilt: p.rebuilt,
    cancel_requested_at: null,
    cancel_reason: null,
    canceled_by: null,
    timeout_sent_at: null,
    last_wire_seq: p.seq,
    last_event: p.events,
    queued_at: p.offeredAt,
    offered_at: p.offeredAt,
    started_at: p.startedAt,
    ended_at: endedAt(p, now),
    expires_at: p.offeredAt,
  };
  return db
    .insertInto('runs')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doNothing());
}

type AdvanceValues = ToldValues &
  typeof onRun & { readonly from: RunState; readonly fromAttempt: number; readonly settled: number };

function advanceRow({ db, engine }: Store, p: AdvanceValues) {
  const now = nowMs(engine);
  return db
    .updateTable('runs')
    .set((e) => ({
      state: p.to,
      attempt: p.attempt,
      lease_until: null,
      agent: p.agent,
      agent_session: p.session,
      agent_incarnation: p.agentIncarnation,
      // Nothing is tried again whose inputs may have been for another attempt.
      idempotent: 0,
      envelope: null,
      outcome: p.outcome,
      failure_code: p.code,
      failure_message: p.message,
      evidence: sql<string | null>`case when ${p.settled} = 1 then ${p.outcome} else evidence end`,
      settled: p.settled,
      store_incarnation: p.store,
      rebuilt: p.rebuilt,
      last_wire_seq: p.seq,
      last_event: e('last_event', '+', p.events),
      offered_at: p.offeredAt,
      started_at: p.startedAt,
      ended_at: endedAt(p, now),
    }))
    .where('id', '=', p.run)
    .where('attempt', '=', p.fromAttempt)
    .where('state', '=', p.from)
    .where((e) => e.or([e('store_incarnation', '!=', p.store), e('state', '=', is('indeterminate'))]));
}

/** The agent's word, where it gave one; a run that goes on has not ended. */
function endedAt(p: Pick<ToldValues, 'to' | 'endedAt'>, now: ReturnType<typeof nowMs>) {
  return sql<number | null>`case when ${p.to} = 'running' then null else coalesce(${p.endedAt}, ${now}) end`;
}
