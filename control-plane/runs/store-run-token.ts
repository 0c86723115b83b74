// Statements about the tokens of runs, compiled once.
import { sql } from 'kysely';
import {
  cancelGraceMsDefault,
  leaseMs,
  runEntriesMax,
  runEntriesPerMinuteMax,
  runTokenGraceMs,
} from '../../protocol/limits.ts';
import { nowMs } from '../store/dialect.ts';
import { compileOnce, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { Candidate } from './contract.ts';
import { is, nextEvent, onRun } from './store-columns.ts';

const minuteMs = 60_000;

/** What decides on a token that was presented; `good` is 1 while its attempt goes on. */
export type PresentedTokenRow = Pick<
  Candidate,
  | 'id'
  | 'organization'
  | 'project'
  | 'action'
  | 'action_name'
  | 'group_id'
  | 'sequence'
  | 'requested_by'
  | 'token'
  | 'visible_inputs'
> & { readonly attempt: number; readonly token_expires_at: number; readonly good: number };

export function runTokenStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);
  const made = { ...onRun, agent: '', hash: '' };
  const graceMs = leaseMs + cancelGraceMsDefault + runTokenGraceMs;
  const insertToken = compileOnce(made, (p) =>
    db
      .insertInto('run_tokens')
      .columns(['run', 'attempt', 'hash', 'made_at', 'expires_at'])
      .expression((e) =>
        e
          .selectFrom('runs')
          .select([
            'id',
            'attempt',
            sql<string>`${p.hash}`.as('hash'),
            now.as('made_at'),
            sql<number>`${now} + coalesce(timeout_ms, 0) + ${sql.lit(graceMs)}`.as('expires_at'),
          ])
          .where('id', '=', p.run)
          .where('attempt', '=', p.attempt)
          .where('agent', '=', p.agent)
          .where('state', '=', is('offered')),
      ),
  );

  /** A minute begins with the first entry after the last one was over. */
  const isNewMinute = sql<boolean>`${now} - minute_at >= ${sql.lit(minuteMs)}`;
  const countEntry = compileOnce({ ...onRun, first: 0 }, (p) =>
    db
      .updateTable('run_tokens')
      .set({
        used_at: sql<number>`coalesce(used_at, ${now})`,
        entries: sql<number>`entries + 1`,
        minute_at: sql<number>`case when ${isNewMinute} then ${now} else minute_at end`,
        minute_entries: sql<number>`case when ${isNewMinute} then 1 else minute_entries + 1 end`,
      })
      .where('run', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('expires_at', '>', now)
      .where('entries', '<', sql.lit(runEntriesMax))
      .where(sql<boolean>`(${isNewMinute} or minute_entries < ${sql.lit(runEntriesPerMinuteMax)})`)
      .where(sql<boolean>`(${p.first} = 0 or used_at is null)`),
  );
  const takeEntry = compileOnce(onRun, (p) =>
    db
      .updateTable('runs')
      .set((e) => ({ last_event: nextEvent(e) }))
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('state', '=', is('running'))
      .returning('last_event'),
  );
  return {
    /** Stores nothing where the offer was not made. */
    insertToken: (values: typeof made): Step => step(insertToken(values)),
    /** Counts one entry; `first` is 1 where it is the first, which is then written down elsewhere too. */
    countEntry: (values: Parameters<typeof countEntry>[0]): Step =>
      step(countEntry(values), { name: 'run', exactly: 1 }),
    /** Takes the number of an event, while that attempt runs. */
    takeEntry: (values: typeof onRun): Step => step(takeEntry(values), { name: 'run', exactly: 1 }),
  };
}

/** What is left to an attempt. */
export interface TokenUse {
  readonly good: number;
  readonly used_at: number | null;
  readonly entries: number;
  readonly minute_entries: number;
  /** Milliseconds until its minute is over; not above 0 where it is. */
  readonly minute_left: number;
}

export function runTokenQueries({ db, engine }: Pick<Store, 'db' | 'engine'>) {
  const now = nowMs(engine);
  const isGood = sql<number>`case when runs.state = 'running' and runs.attempt = run_tokens.attempt
    and run_tokens.expires_at > ${now} then 1 else 0 end`;
  const joined = () => db.selectFrom('run_tokens').innerJoin('runs', 'runs.id', 'run_tokens.run');
  return {
    presentedToken: compileOnce({ hash: '' }, (p) =>
      joined()
        .select([
          'runs.id',
          'runs.organization',
          'runs.project',
          'runs.action',
          'runs.action_name',
          'runs.group_id',
          'runs.sequence',
          'runs.requested_by',
          'runs.token',
          'runs.visible_inputs',
          'run_tokens.attempt',
          'run_tokens.expires_at as token_expires_at',
          isGood.as('good'),
        ])
        .where('run_tokens.hash', '=', p.hash),
    ),
    tokenUse: compileOnce(onRun, (p) =>
      joined()
        .select([
          isGood.as('good'),
          'run_tokens.used_at',
          'run_tokens.entries',
          'run_tokens.minute_entries',
          sql<number>`run_tokens.minute_at + ${sql.lit(minuteMs)} - ${now}`.as('minute_left'),
        ])
        .where('run_tokens.run', '=', p.run)
        .where('run_tokens.attempt', '=', p.attempt),
    ),
  };
}
