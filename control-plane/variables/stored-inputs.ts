// What stored variables may fill which inputs of one action: its own before the project's, and a sensitive one only
// where someone with permission on it bound it (rules.md 19).
import type { JsonValue } from '../../protocol/json.ts';
import { parseJson } from '../../protocol/json.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { VariablesTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { variableCell } from './cell.ts';
import { selectBoundTo, selectVariablesFor } from './store.ts';

export interface StoredInput {
  readonly value: JsonValue;
  readonly sensitive: boolean;
  readonly scope: 'action' | 'project';
}

/** By input name. Secrets are opened here and go nowhere but into the sealed inputs of the run. */
export async function storedInputs(
  deps: { readonly store: Store; readonly secrets: Pick<Secrets, 'openTextAtRest'> },
  action: { readonly organization: string; readonly project: string; readonly id: string },
): Promise<ReadonlyMap<string, StoredInput>> {
  const [variables, bound] = (await deps.store.glance([
    selectVariablesFor(deps.store, { project: action.project, action: action.id }),
    selectBoundTo(deps.store, action.id),
  ])) as unknown as [VariablesTable[], { variable: string; input: string }[]];
  const filled = new Map<string, StoredInput>();
  const projectFirst = [...variables].sort((a, b) => (a.action < b.action ? -1 : 1));
  for (const row of projectFirst) {
    const inputs = inputsOf(row, bound);
    if (inputs.length === 0) continue;
    const stored = {
      value: await valueOf(deps, action, row),
      sensitive: row.sensitive === 1,
      scope: scopeOf(row),
    };
    for (const input of inputs) filled.set(input, stored);
  }
  return filled;
}

/** An action's own variable goes to the input of its name; a sensitive one of the project only where it is bound. */
function inputsOf(
  row: VariablesTable,
  bound: readonly { variable: string; input: string }[],
): readonly string[] {
  const places = bound.filter(({ variable }) => variable === row.id).map(({ input }) => input);
  const free = row.sensitive === 0 || (row.action !== '' && places.length === 0);
  return free ? [row.name] : places;
}

function scopeOf(row: VariablesTable): StoredInput['scope'] {
  return row.action === '' ? 'project' : 'action';
}

async function valueOf(
  deps: { readonly secrets: Pick<Secrets, 'openTextAtRest'> },
  action: { readonly organization: string; readonly project: string },
  row: VariablesTable,
): Promise<JsonValue> {
  const { organization, project } = action;
  const text =
    row.envelope === null
      ? (row.value ?? 'null')
      : await deps.secrets.openTextAtRest(row.envelope, variableCell({ organization, project, id: row.id }));
  return parseJson(text) as JsonValue;
}
