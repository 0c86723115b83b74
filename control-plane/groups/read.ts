// Finds one group by id or name.
import { Failure } from '../../protocol/failures.ts';
import type { Store } from '../store/store.ts';
import { selectGroup } from './store.ts';
import type { GroupRow } from './store.ts';

/** Throws `not_found` with what to do. */
export async function readGroup(store: Store, project: string, reference: string): Promise<GroupRow> {
  const [row] = await store.read(selectGroup(store, project, reference));
  if (row === undefined) {
    throw new Failure(
      'not_found',
      `There is no group ${reference} in this project; \`wayside group list\` shows them.`,
    );
  }
  return row;
}
