// Where runs and actions are in the tree of the authority: an action belongs to its group, a run to both, so that a
// binding on either of them reaches it.
import type { ResourcePath } from '../authority/level.ts';

interface Placed {
  readonly organization: string;
  readonly project: string;
  readonly action: string;
  readonly group_id: string;
}

export function actionResource({ organization, project, action, group_id: group }: Placed): ResourcePath {
  return { organization, project, thing: `actions/${action}`, above: [`groups/${group}`] };
}

export function runResourceOf(run: Placed & { readonly id: string }): ResourcePath {
  const { organization, project, action, group_id: group, id } = run;
  return { organization, project, thing: `runs/${id}`, above: [`groups/${group}`, `actions/${action}`] };
}
