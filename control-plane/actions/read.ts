// Finds one action by id or name, and the definition that a request for it would be checked against now.
import { Failure } from '../../protocol/failures.ts';
import type { Store } from '../store/store.ts';
import { selectAction, selectAdvertised } from './store.ts';
import type { ActionRow, AdvertisedRow } from './store.ts';

/** Throws `not_found` with what to do. */
export async function readAction(store: Store, project: string, reference: string): Promise<ActionRow> {
  const [row] = await store.read(selectAction(store, project, reference));
  if (row === undefined) {
    throw new Failure(
      'not_found',
      `There is no action ${reference} in this project; \`wayside action list\` shows them.`,
    );
  }
  return row;
}

export interface CurrentDefinition {
  readonly row: AdvertisedRow;
  readonly agentsOnline: number;
}

/** The newest definition of an online agent; with none online the last advertised one counts. */
export async function currentDefinition(
  store: Store,
  action: { readonly group_id: string; readonly operation: string },
): Promise<CurrentDefinition | null> {
  const advertised = await store.read(selectAdvertised(store, action.group_id));
  const rows = advertised.filter((row) => row.operation === action.operation);
  const row = rows[0];
  if (row === undefined) return null;
  return { row, agentsOnline: rows.filter((candidate) => candidate.online === 1).length };
}
