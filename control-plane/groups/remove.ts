// Deletes a group that nothing points to.
import { Failure } from '../../protocol/failures.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { deleteGroup, selectGroupDependents } from './store.ts';
import type { GroupRow } from './store.ts';

/** Throws `in_use` with what still points to it. */
export async function removeGroup(deps: ChangeDeps, context: ChangeContext, group: GroupRow): Promise<void> {
  const [dependents] = await deps.store.read(selectGroupDependents(deps.store, group.id));
  const left = Object.entries(dependents ?? {}).filter(([, count]) => count > 0);
  if (left.length > 0) {
    const list = left.map(([name, count]) => `${count} ${name}`).join(', ');
    throw new Failure('in_use', `The group ${group.name} still has ${list}. Remove those first.`);
  }
  await commitChange(deps, context, {
    operation: 'group.delete',
    resource: `projects/${group.project}/groups/${group.id}`,
    details: { before: { name: group.name } },
    steps: [deleteGroup(deps.store, group.id)],
  });
}
