// The inputs of a command: plain ones from its words, sensitive ones from files or standard input.
import type { JsonValue } from '../protocol/json.ts';
import { readSecret } from './ask.ts';
import type { Surroundings } from './cli.ts';
import { addSecretInput, parseInputs, splitPair } from './inputs.ts';

/** `input` are `name=value`, `secret` are `name=file`. Throws `invalid_configuration` and `invalid_inputs`. */
export async function readInputs(
  surroundings: Surroundings,
  given: { readonly input: readonly string[]; readonly secret: readonly string[] },
  schema: Parameters<typeof parseInputs>[1],
): Promise<Readonly<Record<string, JsonValue>>> {
  const inputs = parseInputs(given.input, schema);
  for (const pair of given.secret) {
    const { name, rest: file } = splitPair(pair, '--secret takes name=file, or name=- for standard input');
    addSecretInput(inputs, name, await readSecret(surroundings, { file, prompt: `Input ${name}` }), schema);
  }
  return inputs;
}
