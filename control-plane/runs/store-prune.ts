// The SQL of retention: what of the ended runs of an action has outlived its time, and the pieces in which it goes.
// All of it walks along the index of ended runs, so that what is kept is never looked at.
import { sql } from 'kysely';
import { pruneRowsMax, pruneRunsMax } from '../../protocol/limits.ts';
import { nowMs } from '../store/dialect.ts';
import { compileOnce, perStore, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { jsonRows, textList } from './lists.ts';
import { is } from './store-columns.ts';

/** An event of a run by its key. */
export interface EventKey {
  readonly run: string;
  readonly seq: number;
}

export interface EndedRun {
  readonly id: string;
  readonly ended_at: number;
}

export const pruneQueriesOf = perStore(pruneQueries);
export const pruneStatementsOf = perStore((store: Store) => ({
  ...outputStatements(store),
  ...forgetStatements(store),
}));

/** An indeterminate run that still keeps its slot stays (rules.md 8). */
const mayGo = sql<boolean>`(state <> 'indeterminate' or released_by is not null)`;

function pruneQueries(store: Store) {
  const { db, engine } = store;
  const ended = () =>
    db
      .selectFrom('runs')
      .select(['id', sql<number>`ended_at`.as('ended_at')])
      .where('ended_at', 'is not', null)
      .orderBy('ended_at')
      .orderBy('id')
      .limit(pruneRunsMax);
  const events = () =>
    db.selectFrom('run_events').select(['run_events.run', 'run_events.seq']).limit(pruneRowsMax);
  return {
    /** The next action that has ended runs, also one that is deleted itself. */
    action: compileOnce({ after: '' }, (p) =>
      db
        .selectFrom('runs')
        .select(['action', 'project'])
        .where('ended_at', 'is not', null)
        .where('action', '>', p.after)
        .orderBy('action')
        .limit(1),
    ),
    /** The newest of those that are too many, where `keep` are kept. */
    beyond: compileOnce({ action: '', keep: 0 }, (p) =>
      db
        .selectFrom('runs')
        .select(['id', sql<number>`ended_at`.as('ended_at')])
        .where('action', '=', p.action)
        .where('ended_at', 'is not', null)
        .orderBy('ended_at', 'desc')
        .orderBy('id', 'desc')
        .limit(1)
        .offset(p.keep),
    ),
    /** The oldest up to that one that may go. */
    ended: compileOnce({ action: '', ended_at: 0, id: '' }, (p) =>
      ended()
        .where('action', '=', p.action)
        .where(sql<boolean>`(ended_at, id) <= (cast(${p.ended_at} as bigint), ${p.id})`)
        .where(mayGo),
    ),
    /** The same behind the mark. */
    endedBehind: compileOnce({ action: '', until: 0, at: 0, run: '' }, (p) =>
      ended()
        .where('action', '=', p.action)
        .where('ended_at', '<=', p.until)
        .where(sql<boolean>`(ended_at, id) > (cast(${p.at} as bigint), ${p.run})`),
    ),
    mark: compileOnce({ action: '' }, (p) =>
      db.selectFrom('output_marks').selectAll().where('action', '=', p.action),
    ),
    /** Events of those runs, as many as one piece may have. */
    events: compileOnce({ runs: '' }, (p) =>
      events().where('run_events.run', 'in', textList(engine, p.runs)),
    ),
    /** Their output. The last event of a run stays: who watches knows by it that there is no more. */
    output: compileOnce({ runs: '' }, (p) =>
      events()
        .innerJoin('runs', 'runs.id', 'run_events.run')
        .where('run_events.run', 'in', textList(engine, p.runs))
        .where('run_events.kind', '=', sql.lit('output'))
        .whereRef('run_events.seq', '<', 'runs.last_event'),
    ),
  };
}

function outputStatements(store: Store) {
  const { db, engine } = store;
  const removeEvents = compileOnce({ keys: '' }, (p) => {
    const { rows, text } = jsonRows(engine, p.keys);
    return db
      .deleteFrom('run_events')
      .where(
        sql<boolean>`(run, seq) in (select ${text('run')}, cast(${text('seq')} as bigint) from ${rows} as given)`,
      );
  });
  const noteOutput = compileOnce({ runs: '' }, (p) =>
    db
      .updateTable('runs')
      .set({ output_pruned_at: nowMs(engine) })
      .where('id', 'in', textList(engine, p.runs))
      .where('output_pruned_at', 'is', null),
  );
  const mark = compileOnce({ action: '', ended_at: 0, run: '' }, (p) =>
    db
      .insertInto('output_marks')
      .values(p)
      .onConflict((conflict) =>
        conflict.column('action').doUpdateSet((e) => ({
          ended_at: e.ref('excluded.ended_at'),
          run: e.ref('excluded.run'),
        })),
      ),
  );
  return {
    /** `keys` is a JSON list of event keys. */
    removeEvents: (keys: string): Step => step(removeEvents({ keys })),
    /** Says of runs that they had output. */
    noteOutput: (ids: string): Step => step(noteOutput({ runs: ids })),
    mark: (values: Parameters<typeof mark>[0]): Step => step(mark(values)),
  };
}

function forgetStatements(store: Store) {
  const { db, engine } = store;
  const tombstones = compileOnce({ runs: '' }, (p) =>
    db
      .insertInto('run_tombstones')
      .columns(['run', 'attempt', 'state', 'pruned_at'])
      .expression((e) =>
        e
          .selectFrom('runs')
          .select(['id', 'attempt', 'state', nowMs(engine).as('pruned_at')])
          .where('id', 'in', textList(engine, p.runs)),
      )
      // Another control plane may be at the same.
      .onConflict((conflict) => conflict.doNothing()),
  );
  const events = compileOnce({ runs: '' }, (p) =>
    db.deleteFrom('run_events').where('run', 'in', textList(engine, p.runs)),
  );
  const runs = compileOnce({ runs: '' }, (p) =>
    db.deleteFrom('runs').where('id', 'in', textList(engine, p.runs)),
  );
  const unmark = compileOnce({ action: '' }, (p) =>
    db
      .deleteFrom('output_marks')
      .where('action', '=', p.action)
      .where((e) =>
        e.not(
          e.exists(
            e
              .selectFrom('runs')
              .select('runs.id')
              .whereRef('runs.action', '=', 'output_marks.action')
              .where('runs.state', '!=', is('queued')),
          ),
        ),
      ),
  );
  const tombstonesBefore = compileOnce({ before: 0 }, (p) =>
    db
      .deleteFrom('run_tombstones')
      .where('run', 'in', (e) =>
        e
          .selectFrom('run_tombstones')
          .select('run')
          .where('pruned_at', '<', p.before)
          .orderBy('pruned_at')
          .limit(pruneRowsMax),
      ),
  );
  return {
    /** Replaces runs by their tombstones; `ids` is a JSON list. */
    forget: (ids: string): readonly Step[] => [
      step(tombstones({ runs: ids })),
      step(events({ runs: ids })),
      step(runs({ runs: ids })),
    ],
    unmark: (action: string): Step => step(unmark({ action })),
    /** As many as one piece may have. */
    forgetTombstones: (before: number): Step => step(tombstonesBefore({ before })),
  };
}
