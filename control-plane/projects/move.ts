// Moves a project into another folder. Other bindings reach it from the next decision on.
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { demandMove } from '../authority/demand-move.ts';
import { levelOfParent, projectLevel, resourceAt } from '../authority/level.ts';
import type { FolderRecord } from '../authority/policy.ts';
import { bumpPolicy } from '../authority/store.ts';
import { demand } from '../http/decide.ts';
import type { DecideDeps } from '../http/decide.ts';
import type { ProjectsTable } from '../store/schema.ts';
import { moveProject, selectProject } from './store.ts';

/**
 * The caller must be able to take it from where it is and to make one where it goes, and hold all that others would get
 * on it there. Throws `forbidden`.
 */
export async function moveProjectTo(
  deps: ChangeDeps & DecideDeps,
  context: ChangeContext,
  move: { readonly before: ProjectsTable; readonly folder: FolderRecord | null },
): Promise<ProjectsTable> {
  const { before } = move;
  const policy = deps.authority.policy();
  const folder = move.folder?.id ?? null;
  const from = levelOfParent(before.folder);
  const to = levelOfParent(folder);
  await demand(deps, context.request, {
    permission: 'wayside.project.move',
    resource: resourceAt(policy.organization.id, from),
    why: 'Moving a project takes it out of where it is.',
  });
  await demand(deps, context.request, {
    permission: 'wayside.project.create',
    resource: resourceAt(policy.organization.id, to),
    why: 'Moving a project is making one there.',
  });
  await demandMove(deps, context, { moved: projectLevel(before.id), from, to });
  await commitChange(deps, context, {
    operation: 'project.move',
    resource: `projects/${before.id}`,
    details: { before: { folder: before.folder }, after: { folder } },
    steps: [
      moveProject(deps.store, { id: before.id, folder, revision: before.revision }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  const [row] = await deps.store.read(selectProject(deps.store, before.id));
  return row ?? before;
}
