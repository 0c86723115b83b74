// Finds one action by id or name, and the definition that a request for it would be checked against now.
import { Failure } from '../../protocol/failures.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { selectAction, selectAdvertised } from './store.ts';
import type { ActionRow, AdvertisedRow } from './store.ts';

/** Throws `not_found` with what to do. */
export async function readAction(store: Store, project: string, reference: string): Promise<ActionRow> {
  const [rows] = await store.glance([selectAction(store, project, reference)]);
  const [row] = (rows ?? []) as unknown as readonly ActionRow[];
  if (row === undefined) {
    throw new Failure(
      'not_found',
      `There is no action ${reference} in this project; \`wayside action list\` shows them.`,
    );
  }
  return row;
}

/** Belongs into a unit that relies on the action: fails where it was deleted meanwhile. */
export function actionGuard(store: Store, id: string): Step {
  return step(store.db.selectFrom('actions').select('id').where('id', '=', id), {
    name: 'action',
    exactly: 1,
  });
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
  const { group_id: group, operation } = action;
  const rows = await store.read(selectAdvertised(store, { group, operation }));
  return byOperation(rows).get(operation) ?? null;
}

/** The same for each operation that a group advertises. */
export async function definitionsOf(
  store: Store,
  group: string,
): Promise<ReadonlyMap<string, CurrentDefinition>> {
  return byOperation(await store.read(selectAdvertised(store, { group })));
}

function byOperation(rows: readonly AdvertisedRow[]): ReadonlyMap<string, CurrentDefinition> {
  const best = new Map<string, CurrentDefinition>();
  for (const row of rows) {
    const before = best.get(row.operation);
    best.set(row.operation, {
      row: before?.row ?? row,
      agentsOnline: (before?.agentsOnline ?? 0) + row.online,
    });
  }
  return best;
}
