// The SQL of projects.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { ProjectsTable } from '../store/schema.ts';
import type { Step, Store } from '../store/store.ts';

/** Those of `ids`, the newest first. */
export function selectProjects(store: Store, ids: readonly string[]): CompiledQuery<ProjectsTable> {
  return store.db
    .selectFrom('projects')
    .selectAll()
    .where('id', 'in', [...ids])
    .orderBy('id', 'desc')
    .compile();
}

export function selectProject(store: Store, id: string): CompiledQuery<ProjectsTable> {
  return store.db.selectFrom('projects').selectAll().where('id', '=', id).compile();
}

/** What each one keeps of its runs. */
export function selectRetention(
  store: Store,
): CompiledQuery<Pick<ProjectsTable, 'id' | 'keep_runs_ms' | 'keep_output_ms' | 'keep_runs_max'>> {
  return store.db
    .selectFrom('projects')
    .select(['id', 'keep_runs_ms', 'keep_output_ms', 'keep_runs_max'])
    .compile();
}

export const changeableColumns = ['description', 'keep_runs_ms', 'keep_output_ms', 'keep_runs_max'] as const;
export type ChangeableColumn = (typeof changeableColumns)[number];

export function insertProject(
  store: Store,
  project: {
    readonly id: string;
    readonly organization: string;
    readonly folder: string | null;
    readonly name: string;
    readonly description: string;
  },
): Step {
  return {
    query: store.db
      .insertInto('projects')
      .values({ ...project, created_at: nowMs(store.engine), revision: 1 })
      .compile(),
  };
}

export function updateProject(
  store: Store,
  change: Pick<ProjectsTable, ChangeableColumn | 'id' | 'revision'>,
): Step {
  const { id, revision, ...values } = change;
  return {
    query: store.db
      .updateTable('projects')
      .set({ ...values, revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision)
      .compile(),
    guard: { name: 'revision', exactly: 1 },
  };
}

export function moveProject(
  store: Store,
  move: { readonly id: string; readonly folder: string | null; readonly revision: number },
): Step {
  return {
    query: store.db
      .updateTable('projects')
      .set({ folder: move.folder, revision: move.revision + 1 })
      .where('id', '=', move.id)
      .where('revision', '=', move.revision)
      .compile(),
    guard: { name: 'revision', exactly: 1 },
  };
}

/** Deletes it where nothing hangs on it any more; the foreign keys refuse otherwise. */
export function deleteProject(store: Store, id: string): Step {
  return {
    query: store.db.deleteFrom('projects').where('id', '=', id).compile(),
    guard: { name: 'project', exactly: 1 },
  };
}

const dependents = ['groups', 'agents', 'actions', 'variables', 'schedules', 'runs'] as const;
export type Dependents = Readonly<Record<(typeof dependents)[number], number>>;

/** What keeps a project from being deleted, as counts. */
export function selectDependents(store: Store, id: string): CompiledQuery<Dependents> {
  return store.db
    .selectNoFrom((expression) =>
      dependents.map((table) =>
        expression
          .selectFrom(table)
          .select((count) => count.fn.countAll<number>().as('n'))
          .where('project', '=', id)
          .as(table),
      ),
    )
    .compile() as unknown as CompiledQuery<Dependents>;
}
