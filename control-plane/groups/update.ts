// Changes a group's description and its rules for joining and for new definitions.
import type { z } from 'zod';
import type { groupUpdateSchema } from '../../protocol/api/operations.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { readGroup } from './read.ts';
import { updateGroup } from './store.ts';
import type { GroupRow } from './store.ts';

export async function changeGroup(
  deps: ChangeDeps,
  context: ChangeContext,
  change: { readonly before: GroupRow; readonly body: z.output<typeof groupUpdateSchema> },
): Promise<GroupRow> {
  const { before, body } = change;
  const after = {
    description: body.description ?? before.description,
    production: body.production === undefined ? before.production : Number(body.production),
    pinned: body.pinned === undefined ? before.pinned : Number(body.pinned),
  };
  const { description, production, pinned } = before;
  await commitChange(deps, context, {
    operation: 'group.update',
    resource: `projects/${before.project}/groups/${before.id}`,
    details: { before: { description, production, pinned }, after },
    steps: [updateGroup(deps.store, { id: before.id, revision: before.revision, ...after })],
  });
  return readGroup(deps.store, before.project, before.id);
}
