// What conditions of bindings may see of the inputs of a run: those that are not sensitive.
import type { KnownInputs } from '../authority/conditions.ts';
import { parseJson } from '../../protocol/json.ts';
import type { RunParts } from './parts.ts';
import { visibleInputsSchema } from './stored-inputs.ts';
import type { ResolvedInput, StoredInputs } from './stored-inputs.ts';

export function clearInputs(inputs: readonly ResolvedInput[]): KnownInputs {
  return new Map(inputs.filter(({ sensitive }) => !sensitive).map(({ name, value }) => [name, value]));
}

/** The same of a run that is stored. */
export function storedInputsOf(run: Pick<StoredInputs, 'visible_inputs'>): KnownInputs {
  const visible = visibleInputsSchema.parse(parseJson(run.visible_inputs));
  return new Map(
    Object.entries(visible).flatMap(([name, input]) =>
      'value' in input ? [[name, input.value] as const] : [],
    ),
  );
}

/** The same by the id of a run; null where there is none. */
export async function inputsOfRun(
  parts: Pick<RunParts, 'store' | 'reads'>,
  run: string,
): Promise<KnownInputs | null> {
  const [row] = await parts.store.read(parts.reads.run({ run }));
  return row === undefined ? null : storedInputsOf(row);
}
