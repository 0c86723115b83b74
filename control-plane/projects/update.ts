// Changes what a project says of itself. Its name stays: certificates, links and scripts carry it.
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import type { ProjectsTable } from '../store/schema.ts';
import { selectProject, updateProject } from './store.ts';

export async function updateProjectDescription(
  deps: ChangeDeps,
  context: ChangeContext,
  change: { readonly before: ProjectsTable; readonly description?: string | undefined },
): Promise<ProjectsTable> {
  const { before } = change;
  const description = change.description ?? before.description;
  await commitChange(deps, context, {
    operation: 'project.update',
    resource: `projects/${before.id}`,
    details: { before: { description: before.description }, after: { description } },
    steps: [updateProject(deps.store, { id: before.id, description, revision: before.revision })],
  });
  const [row] = await deps.store.read(selectProject(deps.store, before.id));
  return row ?? before;
}
