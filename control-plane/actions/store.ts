// The SQL of actions, and of what the agents of their groups advertise for them.
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { idSchema } from '../../protocol/ids.ts';
import { nowMs } from '../store/dialect.ts';
import type { ActionsTable, DefinitionsTable } from '../store/schema.ts';
import { compileOnce, perStore, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

export interface ActionRow extends ActionsTable {
  group_name: string;
}

export interface AdvertisedRow extends DefinitionsTable {
  online: number;
}

function actionRows(store: Store) {
  return store.db
    .selectFrom('actions')
    .innerJoin('groups', 'groups.id', 'actions.group_id')
    .selectAll('actions')
    .select('groups.name as group_name');
}

export function selectActions(
  store: Store,
  page: { readonly project: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<ActionRow> {
  let query = actionRows(store).where('actions.project', '=', page.project);
  if (page.after !== null) query = query.where('actions.id', '<', page.after);
  return query
    .orderBy('actions.id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

/** Every name in use, and what each action of a group offers. */
export function selectNames(
  store: Store,
  project: string,
): CompiledQuery<{ name: string; group_id: string; operation: string }> {
  return store.db
    .selectFrom('actions')
    .select(['name', 'group_id', 'operation'])
    .where('project', '=', project)
    .orderBy('name')
    .compile();
}

const actionById = perStore((store) =>
  compileOnce({ project: '', id: '' }, (p) =>
    actionRows(store)
      .where('actions.project', '=', p.project)
      .where((e) => e.or([e('actions.id', '=', p.id), e('actions.name', '=', p.id)]))
      .orderBy((e) => e.case().when('actions.id', '=', p.id).then(0).else(1).end())
      .limit(1),
  ),
);

const actionByName = perStore((store) =>
  compileOnce({ project: '', name: '' }, (p) =>
    actionRows(store).where('actions.project', '=', p.project).where('actions.name', '=', p.name),
  ),
);

/** By id or by name in the project; an id wins where a name looks like one. */
export function selectAction(store: Store, project: string, reference: string): CompiledQuery<ActionRow> {
  return idSchema.safeParse(reference).success
    ? actionById(store)({ project, id: reference })
    : actionByName(store)({ project, name: reference });
}

/** What agents that may work advertise in a group, those online first, the newest first. */
export function selectAdvertised(
  store: Store,
  of: { readonly group: string; readonly operation?: string },
): CompiledQuery<AdvertisedRow> {
  let query = store.db
    .selectFrom('definitions')
    .innerJoin('agents', 'agents.id', 'definitions.agent')
    .selectAll('definitions')
    .select(
      sql<number>`case when agents.connected_at is not null and agents.disconnected_at is null then 1 else 0 end`.as(
        'online',
      ),
    )
    .where('definitions.group_id', '=', of.group)
    .where('agents.status', '=', 'active');
  if (of.operation !== undefined) query = query.where('definitions.operation', '=', of.operation);
  return query.orderBy('online', 'desc').orderBy('definitions.advertised_at', 'desc').compile();
}

export function insertAction(
  store: Store,
  action: Omit<ActionsTable, 'sequence' | 'created_at' | 'revision'>,
): Step {
  return step(
    store.db
      .insertInto('actions')
      .values({ ...action, sequence: 0, created_at: nowMs(store.engine), revision: 1 }),
  );
}

export function updateAction(
  store: Store,
  action: Pick<
    ActionsTable,
    'id' | 'description' | 'group_id' | 'operation' | 'expires_in_ms' | 'priority' | 'revision'
  >,
): Step {
  const { id, revision, ...columns } = action;
  return step(
    store.db
      .updateTable('actions')
      .set({ ...columns, revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision),
    { name: 'revision', exactly: 1 },
  );
}

/** Deletes it and the variables of its scope; its runs stay, with the name that it had. */
export function deleteAction(store: Store, id: string): readonly Step[] {
  return [
    step(store.db.deleteFrom('variables').where('action', '=', id)),
    step(store.db.deleteFrom('actions').where('id', '=', id), { name: 'action', exactly: 1 }),
  ];
}
