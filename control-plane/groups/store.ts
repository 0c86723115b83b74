// The SQL of groups, and of the definitions that a person accepted in a pinned one.
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { GroupsTable } from '../store/schema.ts';
import { compileOnce, perStore, step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

export interface GroupRow extends GroupsTable {
  agents_total: number;
  agents_online: number;
  queued: number;
}

function groupRows(store: Store) {
  return store.db
    .selectFrom('groups')
    .selectAll('groups')
    .select((e) => [
      e
        .selectFrom('agent_groups')
        .innerJoin('agents', 'agents.id', 'agent_groups.agent')
        .whereRef('agent_groups.group_id', '=', 'groups.id')
        .where('agents.status', '!=', 'revoked')
        .select((f) => f.fn.countAll<number>().as('n'))
        .as('agents_total'),
      e
        .selectFrom('agent_groups')
        .innerJoin('agents', 'agents.id', 'agent_groups.agent')
        .whereRef('agent_groups.group_id', '=', 'groups.id')
        .where('agents.status', '=', 'active')
        .where('agents.connected_at', 'is not', null)
        .where('agents.disconnected_at', 'is', null)
        .select((f) => f.fn.countAll<number>().as('n'))
        .as('agents_online'),
      e
        .selectFrom('runs')
        .whereRef('runs.group_id', '=', 'groups.id')
        .where('runs.state', '=', sql.lit('queued'))
        .select((f) => f.fn.countAll<number>().as('n'))
        .as('queued'),
    ]);
}

export function selectGroups(
  store: Store,
  page: { readonly project: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<GroupRow> {
  let query = groupRows(store).where('groups.project', '=', page.project);
  if (page.after !== null) query = query.where('groups.id', '<', page.after);
  const ordered = query.orderBy('groups.id', 'desc').limit(page.limit + 1);
  return ordered.compile() as CompiledQuery<GroupRow>;
}

/** By id or by name in the project; an id wins where a name looks like one. */
export function selectGroup(store: Store, project: string, reference: string): CompiledQuery<GroupRow> {
  return groupRows(store)
    .where('groups.project', '=', project)
    .where((e) => e.or([e('groups.id', '=', reference), e('groups.name', '=', reference)]))
    .orderBy((e) => e.case().when('groups.id', '=', reference).then(0).else(1).end())
    .limit(1)
    .compile() as CompiledQuery<GroupRow>;
}

const groupNamed = perStore((store) =>
  compileOnce({ project: '', reference: '' }, (p) =>
    store.db
      .selectFrom('groups')
      .select(['id', 'name'])
      .where('project', '=', p.project)
      .where((e) => e.or([e('id', '=', p.reference), e('name', '=', p.reference)]))
      .orderBy((e) => e.case().when('id', '=', p.reference).then(0).else(1).end())
      .limit(1),
  ),
);

/** Only who it is, for a request that has to be decided first. */
export function selectGroupNamed(
  store: Store,
  project: string,
  reference: string,
): CompiledQuery<{ id: string; name: string }> {
  return groupNamed(store)({ project, reference });
}

/** The first of these inputs that was ever advertised as sensitive, in one group or operation or in whole projects. */
export function selectSensitiveAmong(
  store: Store,
  among: {
    readonly inputs: readonly string[];
    readonly projects: readonly string[];
    readonly group: string | null;
    readonly operation: string | null;
  },
): CompiledQuery<{ input: string }> {
  let query = store.db
    .selectFrom('sensitive_inputs')
    .innerJoin('groups', 'groups.id', 'sensitive_inputs.group_id')
    .select('sensitive_inputs.input')
    .where('sensitive_inputs.input', 'in', [...among.inputs])
    .where('groups.project', 'in', [...among.projects]);
  if (among.group !== null) query = query.where('sensitive_inputs.group_id', '=', among.group);
  if (among.operation !== null) query = query.where('sensitive_inputs.operation', '=', among.operation);
  return query.limit(1).compile();
}

export function insertGroup(
  store: Store,
  group: Pick<GroupsTable, 'id' | 'project' | 'name' | 'description' | 'production' | 'pinned'>,
): Step {
  return step(
    store.db.insertInto('groups').values({ ...group, turn: 0, created_at: nowMs(store.engine), revision: 1 }),
  );
}

export function updateGroup(
  store: Store,
  group: Pick<GroupsTable, 'id' | 'description' | 'production' | 'pinned' | 'revision'>,
): Step {
  const { id, revision, ...columns } = group;
  return step(
    store.db
      .updateTable('groups')
      .set({ ...columns, revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision),
    { name: 'revision', exactly: 1 },
  );
}

export function deleteGroup(store: Store, id: string): Step {
  return step(store.db.deleteFrom('groups').where('id', '=', id), { name: 'group', exactly: 1 });
}

/** What keeps a group from being deleted. */
export function selectGroupDependents(
  store: Store,
  id: string,
): CompiledQuery<{ actions: number; runs: number; agents: number }> {
  return store.db
    .selectNoFrom((e) => [
      e
        .selectFrom('actions')
        .select((f) => f.fn.countAll<number>().as('n'))
        .where('group_id', '=', id)
        .as('actions'),
      e
        .selectFrom('runs')
        .select((f) => f.fn.countAll<number>().as('n'))
        .where('group_id', '=', id)
        .as('runs'),
      e
        .selectFrom('agent_groups')
        .innerJoin('agents', 'agents.id', 'agent_groups.agent')
        .select((f) => f.fn.countAll<number>().as('n'))
        .where('agent_groups.group_id', '=', id)
        .where('agents.status', '!=', 'revoked')
        .as('agents'),
    ])
    .compile() as unknown as CompiledQuery<{ actions: number; runs: number; agents: number }>;
}

export function insertAcceptedDefinition(
  store: Store,
  accepted: {
    readonly group: string;
    readonly operation: string;
    readonly digest: string;
    readonly by: string;
  },
): Step {
  return step(
    store.db
      .insertInto('accepted_definitions')
      .values({
        group_id: accepted.group,
        operation: accepted.operation,
        digest: accepted.digest,
        accepted_by: accepted.by,
        accepted_at: nowMs(store.engine),
      })
      .onConflict((conflict) => conflict.doNothing()),
  );
}
