// `format` and `formatlist`: text from a specification of verbs, as Terraform documents them for its `format`.
import { convert } from '../convert.ts';
import { describeKind } from '../describe.ts';
import { formatWidthMax } from '../limits.ts';
import { graphemeCount, graphemes } from '../text.ts';
import type { Type, Value } from '../values.ts';
import { ANY, BOOL, isSequence, listOf, listValue, NUMBER, STRING, stringValue } from '../values.ts';
import { textAt } from './arguments.ts';
import type { CallContext, HclFunction, Parameter } from './function.ts';
import { FunctionProblem } from './function.ts';
import type { Verb } from './format-number.ts';
import { formatFraction, formatWhole } from './format-number.ts';
import { webSafeJson } from './web-safe-json.ts';

/** Flags, width, precision, index of the argument, and the letter of the verb. */
const VERB = /%([-+ 0#]*)([0-9]*)(?:\.([0-9]*))?(?:\[([0-9]+)\])?([\p{L}%]?)/uy;

/** The specification as literal texts and verbs, in order. */
function parseSpecification(specification: string): readonly (string | Verb)[] {
  const parts: (string | Verb)[] = [];
  let at = 0;
  for (let next = specification.indexOf('%'); next >= 0; next = specification.indexOf('%', at)) {
    parts.push(specification.slice(at, next));
    VERB.lastIndex = next;
    const [whole = '%', flags = '', width = '', precision = '', index = '', letter = ''] =
      VERB.exec(specification) ?? [];
    parts.push(
      whole === '%%' ? '%' : { whole, flags, letter, ...numbersOf({ whole, width, precision, index }) },
    );
    at = next + whole.length;
  }
  parts.push(specification.slice(at));
  return parts;
}

function numbersOf({
  whole,
  width,
  precision,
  index,
}: Record<'whole' | 'width' | 'precision' | 'index', string>) {
  const numbers = { width: Number(width), precision: Number(precision), index: Number(index) };
  if (numbers.width <= formatWidthMax && numbers.precision <= formatWidthMax) return numbers;
  throw wrongVerb(whole, `has a width or a precision above ${formatWidthMax}`);
}

function wrongVerb(whole: string, reason: string): FunctionProblem {
  return new FunctionProblem(`a verb of the specification ${reason}`, { argument: 0, shown: whole });
}

function formatText(specification: string, values: readonly Value[], context: CallContext): string {
  const pieces: string[] = [];
  let next = 0;
  let used = 0;
  for (const part of parseSpecification(specification)) {
    if (typeof part === 'string') {
      pieces.push(part);
      continue;
    }
    const at = part.index > 0 ? part.index - 1 : next;
    const value = values[at];
    if (part.letter === '') throw wrongVerb(part.whole, 'is not finished; a percent sign is written %%');
    if (!value) throw wrongVerb(part.whole, `asks for value ${at + 1}, and there are ${values.length}`);
    const piece = pad(part, formatVerb(part, value));
    context.chargeText(piece.length);
    pieces.push(piece);
    next = at + 1;
    used = Math.max(used, next);
  }
  if (used < values.length) {
    throw new FunctionProblem(`the specification uses only ${used} of the ${values.length} values`, {
      argument: 0,
    });
  }
  return pieces.join('');
}

function formatVerb(verb: Verb, value: Value): string {
  switch (verb.letter) {
    case 'v':
      return formatDefault(verb, value);
    case 's':
      return cut(verb, textOf(verb, value));
    case 'q':
      return webSafeJson(stringValue(cut(verb, textOf(verb, value))));
    case 't':
      return textOf(verb, typed(verb, value, BOOL));
    case 'b':
    case 'd':
    case 'o':
    case 'x':
    case 'X':
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
      return formatNumber(verb, value);
    default:
      throw wrongVerb(verb.whole, 'is unknown; known are v s q t b d o x X e E f g G');
  }
}

function formatDefault(verb: Verb, value: Value): string {
  if (!verb.flags.includes('#')) {
    if (value.kind === 'string') return formatVerb({ ...verb, letter: 's' }, value);
    if (value.kind === 'number') return formatVerb({ ...verb, letter: 'g' }, value);
  }
  return webSafeJson(value);
}

function formatNumber(verb: Verb, value: Value): string {
  const number = typed(verb, value, NUMBER);
  if (number.kind !== 'number') throw wrongVerb(verb.whole, 'needs a number');
  if ('eEfgG'.includes(verb.letter)) return formatFraction(verb, number.value);
  const whole = formatWhole(verb, number.value);
  if (whole === undefined) throw wrongVerb(verb.whole, 'needs a whole number');
  return whole;
}

function typed(verb: Verb, value: Value, type: Type): Value {
  const converted = convert(value, type);
  if (value.kind !== 'null' && 'value' in converted) return converted.value;
  throw wrongVerb(verb.whole, `needs a ${type.kind}, and its value is ${describeKind(value)}`);
}

function textOf(verb: Verb, value: Value): string {
  const text = typed(verb, value, STRING);
  return text.kind === 'string' ? text.value : '';
}

/** For text the precision is how many characters to take. */
function cut({ precision }: Verb, text: string): string {
  return precision > 0 && text.length > precision ? graphemes(text).slice(0, precision).join('') : text;
}

/** Fills up to the width: spaces before, after with `-`; zeros after the sign with `0`, for numbers. */
function pad({ flags, width, letter }: Verb, text: string): string {
  const missing = width === 0 ? 0 : width - graphemeCount(text);
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0') || 'sqt'.includes(letter)) return ' '.repeat(missing) + text;
  const sign = /^[-+ ]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}

const SPECIFICATION: Parameter = {
  name: 'specification',
  type: STRING,
  description: 'text with verbs such as %s and %d',
};

const format: HclFunction = {
  name: 'format',
  description:
    'The specification with each verb replaced by a value: %s text, %d whole number, %f fraction, %x hexadecimal, ' +
    '%q quoted text, %t bool, %v any value, %% a percent sign. Between % and the letter may stand - + space 0, ' +
    'a width, a precision after a point, and [n] for the n-th value',
  parameters: [
    SPECIFICATION,
    { name: 'values', type: ANY, description: 'a value for each verb', variadic: true, nullable: true },
  ],
  returns: STRING,
  marks: 'all',
  examples: [
    { call: 'format("Hello, %s!", "Ander")', result: '"Hello, Ander!"' },
    { call: 'format("%04d|%-5s|%.2f", 7, "ab", 3.14159)', result: '"0007|ab   |3.14"' },
  ],
  call: (args, context) => stringValue(formatText(textAt(args, 0), args.slice(1), context)),
};

const formatlist: HclFunction = {
  name: 'formatlist',
  description:
    'A list of texts, made by format() from the first elements of the lists, then the second ones, and so on',
  parameters: [
    SPECIFICATION,
    {
      name: 'values',
      type: ANY,
      description: 'a list, or a value that is the same each time, for each verb',
      variadic: true,
      nullable: true,
    },
  ],
  returns: listOf(STRING),
  marks: 'all',
  examples: [
    {
      call: 'formatlist("%s, %s!", "Salutations", ["Ander", "Sam"])',
      result: 'tolist(["Salutations, Ander!", "Salutations, Sam!"])',
    },
  ],
  call(args, context) {
    const specification = textAt(args, 0);
    const values = args.slice(1);
    const length = commonLength(values);
    context.charge(length * (1 + values.length));
    const texts = Array.from({ length }, (_, at) => {
      const row = values.map((value) => (isSequence(value) ? (value.items[at] ?? value) : value));
      return stringValue(formatText(specification, row, context));
    });
    return listValue(texts, STRING);
  },
};

function commonLength(values: readonly Value[]): number {
  let length: number | undefined;
  for (const [at, value] of values.entries()) {
    if (!isSequence(value)) continue;
    if (length !== undefined && length !== value.items.length) {
      const reason = `it has ${value.items.length} elements, and a list before it has ${length}`;
      throw new FunctionProblem(reason, { argument: at + 1 });
    }
    length = value.items.length;
  }
  return length ?? 1;
}

export const formatFunctions: readonly HclFunction[] = [format, formatlist];
