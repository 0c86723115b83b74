// Deletes a project, once nothing hangs on it any more: runs are a record, and a record is not dropped by the way.
import { Failure } from '../../protocol/failures.ts';
import { forgetJoinTokens } from '../agents/forget-join-tokens.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import type { Authority } from '../authority/authority.ts';
import type { ProjectRecord } from '../authority/policy.ts';
import { bumpPolicy } from '../authority/store.ts';
import { deleteProject, selectDependents } from './store.ts';

/** Throws `in_use` with what still hangs on it. */
export async function removeProject(
  deps: ChangeDeps & { readonly authority: Authority },
  context: ChangeContext,
  project: ProjectRecord,
): Promise<void> {
  const [dependents] = await deps.store.read(selectDependents(deps.store, project.id));
  const left = Object.entries(dependents ?? {}).filter(([, count]) => count > 0);
  if (left.length > 0) {
    const list = left.map(([name, count]) => `${count} ${name}`).join(', ');
    throw new Failure(
      'in_use',
      `The project ${project.name} still has ${list}. Delete those first; agents and runs are a record and stay.`,
    );
  }
  await commitChange(deps, context, {
    operation: 'project.delete',
    resource: `projects/${project.id}`,
    details: { before: { name: project.name } },
    steps: [
      forgetJoinTokens(deps.store, project.id),
      deleteProject(deps.store, project.id),
      bumpPolicy(deps.store, deps.authority.policy()),
    ],
  });
  await deps.authority.reload();
}
