// Deletes an action. Its runs stay in the record, with the name that it had.
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { deleteAction } from './store.ts';
import type { ActionRow } from './store.ts';

export async function removeAction(
  deps: ChangeDeps,
  context: ChangeContext,
  action: ActionRow,
): Promise<void> {
  await commitChange(deps, context, {
    operation: 'action.delete',
    resource: `projects/${action.project}/actions/${action.id}`,
    details: { before: { name: action.name, group: action.group_name, operation: action.operation } },
    steps: deleteAction(deps.store, action.id),
  });
}
