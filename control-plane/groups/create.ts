// Creates a group: a name that agents join and that actions point to.
import { randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';
import type { groupCreateSchema } from '../../protocol/api/operations.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { readGroup } from './read.ts';
import { insertGroup } from './store.ts';
import type { GroupRow } from './store.ts';

/** Throws `name_taken`. */
export async function createGroup(
  deps: ChangeDeps,
  context: ChangeContext & { readonly project: { readonly id: string } },
  body: z.output<typeof groupCreateSchema>,
): Promise<GroupRow> {
  const id = randomUUIDv7();
  await commitChange(deps, context, {
    operation: 'group.create',
    resource: `projects/${context.project.id}/groups/${id}`,
    details: { after: body },
    steps: [
      insertGroup(deps.store, {
        id,
        project: context.project.id,
        name: body.name,
        description: body.description,
        production: body.production ? 1 : 0,
        pinned: body.pinned ? 1 : 0,
      }),
    ],
  });
  return readGroup(deps.store, context.project.id, id);
}
