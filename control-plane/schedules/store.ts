// The SQL of schedules. What fires is claimed by the fire time that the row waits for: whoever advances it first, in
// the unit that stores the run, has it.
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { SchedulesTable } from '../store/schema.ts';
import { compileOnce, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

export interface ScheduleRow extends SchedulesTable {
  action_name: string;
  /** Of the principal that made it; null where that is not known any more. */
  acts_for: string | null;
  organization: string;
}

/** What is due, and the time by the database's clock at which it was read. */
export interface DueRow extends ScheduleRow {
  next_fire_at: number;
  now: number;
}

type NewSchedule = Omit<
  SchedulesTable,
  'created_at' | 'revision' | 'last_fired_at' | 'last_run' | 'last_error'
>;

function scheduleRows(store: Store) {
  return store.db
    .selectFrom('schedules')
    .innerJoin('actions', 'actions.id', 'schedules.action')
    .innerJoin('projects', 'projects.id', 'schedules.project')
    .leftJoin('principals', 'principals.id', 'schedules.created_by')
    .selectAll('schedules')
    .select(['actions.name as action_name', 'principals.name as acts_for', 'projects.organization']);
}

export function selectSchedules(
  store: Store,
  page: { readonly project: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<ScheduleRow> {
  let query = scheduleRows(store).where('schedules.project', '=', page.project);
  if (page.after !== null) query = query.where('schedules.id', '<', page.after);
  return query
    .orderBy('schedules.id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

/** By id or by name in the project; an id wins where a name looks like one. */
export function selectSchedule(store: Store, project: string, reference: string): CompiledQuery<ScheduleRow> {
  return scheduleRows(store)
    .where('schedules.project', '=', project)
    .where((e) => e.or([e('schedules.id', '=', reference), e('schedules.name', '=', reference)]))
    .orderBy((e) => e.case().when('schedules.id', '=', reference).then(0).else(1).end())
    .limit(1)
    .compile();
}

/** Epoch milliseconds of the database's clock. */
export function selectNow(store: Store): CompiledQuery<{ now: number }> {
  return store.db.selectNoFrom(nowMs(store.engine).as('now')).compile();
}

export function insertSchedule(store: Store, schedule: NewSchedule): Step {
  return step(
    store.db.insertInto('schedules').values({
      ...schedule,
      created_at: nowMs(store.engine),
      revision: 1,
      last_fired_at: null,
      last_run: null,
      last_error: null,
    }),
  );
}

/** `next_fire_at` only where the change is about when it fires: otherwise a fire time that is due would be lost. */
export function updateSchedule(
  store: Store,
  schedule: Pick<SchedulesTable, 'id' | 'revision'> &
    Partial<Omit<NewSchedule, 'id' | 'project' | 'name' | 'action' | 'created_by'>>,
): Step {
  const { id, revision, ...columns } = schedule;
  return step(
    store.db
      .updateTable('schedules')
      .set({ ...columns, revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision),
    { name: 'revision', exactly: 1 },
  );
}

export function deleteSchedule(store: Store, id: string): Step {
  return step(store.db.deleteFrom('schedules').where('id', '=', id), { name: 'schedule', exactly: 1 });
}

/** Word for word the condition of the index `schedules_due`. */
const isEnabled = sql<boolean>`schedules.enabled = 1`;

const claim = { id: '', revision: 0, due: 0 };
const advance = { ...claim, next: null as number | null, error: null as string | null };

export type FiringStatements = ReturnType<typeof firingStatements>;

/** The statements of the loop, compiled once. */
export function firingStatements(store: Store) {
  const { db, engine } = store;
  const now = nowMs(engine);
  const due = () =>
    scheduleRows(store)
      .select(now.as('now'))
      .where(isEnabled)
      .where('schedules.next_fire_at', '<=', now)
      .$castTo<DueRow>();
  const claimed = (p: typeof advance) =>
    db
      .updateTable('schedules')
      .set({ next_fire_at: p.next, last_error: p.error })
      .where('id', '=', p.id)
      .where('revision', '=', p.revision)
      .where('next_fire_at', '=', p.due)
      .where(isEnabled);
  const fired = compileOnce({ ...advance, run: '' }, (p) =>
    claimed(p).set({ last_run: p.run, last_fired_at: now }),
  );
  const passed = compileOnce(advance, claimed);
  const guard = { name: 'schedule', exactly: 1 };
  return {
    /** In the order of their fire times, after the row (fire time, id) that was read last. */
    duePage: compileOnce({ at: 0, id: '', limit: 0 }, (p) =>
      due()
        .where((e) =>
          e.or([
            e('schedules.next_fire_at', '>', p.at),
            e.and([e('schedules.next_fire_at', '=', p.at), e('schedules.id', '>', p.id)]),
          ]),
        )
        .orderBy('schedules.next_fire_at')
        .orderBy('schedules.id')
        .limit(p.limit),
    ),
    dueById: compileOnce({ id: '' }, (p) => due().where('schedules.id', '=', p.id)),
    /** One row: the database's time, and the earliest fire time of all. */
    earliest: compileOnce({}, () =>
      db.selectNoFrom((e) => [
        now.as('now'),
        e
          .selectFrom('schedules')
          .select((inner) => inner.fn.min<number | null>('schedules.next_fire_at').as('at'))
          .where(isEnabled)
          .where('schedules.next_fire_at', 'is not', null)
          .as('at'),
      ]),
    ),
    /** Advances it in the unit that stores the run. Fails where somebody else has fired, changed or paused it. */
    fired: (values: Parameters<typeof fired>[0]): Step => step(fired(values), guard),
    /** Advances it without a run. */
    passed: (values: Parameters<typeof passed>[0]): Step => step(passed(values), guard),
  };
}
