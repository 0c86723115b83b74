// Makes a button of everything that a group's agents advertise and that has none yet.
import { randomUUIDv7 } from 'node:crypto';
import { runExpiresMsDefault } from '../../protocol/limits.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import type { GroupRow } from '../groups/store.ts';
import type { Store } from '../store/store.ts';
import { readAction } from './read.ts';
import { insertAction, selectActions, selectAdvertised } from './store.ts';
import type { ActionRow } from './store.ts';

/** Named as its operation, or `<group>.<operation>` where that is taken; what has a button already is kept. */
export async function publishAll(
  deps: ChangeDeps,
  context: ChangeContext,
  group: GroupRow,
): Promise<{ readonly created: readonly ActionRow[]; readonly kept: readonly string[] }> {
  const { project } = group;
  const existing = await readAllActions(deps.store, project);
  const advertised = await deps.store.read(selectAdvertised(deps.store, group.id));
  const offered = new Map(
    existing.filter((row) => row.group_id === group.id).map((row) => [row.operation, row.name]),
  );
  const taken = new Set(existing.map((row) => row.name));
  const fresh = [];
  for (const { operation, description } of advertised) {
    if (offered.has(operation)) continue;
    const name = taken.has(operation) ? `${group.name}.${operation}` : operation;
    if (taken.has(name)) continue;
    taken.add(name);
    offered.set(operation, name);
    fresh.push({ id: randomUUIDv7(), name, operation, description });
  }
  if (fresh.length > 0) {
    await commitChange(deps, context, {
      operation: 'action.publish_all',
      resource: `projects/${project}/groups/${group.id}`,
      details: { after: fresh.map(({ name, operation }) => ({ name, operation })) },
      steps: fresh.map((action) =>
        insertAction(deps.store, {
          ...action,
          project,
          group_id: group.id,
          expires_in_ms: runExpiresMsDefault,
          priority: 0,
        }),
      ),
    });
  }
  const created = await Promise.all(fresh.map(({ id }) => readAction(deps.store, project, id)));
  return { created, kept: existing.filter((row) => row.group_id === group.id).map((row) => row.name) };
}

async function readAllActions(store: Store, project: string): Promise<readonly ActionRow[]> {
  return store.read(selectActions(store, { project, after: null, limit: Number.MAX_SAFE_INTEGER - 1 }));
}
