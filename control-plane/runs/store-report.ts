// Statements that what an agent reports pulls on a run, and the events of a run, compiled once.
import { sql } from 'kysely';
import type { RunEvent } from '../../protocol/api/runs.ts';
import type { RunState } from '../../protocol/states.ts';
import { nowMs } from '../store/dialect.ts';
import { compileOnce, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { jsonRows } from './lists.ts';
import { is, onRun } from './store-columns.ts';

const byAgent = { ...onRun, agent: '', events: 0, expected: 0, seq: 0 };

export function reportStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);
  const reporting = (p: typeof byAgent) =>
    db
      .updateTable('runs')
      .set((e) => ({ last_event: e('last_event', '+', p.events), last_wire_seq: p.seq }))
      .where('id', '=', p.run)
      .where('attempt', '=', p.attempt)
      .where('agent', '=', p.agent)
      .where('last_wire_seq', '=', p.expected);

  const report = compileOnce(byAgent, (p) =>
    reporting(p).where('state', 'in', [is('running'), is('indeterminate')]),
  );
  const ending = { ...byAgent, to: '' as RunState, outcome: '', code: null as string | null };
  const verdict = { ...ending, message: null as string | null };
  const end = compileOnce(verdict, (p) =>
    reporting(p)
      .set({
        state: p.to,
        outcome: p.outcome,
        failure_code: p.code,
        failure_message: p.message,
        envelope: null,
        ended_at: now,
      })
      .where('state', '=', is('running')),
  );
  const settle = compileOnce(verdict, (p) =>
    reporting(p)
      .set({
        state: p.to,
        outcome: p.outcome,
        failure_code: p.code,
        failure_message: p.message,
        evidence: p.outcome,
        settled: 1,
      })
      .where('state', '=', is('indeterminate'))
      .where('settled', '=', 0),
  );
  const evidence = compileOnce({ ...byAgent, outcome: '' }, (p) =>
    reporting(p)
      .set({ evidence: p.outcome })
      .where('state', '=', is('indeterminate'))
      .where('settled', '=', 0),
  );

  const guard = { name: 'run', exactly: 1 };
  return {
    /** Takes numbers for `events` events, and the wire numbers up to `seq`. */
    report: (values: typeof byAgent): Step => step(report(values), guard),
    end: (values: typeof verdict): Step => step(end(values), guard),
    settle: (values: typeof verdict): Step => step(settle(values), guard),
    evidence: (values: Parameters<typeof evidence>[0]): Step => step(evidence(values), guard),
  };
}

const columns = ['run', 'seq', 'at', 'kind', 'attempt', 'wire_seq', 'data'] as const;

export function eventStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);
  const appendFirst = compileOnce({ run: '', data: '' }, (p) =>
    db.insertInto('run_events').values({
      run: p.run,
      seq: 1,
      at: now,
      kind: 'state',
      attempt: 0,
      wire_seq: null,
      data: p.data,
    }),
  );
  const event = {
    run: '',
    attempt: 0,
    kind: '' as RunEvent['kind'],
    wireSeq: null as number | null,
    /** How many events of the same unit come after it. */
    back: 0,
    data: '',
  };
  const insert = (p: typeof event) =>
    db.insertInto('run_events').values({
      run: p.run,
      seq: sql<number>`(select last_event - ${p.back} from runs where id = ${p.run})`,
      at: now,
      kind: p.kind,
      attempt: p.attempt,
      wire_seq: p.wireSeq,
      data: p.data,
    });
  const append = compileOnce(event, insert);
  const appendNumbered = compileOnce(event, (p) => insert(p).returning(['seq', 'at']));
  return {
    /** The first event of a run that is stored in the same unit. */
    appendFirst: (values: Parameters<typeof appendFirst>[0]): Step => step(appendFirst(values)),
    /**
     * Appends one event under the number that the change before it took. Only where they are asked for it gives
     * `seq` and `at` back: that costs as much as the row.
     */
    append: (values: typeof event, numbered: boolean): Step =>
      step((numbered ? appendNumbered : append)(values), { name: 'event', exactly: 1 }),
    ...batchStatements(store),
  };
}

function batchStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);
  const batch = { ...onRun, count: 0, events: '' };
  const insertAll = (p: typeof batch) => {
    const { rows, at, text } = jsonRows(engine, p.events);
    return db
      .insertInto('run_events')
      .columns([...columns])
      .expression((e) =>
        e
          .selectFrom(['runs', rows.as('given')])
          .select([
            'runs.id',
            sql<number>`runs.last_event - ${p.count} + 1 + ${at}`.as('seq'),
            now.as('at'),
            sql<RunEvent['kind']>`${text('kind')}`.as('kind'),
            sql<number>`${p.attempt}`.as('attempt'),
            sql<number | null>`cast(${text('wire')} as bigint)`.as('wire_seq'),
            sql<string>`${text('data')}`.as('data'),
          ])
          .where('runs.id', '=', p.run),
      );
  };
  const appendAll = compileOnce(batch, insertAll);
  const appendAllNumbered = compileOnce(batch, (p) => insertAll(p).returning(['seq', 'at']));

  const offered = { ...onRun, agent: '', data: '' };
  const insertOffered = (p: typeof offered) =>
    db
      .insertInto('run_events')
      .columns([...columns])
      .expression((e) =>
        e
          .selectFrom('runs')
          .select([
            'id',
            'last_event',
            now.as('at'),
            sql<RunEvent['kind']>`'state'`.as('kind'),
            'attempt',
            sql<null>`null`.as('wire_seq'),
            sql<string>`${p.data}`.as('data'),
          ])
          .where('id', '=', p.run)
          .where('attempt', '=', p.attempt)
          .where('agent', '=', p.agent)
          .where('state', '=', is('offered')),
      );
  const appendOffered = compileOnce(offered, insertOffered);
  const appendOfferedNumbered = compileOnce(offered, (p) => insertOffered(p).returning(['seq', 'at']));
  return {
    /** The same for several at once: `events` is a JSON list of `{kind, wire, data}`, `count` its length. */
    appendAll: (values: typeof batch, numbered: boolean): Step =>
      step((numbered ? appendAllNumbered : appendAll)(values), { name: 'event', exactly: values.count }),
    /** Appends the event of an offer, where the offer was made. */
    appendOffered: (values: typeof offered, numbered: boolean): Step =>
      step((numbered ? appendOfferedNumbered : appendOffered)(values)),
  };
}
