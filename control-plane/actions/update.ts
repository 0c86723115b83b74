// Changes where a button points and what it says. Its name stays: links and scripts carry it.
import type { z } from 'zod';
import type { actionUpdateSchema } from '../../protocol/api/operations.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { readGroup } from '../groups/read.ts';
import { readAction } from './read.ts';
import { updateAction } from './store.ts';
import type { ActionRow } from './store.ts';

export async function changeAction(
  deps: ChangeDeps,
  context: ChangeContext,
  change: { readonly before: ActionRow; readonly body: z.output<typeof actionUpdateSchema> },
): Promise<ActionRow> {
  const { before, body } = change;
  const group =
    body.group === undefined
      ? { id: before.group_id, name: before.group_name }
      : await readGroup(deps.store, before.project, body.group);
  const after = {
    description: body.description ?? before.description,
    group_id: group.id,
    operation: body.operation ?? before.operation,
    expires_in_ms: body.expires_in_ms ?? before.expires_in_ms,
    priority: body.priority ?? before.priority,
  };
  const { description, group_id, operation, expires_in_ms, priority } = before;
  await commitChange(deps, context, {
    operation: 'action.update',
    resource: `projects/${before.project}/actions/${before.id}`,
    details: { before: { description, group_id, operation, expires_in_ms, priority }, after },
    steps: [updateAction(deps.store, { id: before.id, revision: before.revision, ...after })],
  });
  return readAction(deps.store, before.project, before.id);
}
