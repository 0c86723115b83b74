// The inputs of a schedule: checked as a press would check them, and kept as a run keeps them, sensitive ones sealed.
import type { JsonValue } from '../../protocol/json.ts';
import { parseJson } from '../../protocol/json.ts';
import type { RunParts } from '../runs/parts.ts';
import { decideInputs } from '../runs/request.ts';
import type { PressedAction } from '../runs/request.ts';
import { openStoredInputs, prepareInputs, visibleInputsSchema } from '../runs/stored-inputs.ts';
import type { SealedCell } from '../secrets/seal-at-rest.ts';
import type { SchedulesTable } from '../store/schema.ts';

type Place = Pick<SchedulesTable, 'id' | 'project'> & { readonly organization: string };

/**
 * What is stored of the inputs that are given; what stored variables fill is looked up at each fire time. Throws what
 * a press of the action with these inputs would throw now.
 */
export async function sealInputs(
  parts: RunParts,
  schedule: Place & { readonly action: PressedAction },
  given: Readonly<Record<string, JsonValue>>,
): Promise<Pick<SchedulesTable, 'inputs' | 'envelope'>> {
  const { organization, action } = schedule;
  const names = new Set(Object.keys(given));
  const { inputs } = await decideInputs(parts, {
    action,
    body: { inputs: given, priority: 0 },
    actor: { entry: { organization } },
  });
  const { visible_inputs, envelope } = await prepareInputs(
    parts,
    inputs.filter(({ name }) => names.has(name)),
    scheduleCell(schedule),
  );
  return { inputs: visible_inputs, envelope };
}

/** Throws `envelope_rejected` or `keyring_unusable`. */
export async function openInputs(
  parts: RunParts,
  row: Place & Pick<SchedulesTable, 'inputs' | 'envelope'>,
): Promise<Readonly<Record<string, JsonValue>>> {
  const stored = { visible_inputs: row.inputs, envelope: row.envelope };
  const opened = await openStoredInputs(parts, stored, scheduleCell(row));
  return Object.fromEntries(Object.entries(opened).map(([name, { value }]) => [name, value]));
}

/** As the API shows them, without what is sealed. */
export function visibleInputs(row: Pick<SchedulesTable, 'inputs'>) {
  return visibleInputsSchema.parse(parseJson(row.inputs));
}

export function sealedNames(row: Pick<SchedulesTable, 'inputs'>): ReadonlySet<string> {
  const inputs = Object.entries(visibleInputs(row));
  return new Set(inputs.filter(([, input]) => 'sensitive' in input).map(([name]) => name));
}

function scheduleCell({ id, organization, project }: Place): SealedCell {
  return { table: 'schedules', organization, project, row: id, column: 'envelope' };
}
