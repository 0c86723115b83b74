// Where each input of a run gets its value (hcl.md, section 2): given for this run, else a stored variable, else the
// default, which stays with the agent. Pure; secrets come in opened and leave only as sensitive inputs.
import { checkInputs } from '../../hcl/agent-file/check-inputs.ts';
import { Failure } from '../../protocol/failures.ts';
import { stringifyJson } from '../../protocol/json.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { inputsBytesMax, secretCharactersMin } from '../../protocol/limits.ts';
import type { StoredInput } from '../variables/stored-inputs.ts';
import type { DefinitionChoice } from './choose-definition.ts';
import { parseInputSchema } from './input-schema.ts';
import type { InputSchema } from './input-schema.ts';
import type { ResolvedInput } from './stored-inputs.ts';

export interface InputSources {
  readonly given: Readonly<Record<string, JsonValue>>;
  readonly stored: ReadonlyMap<string, StoredInput>;
  /** Ever advertised as sensitive, whatever the schema says now (rules.md 19). */
  readonly sensitive: ReadonlySet<string>;
}

export interface Resolved {
  readonly definition: DefinitionChoice;
  readonly inputs: readonly ResolvedInput[];
}

/**
 * The first definition that the inputs satisfy, with the inputs. Throws `invalid_inputs` with one entry in
 * `details.errors` for each input that the best definition finds wrong, `sensitive_needs_sensitive_input` and
 * `secret_too_short`.
 */
export function resolveInputs(
  definitions: readonly [DefinitionChoice, ...DefinitionChoice[]],
  sources: InputSources,
): Resolved {
  const [best] = definitions;
  for (const definition of definitions) {
    const inputs = valuesFor(definition, sources);
    if (problemsOf(definition, inputs).length > 0) continue;
    refuseUnmaskable(inputs);
    refuseTooLarge(inputs);
    return { definition, inputs };
  }
  const problems = problemsOf(best, valuesFor(best, sources));
  const list = problems.map(({ input, message }) => `${input}: ${message}`).join(' ');
  throw new Failure('invalid_inputs', `The inputs do not fit the action. ${list}`, {
    details: { errors: problems.map(({ input, message }) => ({ path: `inputs.${input}`, message })) },
  });
}

function valuesFor(definition: DefinitionChoice, sources: InputSources): readonly ResolvedInput[] {
  const schema = definition.schema === null ? null : parseInputSchema(definition.schema);
  const given = new Map(Object.entries(sources.given));
  const filled = [...sources.stored].filter(
    ([name, stored]) => !given.has(name) && mayFill(schema, name, stored),
  );
  const isSensitive = (name: string): boolean =>
    (schema?.sensitive.has(name) ?? false) || sources.sensitive.has(name);
  return [
    ...[...given].map(([name, value]) => ({ name, value, sensitive: isSensitive(name) })),
    ...filled.map(([name, { value, sensitive }]) => {
      if (sensitive && schema !== null && !isSensitive(name)) {
        throw new Failure(
          'sensitive_needs_sensitive_input',
          `The stored variable for ${name} is sensitive, and the action does not declare the input ${name} as sensitive.`,
        );
      }
      return { name, value, sensitive: sensitive || isSensitive(name) };
    }),
  ];
}

/** An action without declared inputs gets only the variables that are its own. */
function mayFill(schema: InputSchema | null, name: string, stored: StoredInput): boolean {
  return schema === null ? stored.scope === 'action' : schema.names.has(name);
}

function problemsOf(definition: DefinitionChoice, inputs: readonly ResolvedInput[]) {
  const schema = definition.schema === null ? null : parseInputSchema(definition.schema).json;
  return checkInputs(schema, new Map(inputs.map(({ name, value }) => [name, value])));
}

/** What is too short to be masked in output is refused before it goes anywhere (rules.md 26). */
function refuseUnmaskable(inputs: readonly ResolvedInput[]): void {
  for (const { name, value, sensitive } of inputs) {
    if (sensitive && !isMaskable(value)) {
      throw new Failure(
        'secret_too_short',
        `The sensitive input ${name} needs ${secretCharactersMin} characters at least; a shorter one cannot be masked in output.`,
        { details: { errors: [{ path: `inputs.${name}`, message: 'too short to be masked' }] } },
      );
    }
  }
}

function isMaskable(value: JsonValue): boolean {
  if (value === null) return true;
  if (typeof value === 'string') return value.length >= secretCharactersMin;
  if (Array.isArray(value)) return value.every(isMaskable);
  if (JSON.isRawJSON(value)) return value.rawJSON.length >= secretCharactersMin;
  if (typeof value === 'object') return Object.values(value as Record<string, JsonValue>).every(isMaskable);
  return String(value).length >= secretCharactersMin;
}

function refuseTooLarge(inputs: readonly ResolvedInput[]): void {
  const bytes = Buffer.byteLength(stringifyJson(inputs.map(({ name, value }) => [name, value])));
  if (bytes > inputsBytesMax) {
    throw new Failure('invalid_inputs', `The inputs of a run may have ${inputsBytesMax} bytes together.`);
  }
}
