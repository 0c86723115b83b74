// The kinds of value that the attributes of an agent file have: read when the file is loaded, or for each run.
import type { Expression, Span } from '../ast.ts';
import { convert } from '../convert.ts';
import { describeKind } from '../describe.ts';
import { toNumber } from '../decimal.ts';
import type { Decimal } from '../decimal.ts';
import { didYouMean, listed } from '../schema.ts';
import type { Kind, Reader } from '../schema.ts';
import { BOOL, isMapping, isSequence, listOf, mapOf, NUMBER, STRING } from '../values.ts';
import type { Type, Value } from '../values.ts';
import { evaluateConstant, isConstant } from './constants.ts';
import { parseDuration, parseQuietHours, printDuration } from './duration.ts';
import type { FileHash, QuietHours } from './definition.ts';
import { hashesMax } from './limits.ts';
import { referencesOf } from './references.ts';

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** The value of an expression that must be the same for every run. */
function readConstant(expression: Expression, reader: Reader): Value | undefined {
  if (!isConstant(expression)) {
    const { variables, calls } = referencesOf(expression);
    const at: Span = variables[0]?.span ?? calls[0]?.nameSpan ?? expression;
    const detail = 'This attribute is read when the file is loaded: only literal values may stand here.';
    reader.report(at, { summary: 'Not known when the file is loaded', detail, code: 'not_constant' });
    return undefined;
  }
  const { value, diagnostics } = evaluateConstant(expression, reader.source);
  for (const { summary, detail, span } of diagnostics) {
    reader.report(span, { summary, detail, code: 'evaluation_failed' });
  }
  return diagnostics.length === 0 && expression.node !== 'invalid' ? value : undefined;
}

function wrong(reader: Reader, span: Span, detail: string): undefined {
  reader.report(span, { summary: 'Wrong value', detail, code: 'wrong_value' });
  return undefined;
}

/** A constant of a type; null does not count as one. */
function constantOf<T>(
  type: string,
  wanted: Type,
  take: (value: Value, report: (detail: string) => undefined) => T | undefined,
): Kind<T> {
  return {
    type,
    when: 'load',
    read: (expression, reader) => {
      const value = readConstant(expression, reader);
      if (value === undefined) return undefined;
      const report = (detail: string): undefined => wrong(reader, expression, detail);
      const converted = convert(value, wanted);
      if ('problem' in converted) return report(`Here ${converted.problem}.`);
      if (converted.value.kind === 'null')
        return report(`A ${type} is needed here, not null. Leave the attribute out.`);
      return take(converted.value, report);
    },
  };
}

/** Text of at most so many characters, which must match if there is a pattern. */
export function text(options: { max: number; pattern?: RegExp; says?: string; min?: number }): Kind<string> {
  const { max, min = 0, pattern, says = '' } = options;
  return constantOf('string', STRING, (value, report) => {
    if (value.kind !== 'string') return undefined;
    const length = [...value.value].length;
    if (length > max) return report(`The text may have ${max} characters at the most; it has ${length}.`);
    if (length < min) return report('The text may not be empty.');
    return pattern?.test(value.value) === false ? report(says) : value.value;
  });
}

export const flag: Kind<boolean> = {
  ...constantOf('bool', BOOL, (value) => (value.kind === 'bool' ? value.value : undefined)),
  values: ['true', 'false'],
};

export function wholeNumber({ min, max }: Bounds): Kind<number> {
  return constantOf('whole number', NUMBER, (value, report) => {
    const number = value.kind === 'number' ? toNumber(value.value) : NaN;
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    return report(`A whole number from ${min} to ${max} is needed here.`);
  });
}

export const number: Kind<Decimal> = constantOf('number', NUMBER, (value) =>
  value.kind === 'number' ? value.value : undefined,
);

/** Milliseconds. */
export function duration({ min, max }: Bounds): Kind<number> {
  return constantOf('duration', STRING, (value, report) => {
    const ms = value.kind === 'string' ? parseDuration(value.value) : null;
    if (ms === null) return report('A duration is needed here, for instance `"30s"`, `"15m"` or `"1h30m"`.');
    if (ms >= min && ms <= max) return ms;
    return report(`The duration must be from ${printDuration(min)} to ${printDuration(max)}.`);
  });
}

const byteUnits: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Bytes, as a number or as `"10MiB"`. */
export function size({ min, max }: Bounds): Kind<number> {
  return constantOf('size', STRING, (value, report) => {
    const parts = value.kind === 'string' ? /^(\d{1,12})(B|KiB|MiB|GiB)?$/.exec(value.value) : null;
    const bytes = Number(parts?.[1]) * (byteUnits[parts?.[2] ?? 'B'] ?? 1);
    if (parts === null)
      return report('A size is needed here: bytes, or for instance `"512KiB"` or `"10MiB"`.');
    return bytes >= min && bytes <= max ? bytes : report(`The size must be from ${min} to ${max} bytes.`);
  });
}

export function choice<const Name extends string>(...names: readonly Name[]): Kind<Name> {
  return {
    ...constantOf('string', STRING, (value, report) => {
      const given = value.kind === 'string' ? value.value : '';
      const found = names.find((name) => name === given);
      return found ?? report(`The value is one of ${listed(names)}.${didYouMean(given, names)}`);
    }),
    values: names.map((name) => JSON.stringify(name)),
  };
}

/** A list of texts; `check` says what is wrong with one. */
export function texts(check: (text: string) => string | null = () => null): Kind<readonly string[]> {
  return constantOf('list of strings', listOf(STRING), (value, report) => {
    if (!isSequence(value)) return undefined;
    const items = value.items.map((item) => (item.kind === 'string' ? item.value : ''));
    const problem = items
      .map((item) => (item === '' ? 'An empty text is of no use here.' : check(item)))
      .find((each) => each !== null);
    return problem === undefined ? items : report(problem ?? '');
  });
}

/** Absolute paths of files, each with `sha256:` and 64 hexadecimal digits. */
export const fileHashes: Kind<readonly FileHash[]> = constantOf(
  'map of hashes',
  mapOf(STRING),
  (value, report) => {
    if (!isMapping(value)) return undefined;
    const entries = [...value.entries].map(([path, hash]) => ({ path, hash }));
    if (entries.length === 0) return report('No file is listed. Leave the attribute out.');
    if (entries.length > hashesMax) return report(`At most ${hashesMax} files may be listed.`);
    const hashes: FileHash[] = [];
    for (const { path, hash } of entries) {
      if (!isPlainPath(path)) {
        return report(`\`${path}\` is not an absolute path without \`..\`, such as \`"/opt/deploy.sh"\`.`);
      }
      const digits = hash.kind === 'string' ? /^sha256:([0-9a-f]{64})$/.exec(hash.value)?.[1] : undefined;
      if (digits === undefined) {
        return report(`The hash of \`${path}\` is \`sha256:\` and the 64 digits that \`sha256sum\` prints.`);
      }
      hashes.push({ path, sha256: digits });
    }
    return hashes;
  },
);

function isPlainPath(path: string): boolean {
  return path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..');
}

export const quietHours: Kind<QuietHours> = constantOf('string', STRING, (value, report) => {
  const hours = value.kind === 'string' ? parseQuietHours(value.value) : null;
  return (
    hours ??
    report('Times of day are needed here, for instance `"22:00-06:00"` or `"22:00-06:00 Europe/Berlin"`.')
  );
});

/** Any value that is the same for every run, null included. */
export const constant: Kind<Value> = { type: 'any value', when: 'load', read: readConstant };

/** Inclusive ranges of HTTP status codes: `200`, `[200, 202]`, `"2xx"`, `["200-204", 304]`. */
export const statusCodes: Kind<readonly { readonly from: number; readonly to: number }[]> = {
  type: 'list of status codes',
  when: 'load',
  read: (expression, reader) => {
    const value = readConstant(expression, reader);
    if (value === undefined) return undefined;
    const converted = convert(
      isSequence(value) ? value : { ...value, kind: 'tuple', items: [value] },
      listOf(STRING),
    );
    const items = 'value' in converted && isSequence(converted.value) ? converted.value.items : [];
    const ranges = items.map((item) => (item.kind === 'string' ? parseStatus(item.value) : null));
    if (ranges.length > 0 && !ranges.includes(null)) return ranges.filter((range) => range !== null);
    return wrong(
      reader,
      expression,
      'Status codes are needed here: `[200, 202]`, `["2xx"]` or `["200-204"]`.',
    );
  },
};

function parseStatus(text: string): { from: number; to: number } | null {
  const [, family, first, last] = /^(?:([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?)$/.exec(text) ?? [];
  if (family !== undefined) return { from: Number(family) * 100, to: Number(family) * 100 + 99 };
  if (first === undefined) return null;
  const range = { from: Number(first), to: Number(last ?? first) };
  return range.from <= range.to ? range : null;
}

/** `string`, `number`, `bool`, `list(string)` or `map(string)`, written as HCL writes types. */
export const inputType: Kind<Type> = {
  type: 'type',
  when: 'load',
  values: ['string', 'number', 'bool', 'list(string)', 'map(string)'],
  read: (expression, reader) => {
    const [argument] = expression.node === 'call' ? expression.arguments : [];
    const inner = argument?.node === 'variable' ? argument.name : '';
    const name =
      expression.node === 'call'
        ? `${expression.name}(${inner})`
        : expression.node === 'variable'
          ? expression.name
          : '';
    const type = inputTypes.get(name);
    if (type !== undefined) return type;
    return wrong(
      reader,
      expression,
      `A type is needed here: one of ${listed([...inputTypes.keys()])}.${didYouMean(name, inputTypes.keys())}`,
    );
  },
};

const inputTypes: ReadonlyMap<string, Type> = new Map([
  ['string', STRING],
  ['number', NUMBER],
  ['bool', BOOL],
  ['list(string)', listOf(STRING)],
  ['map(string)', mapOf(STRING)],
]);

/** How a type is written in a file. */
export function typeName(type: Type): string {
  return [...inputTypes].find(([, known]) => known.kind === type.kind)?.[0] ?? type.kind;
}

/** An expression, evaluated for each run. What is constant must be of the type; the rest is judged by its shape. */
export function expressionOf(type: string, wanted: Type | readonly Type[]): Kind<Expression> {
  const types = Array.isArray(wanted) ? (wanted as readonly Type[]) : [wanted as Type];
  return {
    type,
    when: 'run',
    read: (expression, reader) => {
      if (!isConstant(expression)) {
        const shape = shapeOf(expression);
        if (shape === null || types.some((each) => accepts(each, shape))) return expression;
        return wrong(
          reader,
          expression,
          `Here a ${type} is needed, not ${shape === 'text' ? 'a text' : `a ${shape}`}.`,
        );
      }
      const value = readConstant(expression, reader);
      if (value === undefined) return undefined;
      const fits = types.some((each) => 'value' in convert(value, each));
      return fits
        ? expression
        : wrong(reader, expression, `Here a ${type} is needed, not ${describeKind(value)}.`);
    },
  };
}

type Shape = 'list' | 'map' | 'text';

/** What an expression will surely be; null when only a run can say. */
function shapeOf(expression: Expression): Shape | null {
  switch (expression.node) {
    case 'parentheses':
      return shapeOf(expression.inner);
    case 'tuple':
    case 'splat':
      return 'list';
    case 'object':
      return 'map';
    case 'for':
      return expression.form === 'tuple' ? 'list' : 'map';
    case 'template':
      return expression.parts.length === 1 && expression.parts[0]?.part === 'interpolation' ? null : 'text';
    default:
      return null;
  }
}

function accepts(type: Type, shape: Shape): boolean {
  if (type.kind === 'any') return true;
  if (shape === 'list') return type.kind === 'list' || type.kind === 'set' || type.kind === 'tuple';
  return shape === 'map' ? type.kind === 'map' || type.kind === 'object' : type.kind === 'string';
}
