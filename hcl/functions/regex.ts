// Regular expressions in RE2 syntax on a linear-time engine, and `replace`, which takes one between slashes. No
// pattern ever reaches the engine of JavaScript, which can be made to search forever.
import { RE2JS, RE2JSSyntaxException } from 're2js';
import type { Matcher } from 're2js';
import { patternLengthMax, patternsKeptMax, patternStepsPerUnit, searchWorkPerStep } from '../limits.ts';
import type { Value } from '../values.ts';
import {
  ANY,
  listOf,
  listValue,
  NULL,
  objectValue,
  STRING,
  stringValue,
  tupleValue,
  typeOf,
} from '../values.ts';
import { textAt } from './arguments.ts';
import type { CallContext, HclFunction, Parameter } from './function.ts';
import { FunctionProblem } from './function.ts';

const PATTERN: Parameter = {
  name: 'pattern',
  type: STRING,
  description: 'a regular expression in RE2 syntax',
};
const compiled = new Map<string, RE2JS>();

/** The compiled pattern; those used last are kept. Costs the same whether it was kept or not. */
function compile(pattern: string, { context, argument }: { context: CallContext; argument: number }): RE2JS {
  if (pattern.length > patternLengthMax) {
    throw new FunctionProblem(`a pattern may have no more than ${patternLengthMax} characters`, { argument });
  }
  context.charge(pattern.length * patternStepsPerUnit);
  const known = compiled.get(pattern);
  if (known) return known;
  try {
    const fresh = RE2JS.compile(pattern);
    const [oldest] = compiled.keys();
    if (compiled.size >= patternsKeptMax && oldest !== undefined) compiled.delete(oldest);
    compiled.set(pattern, fresh);
    return fresh;
  } catch (error) {
    const shown = error instanceof RE2JSSyntaxException ? error.message : 'it is too large';
    throw new FunctionProblem('it is not a regular expression in RE2 syntax', { argument, shown });
  }
}

/** The matches one after the other; each search may have to read all of the text that remains. */
function* search(pattern: RE2JS, text: string, context: CallContext): Generator<Matcher> {
  const matcher = pattern.matcher(text);
  const size = pattern.programSize();
  let from = 0;
  for (;;) {
    context.charge(1 + Math.ceil(((text.length - from) * size) / searchWorkPerStep));
    if (!matcher.find()) return;
    from = matcher.end();
    yield matcher;
  }
}

/** The whole match when nothing is captured, a tuple of the captures, or an object of the named ones. */
function resultOf(match: Matcher, pattern: RE2JS): Value {
  const count = pattern.groupCount();
  const names = Object.entries(pattern.namedGroups());
  if (count === 0) return stringValue(match.group(0) ?? '');
  if (names.length > 0)
    return objectValue(names.map(([name, group]) => [name, captured(match, group)] as const));
  return tupleValue(Array.from({ length: count }, (_, at) => captured(match, at + 1)));
}

function captured(match: Matcher, group: number): Value {
  const text = match.group(group);
  return text === null ? NULL : stringValue(text);
}

function checkGroups(pattern: RE2JS): void {
  const named = Object.keys(pattern.namedGroups()).length;
  if (named === 0 || named === pattern.groupCount()) return;
  throw new FunctionProblem('named and unnamed captures cannot be mixed', { argument: 0 });
}

const regex: HclFunction = {
  name: 'regex',
  description:
    'The first match of a pattern in the text: the match itself, a list of its unnamed captures, or a map of its named ones',
  parameters: [PATTERN, { name: 'string', type: STRING, description: 'the text to search in' }],
  returns: ANY,
  marks: 'all',
  examples: [
    { call: 'regex("[a-z]+", "53453453.345345aaabbbccc23454")', result: '"aaabbbccc"' },
    { call: 'regex("(\\\\d\\\\d\\\\d\\\\d)-(\\\\d\\\\d)", "2019-02-01")', result: '["2019", "02"]' },
    { call: 'regex("(?P<scheme>[a-z]+)://", "https://example.com/")', result: '{ scheme = "https" }' },
  ],
  call(args, context) {
    const pattern = compile(textAt(args, 0), { context, argument: 0 });
    checkGroups(pattern);
    for (const match of search(pattern, textAt(args, 1), context)) return resultOf(match, pattern);
    throw new FunctionProblem(
      'the pattern does not match any part of the text; regexall() gives an empty list then',
    );
  },
};

const regexall: HclFunction = {
  name: 'regexall',
  description: 'All matches of a pattern in the text, each as regex() gives it',
  parameters: [PATTERN, { name: 'string', type: STRING, description: 'the text to search in' }],
  returns: listOf(ANY),
  marks: 'all',
  examples: [
    { call: 'regexall("[a-z]+", "1234abcd5678efgh9")', result: 'tolist(["abcd", "efgh"])' },
    { call: 'length(regexall("[a-z]+", "1234"))', result: '0' },
  ],
  call(args, context) {
    const pattern = compile(textAt(args, 0), { context, argument: 0 });
    checkGroups(pattern);
    const results: Value[] = [];
    for (const match of search(pattern, textAt(args, 1), context)) results.push(resultOf(match, pattern));
    const [first] = results;
    return listValue(results, first ? typeOf(first) : STRING);
  },
};

const replace: HclFunction = {
  name: 'replace',
  description:
    'The text with each occurrence of another text replaced. Between slashes stands a regular expression, ' +
    'and then `$1` or `$name` in the replacement is what it captured',
  parameters: [
    { name: 'string', type: STRING, description: 'the text to search in' },
    { name: 'substring', type: STRING, description: 'the text to replace, or a pattern between slashes' },
    { name: 'replacement', type: STRING, description: 'the text to put in its place' },
  ],
  returns: STRING,
  marks: 'all',
  examples: [
    { call: 'replace("1 + 2 + 3", "+", "-")', result: '"1 - 2 - 3"' },
    { call: 'replace("hello world", "/w.*d/", "everybody")', result: '"hello everybody"' },
    { call: 'replace("v1.2", "/v(\\\\d+)\\\\.(\\\\d+)/", "$2.$1")', result: '"2.1"' },
  ],
  call(args, context) {
    const text = textAt(args, 0);
    const wanted = textAt(args, 1);
    const replacement = textAt(args, 2);
    if (wanted.length > 1 && wanted.startsWith('/') && wanted.endsWith('/')) {
      const pattern = compile(wanted.slice(1, -1), { context, argument: 1 });
      return stringValue(replacePattern({ text, pattern, replacement }, context));
    }
    const parts = wanted === '' ? ['', ...text, ''] : text.split(wanted);
    context.charge(parts.length);
    context.chargeText(text.length + (parts.length - 1) * replacement.length);
    return stringValue(parts.join(replacement));
  },
};

interface PatternReplacement {
  readonly text: string;
  readonly pattern: RE2JS;
  readonly replacement: string;
}

function replacePattern({ text, pattern, replacement }: PatternReplacement, context: CallContext): string {
  const pieces: string[] = [];
  let end = 0;
  for (const match of search(pattern, text, context)) {
    context.chargeText(match.start() - end + replacement.length);
    pieces.push(text.slice(end, match.start()), expand(replacement, { match, pattern }, context));
    end = match.end();
  }
  return pieces.join('') + text.slice(end);
}

/** `$name`, `$1` and `${name}` stand for captures, the longest name that can be read; `$$` is a dollar sign. */
function expand(
  replacement: string,
  { match, pattern }: { match: Matcher; pattern: RE2JS },
  context: CallContext,
): string {
  const names = pattern.namedGroups();
  return replacement.replace(
    /\$(?:(\$)|(\w+)|\{(\w+)\})/g,
    (_, dollar?: string, bare?: string, braced?: string) => {
      if (dollar !== undefined) return '$';
      const name = bare ?? braced ?? '';
      const group = /^[0-9]+$/.test(name) ? Number(name) : names[name];
      const text = group === undefined || group > pattern.groupCount() ? '' : (match.group(group) ?? '');
      context.chargeText(text.length);
      return text;
    },
  );
}

export const regexFunctions: readonly HclFunction[] = [regex, regexall, replace];
