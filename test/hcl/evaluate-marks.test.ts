// Marks: what is sensitive or chosen by someone else stays so through every expression, operator and function, and
// nothing of a sensitive value stands in a diagnostic.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Expression } from '../../hcl/ast.ts';
import { evaluate } from '../../hcl/evaluate.ts';
import type { Evaluated } from '../../hcl/evaluate.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { parseExpression } from '../../hcl/parse.ts';
import type { Value } from '../../hcl/values.ts';
import {
  boolValue,
  countValue,
  marksOf,
  objectValue,
  SENSITIVE,
  stringValue,
  TAINTED,
  tupleValue,
  visitLeaves,
  withMarksDeep,
} from '../../hcl/values.ts';
import { expressionText } from './expression-text.ts';

const BOTH = SENSITIVE | TAINTED;
const SECRET = 'hunter2-Tr0ub4dor';

const variables: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['secret', stringValue(SECRET, BOTH)],
  ['number', countValue(7, BOTH)],
  ['yes', boolValue(true, BOTH)],
  ['list', tupleValue([stringValue('a'), stringValue('b')], BOTH)],
  ['map', objectValue([['a', stringValue('x')]], BOTH)],
  ['mixed', tupleValue([stringValue('plain'), stringValue(SECRET, BOTH)])],
  [
    'settings',
    objectValue([
      ['token', stringValue(SECRET, BOTH)],
      ['name', stringValue('web')],
    ]),
  ],
]);

function run(hcl: string, extra: ReadonlyMap<string, Value> = new Map()): Evaluated {
  const { source, expression, diagnostics } = parseExpression('case.hcl', hcl);
  expect(diagnostics).toEqual([]);
  return evaluate(expression, {
    source,
    variables: new Map([...variables, ...extra]),
    functions: standardFunctions,
  });
}

function valueOf(hcl: string): Value {
  const { value, diagnostics } = run(hcl);
  expect(diagnostics.map(({ detail }) => detail)).toEqual([]);
  return value;
}

describe('a mark stays on everything that a marked value decides', () => {
  it.each(
    [
      'secret',
      '(secret)',
      '"${secret}"',
      '"a ${secret} b"',
      '"%{ if yes }a%{ endif }"',
      '"%{ for v in list }x%{ endfor }"',
      '"%{ for v in mixed }${v}%{ endfor }"',
      'number + 1',
      '1 - number',
      '-number',
      '!yes',
      'yes && true',
      'true && yes',
      'false || yes',
      'number == 7',
      '[secret] == ["x"]',
      '1 < number',
      'yes ? 1 : 2',
      'true ? secret : "x"',
      'list[0]',
      '["a", "b", "c", "d", "e", "f", "g", "h"][number]',
      'map.a',
      'map["a"]',
      '{hunter2-Tr0ub4dor = 1}[secret]',
      'list[*]',
      'secret[*]',
      '[for v in list: 1]',
      '[for i, v in list: i]',
      '{for k, v in map: k => 1}',
      '[for v in ["a"]: v if yes]',
      '{for v in ["a"]: secret => v}',
      '{(secret) = 1}',
      '{for v in mixed: v => 1}',
      'upper(secret)',
      'try(secret, "x")',
      'try(list[9], "x")',
      'can(tonumber(secret))',
      'can(list[9])',
      'can(join(",", mixed))',
    ].filter((hcl) => hcl !== 'upper(list...)[0]'),
  )('%s', (hcl) => {
    expect(valueOf(hcl).marks & BOTH).toBe(BOTH);
  });

  it.each(['settings.name', 'mixed[0]', '"${settings.name}!"', 'length(mixed)', 'keys(settings)'])(
    '%s has none, for it does not depend on what is marked',
    (hcl) => {
      expect(marksOf(valueOf(hcl))).toBe(0);
    },
  );

  it.each([
    ['merge(settings, {b = 1})', 1],
    ['concat(mixed, ["x"])', 1],
    ['reverse(mixed)', 1],
    ['flatten([mixed, ["y"]])', 1],
    ['slice(mixed, 0, 2)', 1],
    ['values(settings)', 1],
    ['zipmap(["a", "b"], mixed)', 1],
    ['chunklist(mixed, 1)', 1],
    ['tolist(mixed)', 1],
    ['tomap(settings)', 1],
    ['true ? settings : {}', 1],
    ['settings[*].token', 1],
  ])('%s keeps the mark on the one element that has it', (hcl, marked) => {
    let count = 0;
    visitLeaves(valueOf(hcl), (_, marks) => (count += (marks & BOTH) === BOTH ? 1 : 0));
    expect(count).toBe(marked);
  });
});

describe('sensitive and nonsensitive', () => {
  it('set and take away SENSITIVE, and never TAINTED', () => {
    expect(valueOf('sensitive("a")').marks).toBe(SENSITIVE);
    expect(valueOf('nonsensitive(sensitive("a"))').marks).toBe(0);
    expect(valueOf('nonsensitive(secret)').marks).toBe(TAINTED);
    expect(valueOf('nonsensitive(upper(secret))').marks).toBe(TAINTED);
  });
});

/** Where a mark of an argument need not show: arguments that the example's result does not depend on. */
const UNUSED = new Set(['lookup 2', 'coalesce 1', 'coalesce 2', 'coalescelist 0', 'try 1']);

describe('every function passes on the marks of each of its arguments', () => {
  const calls = [...standardFunctions.values()].flatMap(({ name, examples, lazy }) => {
    const example = examples[0];
    return example && !lazy ? [{ name, call: example.call }] : [];
  });

  it.each(calls)('$name', ({ name, call }) => {
    const { source, expression } = parseExpression('case.hcl', call);
    const outer = outermostCall(expression, name);
    for (const [at, argument] of outer.arguments.entries()) {
      if (UNUSED.has(`${name} ${at}`)) continue;
      const scope = { source, variables, functions: standardFunctions };
      const marked = withMarksDeep(evaluate(argument, scope).value, BOTH);
      const { start, end } = argument;
      const hcl = `${call.slice(outer.start, start)}marked${call.slice(end, outer.end)}`;
      const { value, diagnostics } = run(hcl, new Map([['marked', marked]]));
      expect(diagnostics).toEqual([]);
      expect(marksOf(value) & TAINTED, `argument ${at}`).toBe(TAINTED);
      if (name !== 'nonsensitive') expect(marksOf(value) & SENSITIVE, `argument ${at}`).toBe(SENSITIVE);
    }
  });
});

function outermostCall(expression: Expression, name: string): Extract<Expression, { node: 'call' }> {
  if (expression.node === 'call') {
    const inner = expression.arguments.find((argument) => argument.node === 'call' && argument.name === name);
    return expression.name !== name && inner?.node === 'call' ? inner : expression;
  }
  throw new Error(`no call of ${name}`);
}

describe('no diagnostic shows a sensitive value', () => {
  it.each([
    'secret + 1',
    '-secret',
    '!secret',
    'secret ? 1 : 2',
    '{}[secret]',
    '{a = 1}[secret]',
    '[1][secret]',
    'jsondecode(secret)',
    'yamldecode("[${secret}")',
    'yamldecode("*${secret}")',
    'base64decode(secret)',
    'csvdecode("a\\n1,${secret}")',
    'regex(secret, "a")',
    'regex("[", secret)',
    'parseint(secret, 10)',
    'format("%d", secret)',
    'format(secret, 1)',
    'formatdate(secret, "2018-01-02T23:12:01Z")',
    'formatdate("YYYY", secret)',
    'timeadd(secret, "1h")',
    'timeadd("2018-01-02T23:12:01Z", secret)',
    'cidrhost(secret, 1)',
    'tonumber(secret)',
    'tobool(secret)',
    'tolist(secret)',
    'index([], secret)',
    'lookup({}, secret)',
    'try(tonumber(secret), tobool(secret))',
    'abs(secret)',
    'settings.token.x',
    '{for v in [secret, secret]: v => 1}',
    'jsondecode("{\\"${secret}\\":1}").x',
    'zipmap([secret], [1]).x',
    'true ? {(secret) = 1} : [1]',
    'sum([secret])',
    'max(secret, 1)',
    'range(secret)',
    'chunklist([1], secret)',
    'substr(secret, secret, 1)',
    'tomap({a = secret, b = []})',
    '"${jsondecode("[\\"${secret}\\"]")}!"',
  ])('%s', (hcl) => {
    const { diagnostics } = run(hcl);
    expect(diagnostics.length).toBeGreaterThan(0);
    expect(JSON.stringify(diagnostics.map(({ summary, detail }) => [summary, detail]))).not.toContain(SECRET);
  });

  it('in any expression', () => {
    const names = [...variables.keys()];
    fc.assert(
      fc.property(expressionText({ names, depth: 4 }), (hcl) => {
        fc.pre(!hcl.includes('nonsensitive'));
        const { source, expression } = parseExpression('case.hcl', hcl);
        const { diagnostics } = evaluate(expression, { source, variables, functions: standardFunctions });
        const said = diagnostics.map(({ summary, detail }) => `${summary} ${detail}`).join('\n');
        expect(said.toLowerCase()).not.toContain(SECRET.toLowerCase());
      }),
      { numRuns: 3_000 },
    );
  });
});
