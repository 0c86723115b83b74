// The SQL of runs: every statement that changes a run, its events or its tombstone. This file holds the control
// plane's own verdicts; offers and reports lie beside it.
import { sql } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { RunState } from '../../protocol/states.ts';
import { compileOnce, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { is, isHeld, nextEvent, onRun } from './store-columns.ts';
import { birthStatements } from './store-birth.ts';
import { acceptStatements, offerStatements, requeueStatements } from './store-offer.ts';
import { rebuildStatements } from './store-rebuild.ts';
import { eventStatements, reportStatements } from './store-report.ts';
import { runTokenStatements } from './store-run-token.ts';

export type RunStatements = ReturnType<typeof runStatements>;

/** Compiles them; once for a store. */
export function runStatements(store: Store) {
  return {
    ...birthStatements(store),
    ...offerStatements(store),
    ...acceptStatements(store),
    ...requeueStatements(store),
    ...reportStatements(store),
    ...eventStatements(store),
    ...verdictStatements(store),
    ...cancelStatements(store),
    ...revokeStatements(store),
    ...rebuildStatements(store),
    ...runTokenStatements(store),
  };
}

function verdictStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);

  const conclude = compileOnce(
    { ...onRun, from: '' as RunState, to: '' as RunState, code: '', message: '' },
    (p) =>
      db
        .updateTable('runs')
        .set((e) => ({
          state: p.to,
          failure_code: p.code,
          failure_message: p.message,
          lease_until: null,
          envelope: null,
          ended_at: now,
          last_event: nextEvent(e),
        }))
        .where('id', '=', p.run)
        .where('attempt', '=', p.attempt)
        .where('state', '=', p.from),
  );

  const timeoutSent = compileOnce(onRun, (p) =>
    db
      .updateTable('runs')
      .set({ timeout_sent_at: now })
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('state', '=', is('running')),
  );

  return {
    /** The control plane's own verdict. */
    conclude: (values: Parameters<typeof conclude>[0]): Step =>
      step(conclude(values), { name: 'run', exactly: 1 }),
    timeoutSent: (values: Parameters<typeof timeoutSent>[0]): Step => step(timeoutSent(values)),
  };
}

function cancelStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);
  const wished = { ...onRun, by: '', reason: null as string | null };
  const wish = (p: typeof wished) =>
    db
      .updateTable('runs')
      .set((e) => ({
        cancel_requested_at: now,
        canceled_by: p.by,
        cancel_reason: p.reason,
        last_event: nextEvent(e),
      }))
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt);
  const cancel = compileOnce({ ...wished, from: '' as RunState, code: '', message: '' }, (p) =>
    wish(p)
      .set({
        state: is('canceled'),
        failure_code: p.code,
        failure_message: p.message,
        lease_until: null,
        envelope: null,
        ended_at: now,
      })
      .where('state', '=', p.from),
  );
  const requestCancel = compileOnce(wished, (p) =>
    wish(p).where('state', '=', is('running')).where('cancel_requested_at', 'is', null),
  );

  const release = compileOnce({ ...onRun, by: '' }, (p) =>
    db
      .updateTable('runs')
      .set((e) => ({ released_by: p.by, last_event: nextEvent(e) }))
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('state', '=', is('indeterminate'))
      .where('released_by', 'is', null),
  );

  const guard = { name: 'run', exactly: 1 };
  return {
    /** Cancels what has not started. */
    cancel: (values: Parameters<typeof cancel>[0]): Step => step(cancel(values), guard),
    /** Writes down that the agent is to stop it. */
    requestCancel: (values: Parameters<typeof requestCancel>[0]): Step => step(requestCancel(values), guard),
    release: (values: Parameters<typeof release>[0]): Step => step(release(values), guard),
  };
}

/** All runs of one agent at once: their events first, because the change moves the state that selects them. */
function revokeStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);
  const tellOffered = tellAll(store, 'offered');
  const tellRunning = tellAll(store, 'running');
  const takeBack = compileOnce({ agent: '' }, (p) =>
    db
      .updateTable('runs')
      .set((e) => ({
        state: is('queued'),
        agent: null,
        agent_session: null,
        lease_until: null,
        last_event: nextEvent(e),
      }))
      .where('agent', '=', p.agent)
      .where(isHeld)
      .where('state', '=', is('offered')),
  );
  const giveUp = compileOnce({ agent: '', code: '', message: '' }, (p) =>
    db
      .updateTable('runs')
      .set((e) => ({
        state: is('indeterminate'),
        failure_code: p.code,
        failure_message: p.message,
        envelope: null,
        ended_at: now,
        last_event: nextEvent(e),
      }))
      .where('agent', '=', p.agent)
      .where(isHeld)
      .where('state', '=', is('running')),
  );
  return {
    /** offered -> queued and running -> indeterminate, each with its event (rules.md 11). */
    revoke: (values: {
      readonly agent: string;
      readonly code: string;
      readonly message: string;
      readonly queued: string;
      readonly indeterminate: string;
    }): readonly Step[] => {
      const { agent, code, message } = values;
      return [
        step(tellOffered({ agent, data: values.queued })),
        step(takeBack({ agent })),
        step(tellRunning({ agent, data: values.indeterminate })),
        step(giveUp({ agent, code, message })),
      ];
    },
  };
}

/** The same event for every run of an agent in that state, under the number that the change after it takes. */
function tellAll({ db, engine }: Store, from: RunState) {
  return compileOnce({ agent: '', data: '' }, (p) =>
    db
      .insertInto('run_events')
      .columns(['run', 'seq', 'at', 'kind', 'attempt', 'wire_seq', 'data'])
      .expression((e) =>
        e
          .selectFrom('runs')
          .select([
            'id',
            sql<number>`last_event + 1`.as('seq'),
            nowMs(engine).as('at'),
            sql<'state'>`'state'`.as('kind'),
            'attempt',
            sql<null>`null`.as('wire_seq'),
            sql<string>`${p.data}`.as('data'),
          ])
          .where('agent', '=', p.agent)
          .where(isHeld)
          .where('state', '=', is(from)),
      ),
  );
}
