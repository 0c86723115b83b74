// Creates a project; whoever may create one in the organization already has rights on all of them.
import { randomUUIDv7 } from 'node:crypto';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import type { Authority } from '../authority/authority.ts';
import { bumpPolicy } from '../authority/store.ts';
import type { ProjectsTable } from '../store/schema.ts';
import { insertProject, selectProject } from './store.ts';

/** Throws `name_taken`. */
export async function createProject(
  deps: ChangeDeps & { readonly authority: Authority },
  context: ChangeContext,
  body: { readonly name: string; readonly description: string; readonly folder: string | null },
): Promise<ProjectsTable> {
  const id = randomUUIDv7();
  const { organization } = context.caller.principal;
  await commitChange(deps, context, {
    operation: 'project.create',
    resource: `projects/${id}`,
    details: { after: body },
    steps: [
      newProject(deps.store, { id, organization, ...body }),
      bumpPolicy(deps.store, deps.authority.policy()),
    ],
  });
  await deps.authority.reload();
  const [row] = await deps.store.read(selectProject(deps.store, id));
  if (row === undefined) throw new Error('the project that was just created is not there');
  return row;
}

/** The step that makes one; also for the first start, which has nobody who could ask. */
export const newProject = insertProject;
