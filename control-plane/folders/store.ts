// The SQL of folders.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { FoldersTable } from '../store/schema.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

export function selectFolders(
  store: Store,
  page: { readonly organization: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<FoldersTable> {
  let query = store.db.selectFrom('folders').selectAll().where('organization', '=', page.organization);
  if (page.after !== null) query = query.where('id', '<', page.after);
  return query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function selectFolder(store: Store, id: string): CompiledQuery<FoldersTable> {
  return store.db.selectFrom('folders').selectAll().where('id', '=', id).compile();
}

export function insertFolder(
  store: Store,
  folder: Pick<FoldersTable, 'id' | 'organization' | 'parent' | 'name' | 'description'>,
): Step {
  return step(
    store.db.insertInto('folders').values({ ...folder, created_at: nowMs(store.engine), revision: 1 }),
  );
}

/** What the row says afterwards; only where it is still of that revision. */
export function updateFolder(
  store: Store,
  folder: Pick<FoldersTable, 'id' | 'parent' | 'description' | 'revision'>,
): Step {
  const { id, revision, ...columns } = folder;
  return step(
    store.db
      .updateTable('folders')
      .set({ ...columns, revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision),
    { name: 'revision', exactly: 1 },
  );
}

export function deleteFolder(store: Store, id: string): Step {
  return step(store.db.deleteFrom('folders').where('id', '=', id), { name: 'folder', exactly: 1 });
}
