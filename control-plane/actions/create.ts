// Creates an action: a button that points to a group of its own project and an operation there.
import { randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';
import type { actionCreateSchema } from '../../protocol/api/operations.ts';
import { runExpiresMsDefault } from '../../protocol/limits.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { readGroup } from '../groups/read.ts';
import { readAction } from './read.ts';
import { insertAction } from './store.ts';
import type { ActionRow } from './store.ts';

/** Throws `not_found` (the group) and `name_taken`. The operation need not be advertised yet. */
export async function createAction(
  deps: ChangeDeps,
  context: ChangeContext & { readonly project: { readonly id: string } },
  body: z.output<typeof actionCreateSchema>,
): Promise<ActionRow> {
  const project = context.project.id;
  const group = await readGroup(deps.store, project, body.group);
  const id = randomUUIDv7();
  await commitChange(deps, context, {
    operation: 'action.create',
    resource: `projects/${project}/actions/${id}`,
    details: { after: { name: body.name, group: group.name, operation: body.operation } },
    steps: [
      insertAction(deps.store, {
        id,
        project,
        name: body.name,
        description: body.description,
        group_id: group.id,
        operation: body.operation,
        expires_in_ms: body.expires_in_ms ?? runExpiresMsDefault,
        priority: body.priority,
      }),
    ],
  });
  return readAction(deps.store, project, id);
}
