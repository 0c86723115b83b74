// What bindings can be made on inside of a project, as the authority asks for it: actions and groups by id or name, and
// which inputs of their operations are secret.
import type { CompiledQuery } from 'kysely';
import { readAction } from './actions/read.ts';
import type { Located, Things } from './authority/things.ts';
import { Failure } from '../protocol/failures.ts';
import { selectGroupNamed, selectSensitiveAmong } from './groups/store.ts';
import type { Store } from './store/store.ts';

export function knownThings(store: Store): Things {
  return {
    async locate(kind, at) {
      if (kind === 'actions') return located(() => actionAt(store, at));
      if (kind === 'groups') return groupAt(store, at);
      // There are no applications yet, so no binding can be made on one.
      return null;
    },
    async sensitiveAmong(inputs, { projects, thing }) {
      // A folder may be empty; not every database knows an empty list.
      if (projects.length === 0) return null;
      const [kind, id = ''] = thing?.split('/') ?? [];
      const action = kind === 'actions' ? await readAction(store, projects[0] ?? '', id) : null;
      const group = kind === 'groups' ? id : (action?.group_id ?? null);
      const [row] = await store.read(
        selectSensitiveAmong(store, { inputs, projects, group, operation: action?.operation ?? null }),
      );
      return row?.input ?? null;
    },
  };
}

async function located(find: () => Promise<Located>): Promise<Located | null> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof Failure && error.code === 'not_found') return null;
    throw error;
  }
}

async function actionAt(
  store: Store,
  { project, reference }: { readonly project: string; readonly reference: string },
): Promise<Located> {
  const { id, name, group_id: group } = await readAction(store, project, reference);
  return { thing: `actions/${id}`, above: [`groups/${group}`], name };
}

async function groupAt(
  store: Store,
  { project, reference }: { readonly project: string; readonly reference: string },
): Promise<Located | null> {
  const query: CompiledQuery = selectGroupNamed(store, project, reference);
  const [rows] = await store.glance([query]);
  const [row] = (rows ?? []) as unknown as readonly { id: string; name: string }[];
  return row === undefined ? null : { thing: `groups/${row.id}`, above: [], name: row.name };
}
