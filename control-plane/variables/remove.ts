// Deletes a variable, and with it every place that it was bound to.
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { deleteVariable } from './store.ts';
import type { VariableRow } from './store.ts';

/** Throws GuardFailed where it is no longer what was read. */
export async function removeVariable(
  deps: ChangeDeps,
  context: ChangeContext,
  row: VariableRow,
): Promise<void> {
  await commitChange(deps, context, {
    operation: 'variable.delete',
    resource: `projects/${row.project}/variables/${row.id}`,
    details: { before: { name: row.name, sensitive: row.sensitive === 1 } },
    steps: [deleteVariable(deps.store, row)],
  });
}
