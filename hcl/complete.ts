// What an editor offers and explains in an agent file: completions and hovers from the same schemas, functions and
// definitions that the loader uses. Works on unfinished text.
import { agentFileSchema } from './agent-file/file-schema.ts';
import { agentFunctions, signatureOf } from './agent-file/names.ts';
import type { AgentFunction } from './agent-file/names.ts';
import { variablesIn } from './agent-file/variables-in-scope.ts';
import type { KnownVariable } from './agent-file/variables-in-scope.ts';
import type { Span } from './ast.ts';
import { contextAt } from './complete-context.ts';
import type { Context, OpenBlock } from './complete-context.ts';
import { standardFunctions } from './functions/standard.ts';
import type { AnyBody, AttributeSchema, AttributeSchemas, BlockSchema, BlockSchemas } from './schema.ts';

export interface Completion {
  readonly label: string;
  readonly kind: 'attribute' | 'block' | 'function' | 'variable' | 'value';
  /** One line: a type or a signature. */
  readonly detail: string;
  /** Markdown. */
  readonly documentation: string;
  /** What to put in place of `replace`. */
  readonly insert: string;
  readonly replace: Span;
}

export interface Hover {
  readonly span: Span;
  /** Markdown. */
  readonly documentation: string;
}

type Offer = Omit<Completion, 'replace'>;
type AnyBlock = BlockSchema<AttributeSchemas, BlockSchemas>;

/** What can stand at an offset (UTF-16 code units), what was begun there replaced. In the order of the schema. */
export function complete(text: string, offset: number): readonly Completion[] {
  const context = contextAt(text, offset);
  const word = /[\p{ID_Continue}-]*$/u.exec(text.slice(0, offset))?.[0] ?? '';
  const replace = { start: offset - word.length, end: offset };
  return offersAt(text, context, replace.start)
    .filter(({ label }) => label.toLowerCase().startsWith(word.toLowerCase()))
    .map((offer) => ({ ...offer, replace }));
}

/** What the name at an offset means, or null. */
export function hover(text: string, offset: number): Hover | null {
  const before = /[\p{ID_Continue}-]*$/u.exec(text.slice(0, offset))?.[0] ?? '';
  const after = /^[\p{ID_Continue}-]*/u.exec(text.slice(offset))?.[0] ?? '';
  const name = before + after;
  if (name === '') return null;
  const span = { start: offset - before.length, end: offset + after.length };
  const context = contextAt(text, span.start);
  const offer = offersAt(text, context, span.start, { present: true }).find(({ label }) => label === name);
  if (offer === undefined) return null;
  return { span, documentation: `\`${offer.detail}\`\n\n${offer.documentation}` };
}

/** `present`: also what is in the body already and may stand there once. */
function offersAt(
  text: string,
  context: Context,
  at: number,
  options = { present: false },
): readonly Offer[] {
  const schema = schemaOf(context.blocks);
  if (schema === null) return [];
  switch (context.at.place) {
    case 'nowhere':
      return [];
    case 'body':
      return bodyOffers(schema, options.present ? new Set() : (context.blocks.at(-1)?.names ?? new Set()));
    case 'label':
      return labelOffers(schema.blocks[context.at.type], context.at.index);
    case 'value':
      return valueOffers(text, context, schema.attributes[context.at.attribute], at);
  }
}

function schemaOf([, ...blocks]: readonly OpenBlock[]): AnyBody | null {
  let schema: AnyBody | null = agentFileSchema;
  for (const { type } of blocks) {
    schema = schema !== null && Object.hasOwn(schema.blocks, type) ? (schema.blocks[type] ?? null) : null;
  }
  return schema;
}

function bodyOffers(schema: AnyBody, present: ReadonlySet<string>): readonly Offer[] {
  const attributes = Object.entries(schema.attributes)
    .filter(([name]) => !present.has(name))
    .map(([label, attribute]): Offer => ({
      label,
      kind: 'attribute',
      detail: `${label} = ${attribute.kind.type}${attribute.required === true ? ' (required)' : ''}`,
      documentation: documentationOf(attribute),
      insert: `${label} = `,
    }));
  const blocks = Object.entries(schema.blocks)
    .filter(([name, block]) => block.once !== true || !present.has(name))
    .map(([label, block]): Offer => {
      const header = [label, ...block.labels.map(() => '""')].join(' ');
      const detail = [label, ...block.labels.map(({ name }) => `"${name}"`), '{ … }'].join(' ');
      return { label, kind: 'block', detail, documentation: block.docs, insert: `${header} {\n}` };
    });
  return [...attributes, ...blocks];
}

function documentationOf(attribute: AttributeSchema<unknown>): string {
  const rest = [
    attribute.docs,
    attribute.default === undefined ? '' : `Default: ${attribute.default}.`,
    attribute.example === undefined ? '' : `\n\n\`\`\`hcl\n${attribute.example}\n\`\`\``,
  ];
  return rest.filter((part) => part !== '').join(' ');
}

function labelOffers(block: AnyBlock | undefined, index: number): readonly Offer[] {
  const label = block?.labels[index];
  return (label?.values ?? []).map((value) => ({
    label: value,
    kind: 'value',
    detail: label?.name ?? '',
    documentation: '',
    insert: value,
  }));
}

function valueOffers(
  text: string,
  context: Context,
  attribute: AttributeSchema<unknown> | undefined,
  at: number,
): readonly Offer[] {
  if (context.at.place !== 'value' || attribute === undefined) return [];
  const values = (attribute.kind.values ?? []).map((value): Offer => {
    const label = context.at.place === 'value' && context.at.quoted ? value.replaceAll('"', '') : value;
    return { label, kind: 'value', detail: attribute.kind.type, documentation: '', insert: label };
  });
  if (context.at.quoted || attribute.kind.when === 'load') return values;
  const path = /((?:[\p{ID_Continue}-]+\.)*)$/u.exec(text.slice(0, at))?.[1] ?? '';
  const parents = path.split('.').slice(0, -1);
  const variables = [...variablesIn(text, context.blocks, at), ...context.at.bound.map(boundVariable)];
  const members = variableOffers(variables, parents);
  return parents.length > 0 ? members : [...values, ...members, ...functionOffers()];
}

function boundVariable(name: string): KnownVariable {
  return { path: [name], detail: name, docs: 'A name that the enclosing `for` gives.' };
}

/** The next names after a path, each once. */
function variableOffers(variables: readonly KnownVariable[], parents: readonly string[]): readonly Offer[] {
  const offers = new Map<string, Offer>();
  for (const { path, detail, docs } of variables) {
    const label = path[parents.length];
    if (label === undefined || !parents.every((name, at) => path[at] === name)) continue;
    const last = path.length === parents.length + 1;
    if (!last && offers.has(label)) continue;
    const shown = last ? { detail, documentation: docs } : { detail: `${label}.…`, documentation: '' };
    offers.set(label, { label, kind: 'variable', insert: label, ...shown });
  }
  return [...offers.values()];
}

function functionOffers(): readonly Offer[] {
  const all: readonly AgentFunction[] = [...standardFunctions.values(), ...agentFunctions.values()];
  return all.map((each) => ({
    label: each.name,
    kind: 'function',
    detail: signatureOf(each),
    documentation: functionDocumentation(each),
    insert: `${each.name}(`,
  }));
}

function functionDocumentation({ description, examples }: AgentFunction): string {
  const shown = examples.map(({ call, result }) => `${call} = ${result}`);
  return shown.length === 0 ? description : `${description}\n\n\`\`\`hcl\n${shown.join('\n')}\n\`\`\``;
}
