// `yamlencode`: block style, every text and key in double quotes, so that no reader takes a text for something else.
import type { Value } from '../values.ts';
import { ANY, isMapping, isSequence, STRING, stringValue } from '../values.ts';
import { valueAt } from './arguments.ts';
import type { HclFunction } from './function.ts';
import { valueToJson } from '../json.ts';

/** Characters that a literal block cannot hold as they are. */
const UNPRINTABLE = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]/;

interface Place {
  /** What stands before the value on its first line: nothing, a dash or a key with its colon. */
  readonly lead: string;
  /** The spaces before that dash or key. */
  readonly column: string;
}

/** Adds the lines of a value. A sequence below a key is not indented; below a dash its first line is the dash's own. */
function addLines(value: Value, { lead, column }: Place, add: (line: string) => void): void {
  const children = childrenWithPrefix(value);
  if (children.length === 0) {
    addScalar(value, { lead, column }, add);
    return;
  }
  const isBelowKey = lead.endsWith(':');
  const inner = lead === '' || (isBelowKey && isSequence(value)) ? column : `${column}  `;
  if (isBelowKey) add(lead);
  for (const [at, [prefix, child]] of children.entries()) {
    const isOnFirstLine = at === 0 && !isBelowKey && lead !== '';
    addLines(child, { lead: isOnFirstLine ? `${lead} ${prefix}` : inner + prefix, column: inner }, add);
  }
}

function childrenWithPrefix(value: Value): readonly (readonly [string, Value])[] {
  if (isSequence(value)) return value.items.map((item) => ['-', item] as const);
  return isMapping(value)
    ? Array.from(value.entries, ([key, entry]) => [`${JSON.stringify(key)}:`, entry] as const)
    : [];
}

function addScalar(value: Value, { lead, column }: Place, add: (line: string) => void): void {
  const space = lead === '' ? '' : ' ';
  if (value.kind !== 'string' || !isBlockText(value.value)) {
    add(`${lead}${space}${valueToJson(value)}`);
    return;
  }
  const { value: text } = value;
  const isEnded = text.endsWith('\n');
  add(`${lead}${space}${isEnded ? '|' : '|-'}`);
  for (const line of (isEnded ? text.slice(0, -1) : text).split('\n'))
    add(line === '' ? '' : `${column}  ${line}`);
}

/** Several lines, the first of which is not indented, with at most one newline at the end. */
function isBlockText(text: string): boolean {
  return text.includes('\n') && /^\S/.test(text) && !text.endsWith('\n\n') && !UNPRINTABLE.test(text);
}

const yamlencode: HclFunction = {
  name: 'yamlencode',
  description: 'The value as YAML in block style',
  parameters: [{ name: 'value', type: ANY, description: 'any value', nullable: true }],
  returns: STRING,
  marks: 'all',
  examples: [
    {
      call: 'yamlencode({ foo = [1, { a = "b", c = "d" }], bar = "baz" })',
      result: '"\\"bar\\": \\"baz\\"\\n\\"foo\\":\\n- 1\\n- \\"a\\": \\"b\\"\\n  \\"c\\": \\"d\\"\\n"',
    },
  ],
  call(args, context) {
    const lines: string[] = [];
    addLines(valueAt(args, 0), { lead: '', column: '' }, (line) => {
      context.chargeText(line.length + 1);
      lines.push(line);
    });
    return stringValue(`${lines.join('\n')}\n`);
  },
};

export const yamlEncodeFunctions: readonly HclFunction[] = [yamlencode];
