// A page of the projects that a caller may enter: the policy knows them all, so that a page is as long as was asked for
// whatever lies between.
import type { Authority } from '../authority/authority.ts';
import type { Decision } from '../authority/authorize.ts';
import type { Caller } from '../authority/caller.ts';
import type { ProjectsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { selectProjects } from './store.ts';

/** The newest first, and one more than `limit` where there is one. */
export async function listProjects(
  deps: { readonly store: Store; readonly authority: Authority },
  caller: Caller,
  page: { readonly after: string | null; readonly limit: number },
): Promise<readonly ProjectsTable[]> {
  const { store, authority } = deps;
  const { organization } = caller.principal;
  const older = [...authority.policy().projects.keys()]
    .filter((id) => page.after === null || id < page.after)
    .sort((a, b) => (a < b ? 1 : -1));
  const entered: string[] = [];
  for (const project of older) {
    const level = { organization, project, thing: null };
    if (mayEnter(authority.decide(caller, 'wayside.project.read', level))) entered.push(project);
    if (entered.length > page.limit) break;
  }
  return entered.length === 0 ? [] : store.read(selectProjects(store, entered));
}

/** Whoever may do something to a single thing in a project has to find it there. */
function mayEnter({ allowed, visible, reason }: Decision): boolean {
  return allowed || (visible && reason === 'no_binding');
}
