// Makes the input definitions of an action, and checks that each makes sense by itself: its constraints fit its type,
// its default and its options satisfy them, and nothing that is secret stands in the file.
import { convert } from '../convert.ts';
import { describeType } from '../describe.ts';
import { compareDecimals } from '../decimal.ts';
import type { DecodedBlock, Reader } from '../schema.ts';
import { equalValues, isSequence, STRING } from '../values.ts';
import type { Type, Value } from '../values.ts';
import { checkInputs, compilePattern } from './check-inputs.ts';
import type { InputDefinition } from './definition.ts';
import type { inputSchemaBlock } from './file-schema.ts';
import { defineInputSchema, jsonOf } from './input-schema.ts';
import { typeName } from './kinds.ts';

type DecodedInput = DecodedBlock<typeof inputSchemaBlock>;

/** The inputs in order; of two with one name the first counts. */
export function buildInputs(blocks: readonly DecodedInput[], reader: Reader): readonly InputDefinition[] {
  const inputs = new Map<string, InputDefinition>();
  for (const decoded of blocks) {
    const input = buildInput(decoded, reader);
    const label = decoded.labels[0] ?? decoded.block.header;
    if (!/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(input.name)) {
      const detail =
        'The name of an input begins with a letter and has letters, digits, `_` and `-`, 63 at the most.';
      reader.report(label, { summary: 'Invalid name', detail, code: 'invalid_name' });
    } else if (inputs.has(input.name)) {
      const detail = 'An action has one input of a name.';
      reader.report(label, { summary: `Second input \`${input.name}\``, detail, code: 'repeated_block' });
    } else inputs.set(input.name, input);
  }
  return [...inputs.values()];
}

function buildInput(decoded: DecodedInput, reader: Reader): InputDefinition {
  const { values, labels } = decoded;
  const type = values.type ?? STRING;
  checkFit(decoded, type, reader);
  const { pattern, key_pattern: keyPattern, min, max, min_length: minLength, max_length: maxLength } = values;
  const constraints = given({ pattern, keyPattern, min, max, minLength, maxLength });
  const options = readOptions(decoded, elementOf(type), reader);
  const input: InputDefinition = {
    name: labels[0]?.value ?? '',
    type,
    description: values.description ?? '',
    sensitive: values.sensitive ?? false,
    required: decoded.nodes.default === undefined,
    default: undefined,
    ...constraints,
    ...(options === undefined ? {} : { options }),
  };
  return { ...input, default: readDefault(decoded, input, reader) };
}

/** Without the members that are undefined. */
function given<T extends object>(members: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}

/** What a pattern or a list of options is about. */
function elementOf(type: Type): Type {
  return type.kind === 'list' || type.kind === 'map' ? type.element : type;
}

const applies: Readonly<Record<string, readonly string[]>> = {
  pattern: ['string', 'list', 'map'],
  key_pattern: ['map'],
  options: ['string', 'number', 'list', 'map'],
  min: ['number'],
  max: ['number'],
  min_length: ['string', 'list', 'map'],
  max_length: ['string', 'list', 'map'],
};

function checkFit({ nodes, values }: DecodedInput, type: Type, { report }: Reader): void {
  for (const [name, kinds] of Object.entries(applies)) {
    const node = nodes[name as keyof typeof nodes];
    if (node === undefined || kinds.includes(type.kind)) continue;
    const detail = `\`${name}\` says nothing about a ${typeName(type)}.`;
    report(node.nameSpan, { summary: 'Constraint of another type', detail, code: 'wrong_constraint' });
  }
  for (const name of ['pattern', 'key_pattern'] as const) {
    const node = nodes[name];
    const pattern = values[name];
    if (node === undefined || pattern === undefined || compilePattern(pattern) !== null) continue;
    const detail =
      'It must be a regular expression in RE2 syntax, which has no look-around and no back-references.';
    report(node.expression, { summary: 'Invalid pattern', detail, code: 'invalid_pattern' });
  }
  const { min, max, min_length: least, max_length: most } = values;
  const empty =
    (min !== undefined && max !== undefined && compareDecimals(min, max) > 0) ||
    (least !== undefined && most !== undefined && least > most);
  const node = nodes.max ?? nodes.max_length;
  if (empty && node !== undefined) {
    const detail = 'The lower bound is above the upper one: no value satisfies both.';
    report(node.expression, { summary: 'Nothing is possible', detail, code: 'wrong_constraint' });
  }
}

function readOptions(
  { nodes, values }: DecodedInput,
  element: Type,
  { report }: Reader,
): readonly Value[] | undefined {
  const node = nodes.options;
  const { options } = values;
  if (node === undefined || options === undefined) return undefined;
  const complain = (detail: string): undefined =>
    report(node.expression, { summary: 'Invalid options', detail, code: 'wrong_constraint' }) as undefined;
  if (!isSequence(options) || options.items.length === 0)
    return complain('A list of at least one value is needed here.');
  const converted = options.items.map((item) => convert(item, element));
  const items = converted.flatMap((each) =>
    'value' in each && each.value.kind !== 'null' ? [each.value] : [],
  );
  if (items.length < converted.length) return complain(`Every option must be ${describeType(element)}.`);
  const repeated = items.some((item, at) => items.findIndex((other) => equalValues(item, other)) < at);
  return repeated ? complain('Every option may stand here once.') : items;
}

function readDefault(
  decoded: DecodedInput,
  input: InputDefinition,
  { report }: Reader,
): Value | null | undefined {
  const node = decoded.nodes.default;
  const value = decoded.values.default;
  if (node === undefined || value === undefined) return undefined;
  if (value.kind === 'null') return null;
  const complain = (detail: string): undefined =>
    report(node.expression, { summary: 'Invalid default', detail, code: 'invalid_default' }) as undefined;
  if (input.sensitive)
    return complain('A sensitive input has no default: it would stand readable in the file.');
  const converted = convert(value, input.type);
  if ('problem' in converted) return complain(`Here ${converted.problem}.`);
  const schema = defineInputSchema([{ ...input, required: false }]);
  const [problem] = checkInputs(schema, new Map([[input.name, jsonOf(converted.value)]]));
  return problem === undefined
    ? converted.value
    : complain(`It does not satisfy its own constraints. ${problem.message}`);
}
