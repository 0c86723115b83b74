// Changes what a project says of itself and what it keeps. Its name stays: certificates, links and scripts carry it.
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import type { ProjectsTable } from '../store/schema.ts';
import { changeableColumns, selectProject, updateProject } from './store.ts';
import type { ChangeableColumn } from './store.ts';

type Changeable = Pick<ProjectsTable, ChangeableColumn>;

/** Members that are left out stay. Throws GuardFailed where somebody else changed it meanwhile. */
export async function changeProject(
  deps: ChangeDeps,
  context: ChangeContext,
  change: {
    readonly before: ProjectsTable;
    readonly body: { readonly [Name in keyof Changeable]?: Changeable[Name] | undefined };
  },
): Promise<ProjectsTable> {
  const { id, revision } = change.before;
  const before = changeableOf(change.before);
  const said = Object.fromEntries(Object.entries(change.body).filter(([, value]) => value !== undefined));
  const after: Changeable = { ...before, ...said };
  await commitChange(deps, context, {
    operation: 'project.update',
    resource: `projects/${id}`,
    details: { before, after },
    steps: [updateProject(deps.store, { id, revision, ...after })],
  });
  const [row] = await deps.store.read(selectProject(deps.store, id));
  return row ?? change.before;
}

function changeableOf(row: ProjectsTable): Changeable {
  return Object.fromEntries(changeableColumns.map((name) => [name, row[name]])) as Changeable;
}
