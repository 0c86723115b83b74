// The inputs of a run as they lie in its row: clear values in one column, sensitive ones with their salts in an
// envelope in another.
import { z } from 'zod';
import { parseJson, stringifyJson } from '../../protocol/json.ts';
import type { JsonValue } from '../../protocol/json.ts';
import type { IntentInput } from '../../protocol/intent.ts';
import { jsonValueSchema } from '../../protocol/outcome.ts';
import type { SealedCell } from '../secrets/seal-at-rest.ts';
import type { RunsDeps } from './contract.ts';

/** One input that was decided on. */
export interface ResolvedInput {
  readonly name: string;
  readonly value: JsonValue;
  readonly sensitive: boolean;
}

export const visibleInputsSchema = z.record(
  z.string(),
  z.union([z.object({ sensitive: z.literal(true) }), z.object({ value: jsonValueSchema })]),
);
const sealedSchema = z.record(z.string(), z.object({ value: jsonValueSchema, salt: z.string() }));

export interface StoredInputs {
  readonly visible_inputs: string;
  readonly envelope: string | null;
}

/** What is written, and what the intent commits to: the same salts in both. */
export interface PreparedInputs extends StoredInputs {
  readonly intent: Readonly<Record<string, IntentInput>>;
}

type Sealing = Pick<RunsDeps, 'secrets' | 'random'>;

/** Seals the sensitive ones for one cell. Object.fromEntries, because names come from people. */
export async function prepareInputs(
  deps: Sealing,
  inputs: readonly ResolvedInput[],
  cell: SealedCell,
): Promise<PreparedInputs> {
  const intent = inputs.map(({ name, value, sensitive }): [string, IntentInput] => [
    name,
    sensitive ? { value, salt: deps.random.salt() } : { value },
  ]);
  const visible = inputs.map(({ name, value, sensitive }) => [
    name,
    sensitive ? { sensitive: true } : { value },
  ]);
  const sealed = intent.filter(([, input]) => input.salt !== undefined);
  return {
    visible_inputs: stringifyJson(Object.fromEntries(visible)),
    envelope:
      sealed.length === 0
        ? null
        : await deps.secrets.sealAtRest(stringifyJson(Object.fromEntries(sealed)), cell),
    intent: Object.fromEntries(intent),
  };
}

/** Opens what `prepareInputs` wrote. Throws `envelope_rejected` or `keyring_unusable`. */
export async function openStoredInputs(
  deps: Pick<RunsDeps, 'secrets'>,
  stored: StoredInputs,
  cell: SealedCell,
): Promise<Readonly<Record<string, IntentInput>>> {
  const visible = visibleInputsSchema.parse(parseJson(stored.visible_inputs));
  const clear = Object.entries(visible).flatMap(([name, input]): [string, IntentInput][] =>
    'value' in input ? [[name, { value: input.value }]] : [],
  );
  if (stored.envelope === null) return Object.fromEntries(clear);
  const sealed = sealedSchema.parse(parseJson(await deps.secrets.openTextAtRest(stored.envelope, cell)));
  return Object.fromEntries([...clear, ...Object.entries(sealed)]);
}

export function runCell(run: {
  readonly id: string;
  readonly organization: string;
  readonly project: string;
}): SealedCell {
  const { organization, project, id } = run;
  return { table: 'runs', organization, project, row: id, column: 'envelope' };
}
