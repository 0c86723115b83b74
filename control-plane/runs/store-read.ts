// The queries about runs that need no joins: facts for decisions, candidates for a claim, and what a sweep looks for.
import { sql } from 'kysely';
import { actionTimeoutMsDefault, agentWatchdogMs, sweepRowsMax } from '../../protocol/limits.ts';
import { nowMs } from '../store/dialect.ts';
import { compileOnce } from '../store/step.ts';
import type { RunsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { textList } from './lists.ts';
import { factColumns, is, isHeld, noLaterStarted } from './store-columns.ts';
import { runTokenQueries } from './store-run-token.ts';

export type RunQueries = ReturnType<typeof runQueries>;

export function runQueries(store: Store) {
  return {
    ...factQueries(store),
    ...claimQueries(store),
    ...sweepQueries(store),
    ...runTokenQueries(store),
  };
}

export type RunRow = Omit<RunsTable, 'envelope'> & {
  readonly project_name: string;
  readonly group_name: string;
  readonly agent_name: string | null;
  /** Since when the agent of a running run has not been heard of. */
  readonly silent_since: number | null;
};

/** Runs with the names that the API shows. */
export function runRows(store: Store) {
  const now = nowMs(store.engine);
  return store.db
    .selectFrom('runs')
    .innerJoin('projects', 'projects.id', 'runs.project')
    .innerJoin('groups', 'groups.id', 'runs.group_id')
    .leftJoin('agents', 'agents.id', 'runs.agent')
    .selectAll('runs')
    .select([
      'projects.name as project_name',
      'groups.name as group_name',
      'agents.name as agent_name',
      // A server that died could not write down that the agent was gone; its silence says it then.
      sql<number | null>`case
        when runs.state <> 'running' then null
        when agents.disconnected_at is not null then agents.disconnected_at
        when agents.last_seen_at + ${sql.lit(agentWatchdogMs)} < ${now} then agents.last_seen_at
        else null end`.as('silent_since'),
    ]);
}

function factQueries(store: Store) {
  const { db, engine } = store;
  const facts = () => db.selectFrom('runs').select(factColumns);
  return {
    run: compileOnce({ run: '' }, (p) => runRows(store).where('runs.id', '=', p.run)),
    facts: compileOnce({ run: '' }, (p) => facts().where('id', '=', p.run)),
    /** `runs` is a JSON list of ids. */
    factsIn: compileOnce({ runs: '' }, (p) => facts().where('id', 'in', textList(engine, p.runs))),
    /** How far the events of each have come; `runs` is a JSON list of ids. */
    lastEvents: compileOnce({ runs: '' }, (p) =>
      db.selectFrom('runs').select(['id', 'last_event']).where('id', 'in', textList(engine, p.runs)),
    ),
    /** What an agent has in hand as the rows say. */
    heldBy: compileOnce({ agent: '' }, (p) =>
      facts().where('agent', '=', p.agent).where(isHeld).where('state', '!=', is('indeterminate')),
    ),
    events: compileOnce({ run: '', after: 0, limit: 0 }, (p) =>
      db
        .selectFrom('run_events')
        .select(['seq', 'at', 'kind', 'attempt', 'data'])
        .where('run', '=', p.run)
        .where('seq', '>', p.after)
        .orderBy('seq')
        .limit(p.limit),
    ),
    /** The run, where an interrupted attempt of it may be followed by another one (rules.md 6). */
    retryable: compileOnce({ run: '' }, (p) =>
      db
        .selectFrom('runs')
        .select('id')
        .where('id', '=', p.run)
        .where('idempotent', '=', 1)
        .where('cancel_requested_at', 'is', null)
        .where(noLaterStarted),
    ),
    tombstonesIn: compileOnce({ runs: '' }, (p) =>
      db
        .selectFrom('run_tombstones')
        .select(['run', 'attempt', 'state'])
        .where('run', 'in', textList(engine, p.runs)),
    ),
  };
}

function claimQueries(store: Store) {
  const { db, engine } = store;
  return {
    /**
     * Queued runs of one group that one of the free agents can do, in the order in which they are served. `digests`
     * is a JSON list; `pairs` one of `<agent> <digest>`, which is looked at only where somebody is left out. `past` of
     * them are left to others.
     */
    candidates: compileOnce({ group: '', digests: '', pairs: '', incarnation: '', limit: 0, past: 0 }, (p) =>
      db
        .selectFrom('runs')
        .select([...factColumns, 'visible_inputs', 'envelope'])
        .where('state', '=', is('queued'))
        .where('group_id', '=', p.group)
        .where('definition_digest', 'in', textList(engine, p.digests))
        .where('expires_at', '>', nowMs(engine))
        .where('store_incarnation', '=', p.incarnation)
        .where(
          sql<boolean>`(excluded_agents = '{}' or exists (
              select 1 from ${textList(engine, p.pairs)} as pair
              where pair.value like '%' || runs.definition_digest
              and runs.excluded_agents not like '%' || substr(pair.value, 1, 36) || '%'))`,
        )
        // In a pinned group only what a person accepted is dispatched (rules.md 19).
        .where(
          sql<boolean>`((select pinned from ${sql.table('groups')} where id = runs.group_id) = 0 or exists (
              select 1 from accepted_definitions as accepted where accepted.group_id = runs.group_id
              and accepted.operation = runs.operation and accepted.digest = runs.definition_digest))`,
        )
        .orderBy('priority', 'desc')
        .orderBy('turn')
        .orderBy('id')
        .limit(p.limit)
        .offset(p.past),
    ),
    /** Slots that indeterminate runs keep, by agent and operation (rules.md 8). */
    keptSlots: compileOnce({ group: '', agents: '', operations: '' }, (p) =>
      db
        .selectFrom('runs')
        .select((e) => ['agent', 'operation', e.fn.countAll<number>().as('count')])
        .where(isHeld)
        .where('state', '=', is('indeterminate'))
        .where('agent', 'in', textList(engine, p.agents))
        .where('group_id', '=', p.group)
        .where('operation', 'in', textList(engine, p.operations))
        .where('released_by', 'is', null)
        .groupBy(['agent', 'operation']),
    ),
    /** Which of the groups have something queued; `groups` is a JSON list of ids. */
    waitingGroups: compileOnce({ groups: '' }, (p) =>
      db
        .selectFrom('groups')
        .select('id')
        .where('id', 'in', textList(engine, p.groups))
        .where((e) =>
          e.exists(
            e
              .selectFrom('runs')
              .select('runs.id')
              .whereRef('runs.group_id', '=', 'groups.id')
              .where('runs.state', '=', is('queued')),
          ),
        ),
    ),
  };
}

function sweepQueries(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);
  const facts = () => db.selectFrom('runs').select(factColumns).limit(sweepRowsMax);
  const ofStore = { incarnation: '' };
  return {
    lapsed: compileOnce(ofStore, (p) =>
      facts()
        .where(isHeld)
        .where('state', '=', is('offered'))
        .where('lease_until', '<=', now)
        .where('store_incarnation', '=', p.incarnation),
    ),
    expired: compileOnce(ofStore, (p) =>
      facts()
        .where('state', '=', is('queued'))
        .where('expires_at', '<=', now)
        .where('store_incarnation', '=', p.incarnation)
        .orderBy('expires_at'),
    ),
    /** Running for longer than their timeout and `marginMs`. */
    overdue: compileOnce({ marginMs: 0 }, (p) =>
      facts()
        .select(['timeout_sent_at'])
        .where(isHeld)
        .where('state', '=', is('running'))
        .where(
          sql<boolean>`started_at + coalesce(timeout_ms, ${sql.lit(actionTimeoutMsDefault)}) + ${p.marginMs} <= ${now}`,
        ),
    ),
    /** Cancels that an agent has not answered. */
    pendingCancels: () =>
      facts()
        .where(isHeld)
        .where('state', '=', is('running'))
        .where('cancel_requested_at', 'is not', null)
        .compile(),
    leavingOut: () =>
      facts().where('state', '=', is('queued')).where('excluded_agents', '!=', '{}').compile(),
    /** Queued for longer than `ageMs` with a definition that nobody advertises, while the operation has another. */
    definitionGone: compileOnce({ ageMs: 0 }, (p) =>
      facts()
        .where('state', '=', is('queued'))
        .where(sql<boolean>`queued_at + ${p.ageMs} <= ${now}`)
        .where((e) => {
          const advertised = e
            .selectFrom('definitions')
            .select('definitions.agent')
            .whereRef('definitions.group_id', '=', 'runs.group_id')
            .whereRef('definitions.operation', '=', 'runs.operation');
          return e.and([
            e.exists(advertised),
            e.not(e.exists(advertised.whereRef('definitions.digest', '=', 'runs.definition_digest'))),
          ]);
        }),
    ),
    /** Open rows that a restored or rolled back database left behind (rules.md 12). */
    queuedOfAnotherStore: compileOnce(ofStore, (p) =>
      facts().where('state', '=', is('queued')).where('store_incarnation', '!=', p.incarnation),
    ),
    heldOfAnotherStore: compileOnce(ofStore, (p) =>
      facts()
        .where(isHeld)
        .where('state', '!=', is('indeterminate'))
        .where('store_incarnation', '!=', p.incarnation),
    ),
    /** When each of the agents was last heard of, by the store's clock. */
    silence: compileOnce({ agents: '' }, (p) =>
      db
        .selectFrom('agents')
        .select(['id', now.as('now'), 'last_seen_at', 'connected_at', 'disconnected_at'])
        .where('id', 'in', textList(engine, p.agents)),
    ),
  };
}
