// Functions on text. Characters are those that a reader sees; letters and spaces are those of Unicode.
import { graphemes } from '../text.ts';
import type { Value } from '../values.ts';
import { BOOL, boolValue, listOf, listValue, NUMBER, STRING, stringValue } from '../values.ts';
import { textAt, textsAt, wholeAt } from './arguments.ts';
import type { CallContext, HclFunction, Parameter } from './function.ts';

const TEXT: Parameter = { name: 'string', type: STRING, description: 'a text' };
const SPACE = /^\p{White_Space}$/u;

/** A function of one text that gives a text. */
function ofText(
  { name, description, examples }: Pick<HclFunction, 'name' | 'description' | 'examples'>,
  change: (text: string) => string,
): HclFunction {
  const call = (args: readonly Value[]): Value => stringValue(change(textAt(args, 0)));
  return { name, description, parameters: [TEXT], returns: STRING, marks: 'all', examples, call };
}

const chomp = ofText(
  {
    name: 'chomp',
    description: 'The text without the newlines at its end',
    examples: [{ call: 'chomp("hello\\r\\n\\n")', result: '"hello"' }],
  },
  (text) => {
    let end = text.length;
    while (end > 0 && (text[end - 1] === '\n' || text[end - 1] === '\r')) end -= 1;
    return text.slice(0, end);
  },
);

const endswith: HclFunction = {
  name: 'endswith',
  description: 'Whether the text ends with another text',
  parameters: [TEXT, { name: 'suffix', type: STRING, description: 'the text that it may end with' }],
  returns: BOOL,
  marks: 'all',
  examples: [{ call: 'endswith("hello world", "world")', result: 'true' }],
  call: (args) => boolValue(textAt(args, 0).endsWith(textAt(args, 1))),
};

const indent: HclFunction = {
  name: 'indent',
  description: 'The text with spaces before every line but the first',
  parameters: [{ name: 'spaces', type: NUMBER, description: 'how many spaces' }, TEXT],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'indent(2, "items:\\n- a\\n- b")', result: '"items:\\n  - a\\n  - b"' }],
  call(args, context) {
    const spaces = wholeAt(args, 0, { min: 0 });
    const lines = textAt(args, 1).split('\n');
    context.chargeText(spaces * lines.length);
    return stringValue(lines.join(`\n${' '.repeat(spaces)}`));
  },
};

const join: HclFunction = {
  name: 'join',
  description: 'All elements of the lists as one text, with a separator between them',
  parameters: [
    { name: 'separator', type: STRING, description: 'the text between two elements' },
    { name: 'lists', type: listOf(STRING), description: 'the elements', variadic: true },
  ],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'join(", ", ["foo", "bar", "baz"])', result: '"foo, bar, baz"' }],
  call(args, context) {
    const separator = textAt(args, 0);
    const texts = args.slice(1).flatMap((_, at) => textsAt(args, at + 1));
    chargeJoined(context, { separator, texts });
    return stringValue(texts.join(separator));
  },
};

/** Pays for a text before it is made. */
export function chargeJoined(
  context: CallContext,
  { separator, texts }: { separator: string; texts: readonly string[] },
): void {
  context.chargeText(texts.reduce((length, text) => length + separator.length + text.length, 0));
}

const lower = ofText(
  {
    name: 'lower',
    description: 'The text in lower case',
    examples: [{ call: 'lower("АЛЛО!")', result: '"алло!"' }],
  },
  (text) => text.toLowerCase(),
);

const split: HclFunction = {
  name: 'split',
  description: 'The parts of the text between occurrences of a separator',
  parameters: [{ name: 'separator', type: STRING, description: 'the text between two parts' }, TEXT],
  returns: listOf(STRING),
  marks: 'all',
  examples: [
    { call: 'split(",", "foo,bar,baz")', result: '["foo", "bar", "baz"]' },
    { call: 'split(",", "")', result: '[""]' },
  ],
  call(args, context) {
    const separator = textAt(args, 0);
    const text = textAt(args, 1);
    const parts = separator === '' ? Array.from(text) : text.split(separator);
    context.charge(parts.length);
    return listValue(
      parts.map((part) => stringValue(part)),
      STRING,
    );
  },
};

const startswith: HclFunction = {
  name: 'startswith',
  description: 'Whether the text starts with another text',
  parameters: [TEXT, { name: 'prefix', type: STRING, description: 'the text that it may start with' }],
  returns: BOOL,
  marks: 'all',
  examples: [{ call: 'startswith("hello world", "hello")', result: 'true' }],
  call: (args) => boolValue(textAt(args, 0).startsWith(textAt(args, 1))),
};

const strrev: HclFunction = {
  name: 'strrev',
  description: 'The characters of the text from last to first',
  parameters: [TEXT],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'strrev("hello")', result: '"olleh"' }],
  call: (args, context) => stringValue(charactersOf(textAt(args, 0), context).reverse().join('')),
};

/** Finding where characters begin costs more than other work on text does, so it is paid for here. */
export function charactersOf(text: string, context: CallContext): string[] {
  context.charge(text.length >> 3);
  return graphemes(text);
}

const substr: HclFunction = {
  name: 'substr',
  description: 'A part of the text; an offset below zero counts from the end, a length of -1 goes to the end',
  parameters: [
    TEXT,
    { name: 'offset', type: NUMBER, description: 'how many characters to leave out before' },
    { name: 'length', type: NUMBER, description: 'how many characters to take, or -1' },
  ],
  returns: STRING,
  marks: 'all',
  examples: [
    { call: 'substr("hello world", 1, 4)', result: '"ello"' },
    { call: 'substr("hello world", -5, -1)', result: '"world"' },
  ],
  call(args, context) {
    const characters = charactersOf(textAt(args, 0), context);
    const offset = wholeAt(args, 1, { min: Number.MIN_SAFE_INTEGER });
    const length = wholeAt(args, 2, { min: -1 });
    const start = offset < 0 ? Math.max(0, characters.length + offset) : offset;
    return stringValue(characters.slice(start, length < 0 ? undefined : start + length).join(''));
  },
};

const title = ofText(
  {
    name: 'title',
    description: 'The text with the first letter of each word in upper case',
    examples: [{ call: 'title("hello world")', result: '"Hello World"' }],
  },
  (text) => text.replace(/(?<![\p{L}\p{N}\p{M}_])\p{L}/gu, upperLetter),
);

/** One letter for one: those whose upper case is several letters stay. */
function upperLetter(letter: string): string {
  const upper = letter.toUpperCase();
  return Array.from(upper).length === 1 ? upper : letter;
}

const trim: HclFunction = {
  name: 'trim',
  description: 'The text without any of some characters at its start and end',
  parameters: [TEXT, { name: 'characters', type: STRING, description: 'the characters to take off' }],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'trim("?!hello?!", "!?")', result: '"hello"' }],
  call(args) {
    const characters = Array.from(textAt(args, 0));
    const unwanted = new Set(textAt(args, 1));
    const start = characters.findIndex((character) => !unwanted.has(character));
    const end = characters.findLastIndex((character) => !unwanted.has(character));
    return stringValue(start < 0 ? '' : characters.slice(start, end + 1).join(''));
  },
};

const trimprefix: HclFunction = {
  name: 'trimprefix',
  description: 'The text without another text at its start, if it stands there',
  parameters: [TEXT, { name: 'prefix', type: STRING, description: 'the text to take off' }],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'trimprefix("helloworld", "hello")', result: '"world"' }],
  call(args) {
    const text = textAt(args, 0);
    const prefix = textAt(args, 1);
    return stringValue(text.startsWith(prefix) ? text.slice(prefix.length) : text);
  },
};

const trimsuffix: HclFunction = {
  name: 'trimsuffix',
  description: 'The text without another text at its end, if it stands there',
  parameters: [TEXT, { name: 'suffix', type: STRING, description: 'the text to take off' }],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'trimsuffix("helloworld", "world")', result: '"hello"' }],
  call(args) {
    const text = textAt(args, 0);
    const suffix = textAt(args, 1);
    return stringValue(text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text);
  },
};

const trimspace = ofText(
  {
    name: 'trimspace',
    description: 'The text without spaces, tabs and newlines at its start and end',
    examples: [{ call: 'trimspace("  hello\\n\\n")', result: '"hello"' }],
  },
  (text) => {
    let start = 0;
    let end = text.length;
    while (start < end && SPACE.test(text.charAt(start))) start += 1;
    while (start < end && SPACE.test(text.charAt(end - 1))) end -= 1;
    return text.slice(start, end);
  },
);

const upper = ofText(
  {
    name: 'upper',
    description: 'The text in upper case',
    examples: [{ call: 'upper("hello")', result: '"HELLO"' }],
  },
  (text) => text.toUpperCase(),
);

export const stringFunctions: readonly HclFunction[] = [
  chomp,
  endswith,
  indent,
  join,
  lower,
  split,
  startswith,
  strrev,
  substr,
  title,
  trim,
  trimprefix,
  trimsuffix,
  trimspace,
  upper,
];
