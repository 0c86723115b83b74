// A typed description of what a body may hold: from it come the decoded value, the diagnostics, the documentation
// page and the completions, so that they cannot disagree.
import type { Attribute, Block, Body, Expression, Label, Source, Span } from './ast.ts';
import type { Diagnostic } from './diagnostic.ts';
import { suggest } from './did-you-mean.ts';

/** What an attribute holds, and how it is read. */
export interface Kind<T> {
  /** As the documentation names it: `string`, `duration`, `list of strings`. */
  readonly type: string;
  /** `load`: the value is known when the file is loaded. `run`: an expression, evaluated for each run. */
  readonly when: 'load' | 'run';
  /** The only values, where there are few: as HCL. */
  readonly values?: readonly string[];
  /** The value, or undefined after a report. */
  readonly read: (expression: Expression, reader: Reader) => T | undefined;
}

export interface Reader {
  readonly source: Source;
  readonly report: Report;
}

export type Report = (span: Span, complaint: Complaint) => void;

export interface Complaint {
  readonly summary: string;
  readonly detail: string;
  readonly code: string;
  readonly severity?: 'warning';
  readonly context?: Span;
}

interface Documented {
  /** Sentences in Markdown. */
  readonly docs: string;
  /** HCL that shows it in use. */
  readonly example?: string;
  /** True when the reference product's files do not have it. */
  readonly added?: true;
  readonly required?: true;
}

export interface AttributeSchema<T> extends Documented {
  readonly kind: Kind<T>;
  /** As HCL, or in words: what holds when the attribute is absent. */
  readonly default?: string;
}

export interface LabelSchema {
  readonly name: string;
  readonly docs: string;
  readonly values?: readonly string[];
}

export type AttributeSchemas = Readonly<Record<string, AttributeSchema<unknown>>>;
export type BlockSchemas = Readonly<Record<string, BlockSchema<AttributeSchemas, BlockSchemas>>>;

export interface BodySchema<A extends AttributeSchemas, B extends BlockSchemas> extends Documented {
  readonly attributes: A;
  readonly blocks: B;
}

export interface BlockSchema<A extends AttributeSchemas, B extends BlockSchemas> extends BodySchema<A, B> {
  readonly labels: readonly LabelSchema[];
  /** True when a second one is an error. */
  readonly once?: true;
}

export type AnyBody = BodySchema<AttributeSchemas, BlockSchemas>;

export type Values<A extends AttributeSchemas> = {
  readonly [Name in keyof A]: A[Name] extends AttributeSchema<infer T> ? T | undefined : never;
};

/** A body as its schema says: absent and wrong attributes are undefined, blocks are in source order. */
export interface Decoded<A extends AttributeSchemas, B extends BlockSchemas> {
  readonly values: Values<A>;
  /** Where each attribute stands. */
  readonly nodes: { readonly [Name in keyof A]: Attribute | undefined };
  readonly blocks: { readonly [Name in keyof B]: readonly DecodedBlock<B[Name]>[] };
}

export type DecodedBlock<S> =
  S extends BlockSchema<infer A, infer B>
    ? Decoded<A, B> & { readonly block: Block; readonly labels: readonly Label[] }
    : never;

/** Keeps the types of the attributes and blocks of a schema. */
export function blockSchema<A extends AttributeSchemas, B extends BlockSchemas>(
  schema: BlockSchema<A, B>,
): BlockSchema<A, B> {
  return schema;
}

export function attribute<T>(schema: AttributeSchema<T>): AttributeSchema<T> {
  return schema;
}

export interface DecodeOptions {
  readonly reader: Reader;
  /** How a complaint calls the body: `An \`http\` block`. */
  readonly title: string;
  /** What a complaint about something missing underlines. */
  readonly header: Span;
}

/** Reads a body by its schema and reports everything that does not fit it. */
export function decodeBody<A extends AttributeSchemas, B extends BlockSchemas>(
  body: Body,
  schema: BodySchema<A, B>,
  options: DecodeOptions,
): Decoded<A, B> {
  const { reader, title, header } = options;
  const nodes: Record<string, Attribute> = Object.create(null);
  for (const node of body.attributes) {
    if (!Object.hasOwn(schema.attributes, node.name)) reportUnknownAttribute(node, schema, options);
    else nodes[node.name] ??= node;
  }
  const values: Record<string, unknown> = Object.create(null);
  for (const [name, { kind, required }] of Object.entries(schema.attributes)) {
    const node = nodes[name];
    if (node !== undefined) values[name] = kind.read(node.expression, reader);
    else if (required === true) {
      reader.report(header, {
        summary: `Missing attribute \`${name}\``,
        detail: `${title} needs the attribute \`${name}\` (${kind.type}).`,
        code: 'missing_attribute',
      });
    }
  }
  // The records have exactly the names of the schema, with what its kinds read: the one place that says so.
  return { values, nodes, blocks: decodeBlocks(body, schema, options) } as unknown as Decoded<A, B>;
}

function decodeBlocks(
  body: Body,
  schema: AnyBody,
  options: DecodeOptions,
): Readonly<Record<string, readonly unknown[]>> {
  const { reader, title, header } = options;
  const decoded: Record<string, unknown[]> = Object.create(null);
  for (const name of Object.keys(schema.blocks)) decoded[name] = [];
  for (const block of body.blocks) {
    const inner = Object.hasOwn(schema.blocks, block.type) ? schema.blocks[block.type] : undefined;
    if (inner === undefined) {
      reportUnknownBlock(block, schema, options);
      continue;
    }
    const earlier = decoded[block.type] ?? [];
    if (inner.once === true && earlier.length > 0) reportRepeated(block, options);
    else if (checkLabels(block, inner, reader)) earlier.push(decodeBlock(block, inner, reader));
  }
  for (const [name, { required }] of Object.entries(schema.blocks)) {
    if (required !== true || body.blocks.some(({ type }) => type === name)) continue;
    reader.report(header, {
      summary: `Missing block \`${name}\``,
      detail: `${title} needs a block \`${name}\`.`,
      code: 'missing_block',
    });
  }
  return decoded;
}

function decodeBlock(
  block: Block,
  schema: BlockSchema<AttributeSchemas, BlockSchemas>,
  reader: Reader,
): unknown {
  const options = { reader, title: titleOf(block.type), header: block.header };
  return { ...decodeBody(block.body, schema, options), block, labels: block.labels };
}

export function titleOf(type: string): string {
  return `${/^[aeiou]|^http/.test(type) ? 'An' : 'A'} \`${type}\` block`;
}

function checkLabels(
  block: Block,
  { labels }: BlockSchema<AttributeSchemas, BlockSchemas>,
  { report }: Reader,
): boolean {
  const extra = block.labels[labels.length];
  const missing = labels[block.labels.length];
  if (extra !== undefined) {
    const takes =
      labels.length === 0 ? 'no label' : `only ${labels.map(({ name }) => `a ${name}`).join(' and ')}`;
    const detail = `${titleOf(block.type)} takes ${takes}.`;
    report(extra, { summary: 'Unexpected label', detail, code: 'unexpected_label' });
  } else if (missing !== undefined) {
    const detail = `Write ${missing.docs} in quotes after it: \`${block.type} "…" {\`.`;
    report(block.header, {
      summary: `Missing ${missing.name} of \`${block.type}\``,
      detail,
      code: 'missing_label',
    });
  }
  return (
    extra === undefined &&
    missing === undefined &&
    labels.every((label, at) => checkLabel(block, label, at, report))
  );
}

function checkLabel(block: Block, schema: LabelSchema, at: number, report: Report): boolean {
  const label = block.labels[at];
  if (label === undefined || schema.values === undefined || schema.values.includes(label.value)) return true;
  const detail = `The ${schema.name} is one of ${listed(schema.values)}.${didYouMean(label.value, schema.values)}`;
  report(label, { summary: `Unknown ${schema.name}`, detail, code: 'unknown_label' });
  return false;
}

function reportUnknownAttribute(
  { name, nameSpan }: Attribute,
  schema: AnyBody,
  options: DecodeOptions,
): void {
  const asBlock = Object.hasOwn(schema.blocks, name);
  options.reader.report(nameSpan, {
    summary: `Unknown attribute \`${name}\``,
    detail: asBlock
      ? `\`${name}\` is a block: write \`${name} { … }\` without an equals sign.`
      : `${options.title} has no attribute \`${name}\`.${didYouMean(name, namesOf(schema))}`,
    code: 'unknown_attribute',
  });
}

function reportUnknownBlock({ type, typeSpan }: Block, schema: AnyBody, options: DecodeOptions): void {
  const asAttribute = Object.hasOwn(schema.attributes, type);
  options.reader.report(typeSpan, {
    summary: `Unknown block \`${type}\``,
    detail: asAttribute
      ? `\`${type}\` is an attribute: write \`${type} = …\` with an equals sign.`
      : `${options.title} has no block \`${type}\`.${didYouMean(type, namesOf(schema))}`,
    code: 'unknown_block',
  });
}

function reportRepeated({ type, header }: Block, { reader, title }: DecodeOptions): void {
  const detail = `${title} has one \`${type}\` at the most.`;
  reader.report(header, { summary: `Second \`${type}\` block`, detail, code: 'repeated_block' });
}

function namesOf(schema: AnyBody): readonly string[] {
  return [...Object.keys(schema.attributes), ...Object.keys(schema.blocks)];
}

/** ` Did you mean …?`, or all names where they are few, or nothing. */
export function didYouMean(word: string, names: Iterable<string>): string {
  const all = [...names];
  const nearest = suggest(word, all);
  if (typeof nearest === 'string') return ` Did you mean \`${nearest}\`?`;
  return all.length > 0 && all.length <= 8 ? ` There is ${listed(all)}.` : '';
}

/** `a`, `b` and `c`. */
export function listed(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
}

/** A reader that adds every complaint to the list. */
export function readerOf(source: Source, diagnostics: Diagnostic[]): Reader {
  return {
    source,
    report: (span, { summary, detail, code, severity, context }) => {
      diagnostics.push({
        severity: severity ?? 'error',
        summary,
        detail,
        code,
        source,
        span,
        ...(context === undefined ? {} : { context }),
      });
    },
  };
}
