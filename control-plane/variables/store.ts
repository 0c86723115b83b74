// The SQL of variables and of the places that a sensitive one is bound to.
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { VariablesTable } from '../store/schema.ts';
import { compileOnce, perStore, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { variableGuard } from './in-turn.ts';
import type { VariableKey } from './in-turn.ts';

export interface VariableRow extends VariablesTable {
  /** Null for a variable of the project. */
  action_name: string | null;
}

export interface BoundRow {
  variable: string;
  action: string;
  action_name: string;
  input: string;
}

function variableRows(store: Store) {
  return store.db
    .selectFrom('variables')
    .leftJoin('actions', 'actions.id', 'variables.action')
    .selectAll('variables')
    .select('actions.name as action_name');
}

export function selectVariables(
  store: Store,
  page: { readonly project: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<VariableRow> {
  let query = variableRows(store).where('variables.project', '=', page.project);
  if (page.after !== null) query = query.where('variables.id', '<', page.after);
  return query
    .orderBy('variables.id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function selectVariable(store: Store, key: VariableKey): CompiledQuery<VariableRow> {
  return variableRows(store)
    .where('variables.project', '=', key.project)
    .where('variables.action', '=', key.action)
    .where('variables.name', '=', key.name)
    .compile();
}

/** What may fill the inputs of one action: its own variables and the project's. */
export function selectVariablesFor(
  store: Store,
  scope: { readonly project: string; readonly action: string },
): CompiledQuery<VariablesTable> {
  return variablesFor(store)(scope);
}

export function selectBound(store: Store, variables: readonly string[]): CompiledQuery<BoundRow> {
  return store.db
    .selectFrom('variable_bindings')
    .innerJoin('actions', 'actions.id', 'variable_bindings.action')
    .select([
      'variable_bindings.variable',
      'variable_bindings.action',
      'actions.name as action_name',
      'variable_bindings.input',
    ])
    .where('variable_bindings.variable', 'in', [...variables])
    .compile();
}

/** Where the variables of a project may go in one action. */
export function selectBoundTo(
  store: Store,
  action: string,
): CompiledQuery<{ variable: string; input: string }> {
  return boundTo(store)({ action });
}

export function insertVariable(
  store: Store,
  variable: Omit<VariablesTable, 'updated_at' | 'revision'>,
): Step {
  return step(
    store.db.insertInto('variables').values({ ...variable, updated_at: nowMs(store.engine), revision: 1 }),
  );
}

/** Its guard fails where it is no longer what was read. */
export function updateVariable(
  store: Store,
  variable: Pick<VariablesTable, 'id' | 'description' | 'sensitive' | 'value' | 'envelope' | 'revision'>,
): Step {
  const { id, revision, ...columns } = variable;
  return step(
    store.db
      .updateTable('variables')
      .set({ ...columns, revision: revision + 1, updated_at: nowMs(store.engine) })
      .where('id', '=', id)
      .where('revision', '=', revision),
    { name: variableGuard, exactly: 1 },
  );
}

/** Its guard fails where it is no longer what was read. */
export function deleteVariable(
  store: Store,
  { id, revision }: Pick<VariablesTable, 'id' | 'revision'>,
): Step {
  return step(store.db.deleteFrom('variables').where('id', '=', id).where('revision', '=', revision), {
    name: variableGuard,
    exactly: 1,
  });
}

/** The whole set of places, replaced. */
export function bindVariable(
  store: Store,
  variable: string,
  places: readonly { readonly action: string; readonly input: string; readonly by: string }[],
): readonly Step[] {
  return [
    step(store.db.deleteFrom('variable_bindings').where('variable', '=', variable)),
    ...places.map(({ action, input, by }) =>
      step(store.db.insertInto('variable_bindings').values({ variable, action, input, bound_by: by })),
    ),
  ];
}

const variablesFor = perStore((store) =>
  compileOnce({ project: '', action: '' }, (p) =>
    store.db
      .selectFrom('variables')
      .selectAll()
      .where('project', '=', p.project)
      .where('action', 'in', [sql.lit(''), p.action]),
  ),
);

const boundTo = perStore((store) =>
  compileOnce({ action: '' }, (p) =>
    store.db.selectFrom('variable_bindings').select(['variable', 'input']).where('action', '=', p.action),
  ),
);
