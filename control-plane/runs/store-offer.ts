// Statements on the way of a run to an agent and back into the queue, compiled once. Each names the attempt and the
// state that it starts from, so that a decision made on an older row changes nothing.
import { sql } from 'kysely';
import type { RunState } from '../../protocol/states.ts';
import { lockClaim, nowMs } from '../store/dialect.ts';
import { compileOnce, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { textList } from './lists.ts';
import { is, nextEvent, noLaterStarted, onRun } from './store-columns.ts';

const offerTo = {
  ...onRun,
  agent: '',
  session: 0,
  leaseMs: 0,
  incarnation: '',
  group: '',
  operation: '',
  /** How many runs of the operation this agent does at once; below 0: no limit. */
  limit: 0,
};

export type OfferValues = typeof offerTo;

const directTo = {
  ...offerTo,
  priority: 0,
  /** What the agent could do instead, as a JSON list: a queued run of these is ahead. */
  digests: '',
};

/**
 * True where the agent may have the run now: it is still in this session and not leaving, and its own limit on the
 * operation leaves room. An indeterminate run keeps its slot until evidence or a person frees it (rules.md 8).
 */
function mayHave(
  { engine }: Pick<Store, 'engine'>,
  p: Pick<OfferValues, 'agent' | 'session' | 'group' | 'operation' | 'limit'>,
) {
  // Until the commit no newer session of it begins at another process: its hello would not see the offer, and its
  // limits would be counted without it.
  const lock = engine === 'sqlite' ? sql`` : sql`for share`;
  return sql<boolean>`(exists (select 1 from agents where agents.id = ${p.agent}
      and agents.session = ${p.session} and agents.status = 'active' and agents.draining = 0 ${lock})
    and (${p.limit} < 0 or (select count(*) from runs as held
      where held.group_id = ${p.group} and held.operation = ${p.operation} and held.agent = ${p.agent}
      and (held.state = 'offered' or held.state = 'running' or held.state = 'indeterminate')
      and (held.state <> 'indeterminate' or held.released_by is null)) < ${p.limit}))`;
}

export function offerStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);
  const offering = (p: OfferValues) =>
    db
      .updateTable('runs')
      .set((e) => ({
        state: is('offered'),
        attempt: e('attempt', '+', 1),
        agent: p.agent,
        agent_session: p.session,
        agent_incarnation: null,
        lease_until: sql<number>`${now} + ${p.leaseMs}`,
        offered_at: now,
        last_wire_seq: 0,
        store_incarnation: p.incarnation,
        last_event: nextEvent(e),
      }))
      .where(
        'id',
        'in',
        lockClaim(
          engine,
          db
            .selectFrom('runs')
            .select('id')
            .where('id', '=', p.run)
            .where('state', '=', is('queued'))
            .where('attempt', '=', p.attempt),
        ),
      )
      .where(mayHave(store, p));
  const offer = compileOnce(offerTo, offering);
  const offerDirect = compileOnce(directTo, (p) =>
    offering(p).where(
      sql<boolean>`not exists (select 1 from runs as ahead
        where ahead.state = 'queued' and ahead.group_id = ${p.group} and ahead.priority >= ${p.priority}
        and ahead.id <> ${p.run} and ahead.definition_digest in ${textList(engine, p.digests)})`,
    ),
  );

  const claimTurn = compileOnce({ run: '', group: '' }, (p) => {
    const claimed = sql<number>`(select turn from runs where id = ${p.run} and state = 'offered')`;
    return db
      .updateTable('groups')
      .set({ turn: claimed })
      .where('id', '=', p.group)
      .where(sql<boolean>`turn < ${claimed}`);
  });

  /** On PostgreSQL the limit of an operation is a locked row; SQLite has one writer. */
  const lockLimit = compileOnce({ agent: '', group: '', operation: '' }, (p) =>
    db
      .selectFrom('definitions')
      .select('agent')
      .where('agent', '=', p.agent)
      .where('group_id', '=', p.group)
      .where('operation', '=', p.operation)
      .$if(engine === 'postgres', (query) => query.forUpdate()),
  );

  return {
    /** Changes nothing where the run is not queued any more, or the agent may not have it now. */
    offer: (values: OfferValues): Step => step(offer(values)),
    /** The same in the unit in which the run is born; nothing where another one is ahead of it. */
    offerDirect: (values: typeof directTo): Step => step(offerDirect(values)),
    claimTurn: (values: Parameters<typeof claimTurn>[0]): Step => step(claimTurn(values)),
    lockLimit: (values: Parameters<typeof lockLimit>[0]): Step => step(lockLimit(values)),
  };
}

export function acceptStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);

  /** Rule 1: every write that a frame causes says which session it came from. */
  const session = compileOnce({ agent: '', session: 0 }, (p) =>
    db
      .selectFrom('agents')
      .select('id')
      .where('id', '=', p.agent)
      .where('session', '=', p.session)
      .where('status', '=', 'active')
      .$if(engine === 'postgres', (query) => query.forShare()),
  );

  const accept = compileOnce({ ...onRun, agent: '', session: 0, incarnation: '' }, (p) =>
    db
      .updateTable('runs')
      .set((e) => ({
        state: is('running'),
        agent_session: p.session,
        agent_incarnation: p.incarnation,
        lease_until: null,
        started_at: now,
        last_event: nextEvent(e),
      }))
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('agent', '=', p.agent)
      .where('state', '=', is('offered')),
  );

  const inherit = compileOnce({ ...onRun, agent: '', session: 0, incarnation: '' }, (p) =>
    db
      .updateTable('runs')
      .set({ agent_session: p.session, agent_incarnation: p.incarnation })
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('agent', '=', p.agent)
      .where('state', '=', is('running'))
      .where('cancel_requested_at', 'is', null),
  );

  const adopt = compileOnce({ ...onRun, agent: '', session: 0, incarnation: '' }, (p) =>
    db
      .updateTable('runs')
      .set({ agent_session: p.session, store_incarnation: p.incarnation })
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('agent', '=', p.agent),
  );

  return {
    session: (values: Parameters<typeof session>[0]): Step =>
      step(session(values), { name: 'session', exactly: 1 }),
    accept: (values: Parameters<typeof accept>[0]): Step => step(accept(values), { name: 'run', exactly: 1 }),
    /** Another process of the agent stands in for the one that accepted. */
    inherit: (values: Parameters<typeof inherit>[0]): Step =>
      step(inherit(values), { name: 'run', exactly: 1 }),
    /** The agent has shown in this session that the run is in its hands. */
    adopt: (values: Parameters<typeof adopt>[0]): Step => step(adopt(values)),
  };
}

export function requeueStatements(store: Store) {
  const { db } = store;
  const queuedAgain = (
    p: { run: string; attempt: number; lapsed: number; excluded: string },
    from: RunState,
  ) =>
    db
      .updateTable('runs')
      .set((e) => ({
        state: is('queued'),
        agent: null,
        agent_session: null,
        agent_incarnation: null,
        lease_until: null,
        last_wire_seq: 0,
        lapsed: e('lapsed', '+', p.lapsed),
        excluded_agents: p.excluded,
        last_event: nextEvent(e),
      }))
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('state', '=', is(from));
  const requeue = compileOnce({ ...onRun, lapsed: 0, excluded: '' }, (p) => queuedAgain(p, 'offered'));
  const retry = compileOnce({ ...onRun, lapsed: 0, excluded: '', agent: '' }, (p) =>
    queuedAgain(p, 'running')
      .where('agent', '=', p.agent)
      .where('idempotent', '=', 1)
      .where('cancel_requested_at', 'is', null)

      .where(noLaterStarted),
  );

  const excluded = compileOnce({ ...onRun, excluded: '' }, (p) =>
    db
      .updateTable('runs')
      .set({ excluded_agents: p.excluded })
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('state', '=', is('queued')),
  );

  const inState = { name: 'run', exactly: 1 };
  return {
    /** offered -> queued. `lapsed` counts an attempt that nobody accepted. */
    requeue: (values: Parameters<typeof requeue>[0]): Step => step(requeue(values), inState),
    /** running -> queued, only for an idempotent action of which no later run has started (rules.md 6). */
    retry: (values: Parameters<typeof retry>[0]): Step => step(retry(values), inState),
    /** Changes whom a queued run leaves out. */
    exclude: (values: Parameters<typeof excluded>[0]): Step => step(excluded(values)),
  };
}
