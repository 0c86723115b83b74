// Totality: whatever the expression, evaluation gives a value or diagnostics, in bounded time, and never an exception.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Expression, TemplatePart } from '../../hcl/ast.ts';
import { evaluate } from '../../hcl/evaluate.ts';
import type { Evaluated } from '../../hcl/evaluate.ts';
import { newBudget } from '../../hcl/evaluate-scope.ts';
import { FunctionProblem } from '../../hcl/functions/function.ts';
import type { HclFunction, Parameter } from '../../hcl/functions/function.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { valueFromJson, valueToJson } from '../../hcl/json.ts';
import { evaluationStepsMax, valueSizeMax } from '../../hcl/limits.ts';
import { parseExpression } from '../../hcl/parse.ts';
import type { Value } from '../../hcl/values.ts';
import { listValue, sizeOf, STRING, stringValue } from '../../hcl/values.ts';
import { caseVariables } from './evaluation-cases/scope.ts';
import { expressionText } from './expression-text.ts';

const source = { name: 'case.hcl', text: '' };
/** Far above what any of these takes, so that a busy machine does not fail them, and far below forever. */
const MOMENT_MS = 15_000;

function run(hcl: string, variables: ReadonlyMap<string, Value> = caseVariables): Evaluated {
  const parsed = parseExpression('case.hcl', hcl);
  return evaluate(parsed.expression, { source: parsed.source, variables, functions: standardFunctions });
}

function expectTotal(hcl: string): void {
  const { value, diagnostics } = run(hcl);
  if (diagnostics.length > 0) expect(value.kind).toBe('null');
  expect(sizeOf(value)).toBeLessThanOrEqual(valueSizeMax);
  expect(JSON.parse(valueToJson(value))).toBeDefined();
}

describe('any expression', () => {
  it('that parses gives a value or diagnostics', () => {
    const names = [...caseVariables.keys()];
    fc.assert(fc.property(expressionText({ names, depth: 5 }), expectTotal), { numRuns: 4_000 });
  });

  it('of random characters of the language does so too', () => {
    const soup = fc
      .array(
        fc.constantFrom(
          ...'abx01 "${}[]()*.,:?=!<>&|%+-/~\\\n'.split(''),
          'for ',
          'in ',
          'if ',
          'name',
          '...',
          '=>',
          'null',
          'upper(',
          '%{ if ',
        ),
        { maxLength: 40 },
      )
      .map((parts) => parts.join(''));
    fc.assert(fc.property(fc.oneof(soup, fc.string({ unit: 'binary' })), expectTotal), { numRuns: 4_000 });
  });

  it('gives the same result each time', () => {
    const names = [...caseVariables.keys()];
    fc.assert(
      fc.property(expressionText({ names, depth: 4 }), (hcl) => {
        expect(valueToJson(run(hcl).value)).toBe(valueToJson(run(hcl).value));
      }),
      { numRuns: 500 },
    );
  });
});

describe('every function', () => {
  const texts = fc.oneof(
    fc.constantFrom(
      '',
      'a',
      'a,b',
      'true',
      '-5',
      '%s',
      '%5.2f|%v',
      '%[2]d',
      '/a(b)?/',
      '(a)|(?P<n>b)',
      'x{2,3}',
      '$1',
      '{"a":[1e2]}',
      '- a: *b',
    ),
    fc.constantFrom(
      '2018-01-02T23:12:01+02:00',
      '-1.5h',
      "YYYY'x'",
      '10.1.2.3/20',
      '::/0',
      'SGVsbG8=',
      '"a","b"\n1,',
      'é☃👾',
      'e\u0301',
      '\ud800',
    ),
    fc.string({ unit: 'binary', maxLength: 12 }),
  );
  const numbers = fc.constantFrom(
    '0',
    '1',
    '-1',
    '2',
    '3.5',
    '16',
    '62',
    '1e30',
    '-1e-30',
    '12345678901234567890',
    '1e4999',
  );
  const jsons: fc.Arbitrary<string> = fc.oneof(
    texts.map((text) => JSON.stringify(text.toWellFormed())),
    numbers,
    fc.constantFrom('true', 'false', 'null'),
    fc.json({ maxDepth: 2 }),
  );
  const lists = fc.array(jsons, { maxLength: 3 }).map((items) => `[${items.join(',')}]`);
  const maps = fc
    .array(fc.tuple(fc.constantFrom('a', 'b', '__proto__'), jsons), { maxLength: 3 })
    .map((entries) => `{${entries.map(([key, value]) => `"${key}":${value}`).join(',')}}`);

  /** Mostly of the parameter's type, so that the function itself has to deal with it. */
  function argumentFor({ type, shape }: Parameter): fc.Arbitrary<string> {
    const fitting: fc.Arbitrary<string> =
      type.kind === 'string'
        ? texts.map((text) => JSON.stringify(text.toWellFormed()))
        : type.kind === 'number'
          ? numbers
          : shape === 'sequence' || type.kind === 'list'
            ? lists
            : shape === 'mapping' || type.kind === 'map'
              ? maps
              : fc.oneof(jsons, lists, maps);
    return fc.oneof({ arbitrary: fitting, weight: 12 }, { arbitrary: jsons, weight: 1 });
  }

  it.each([...standardFunctions.values()])(
    '$name gives a value or says why not, whatever it is given',
    ({ name, parameters }) => {
      const last = parameters.at(-1);
      const more = last?.variadic ? [last, last] : [];
      const given = fc.tuple(...[...parameters, ...more].map((parameter) => argumentFor(parameter)));
      fc.assert(
        fc.property(given, (args) => {
          const variables = new Map(args.map((json, at) => [`v${at}`, valueFromJson(json)]));
          const { value, diagnostics } = run(`${name}(${[...variables.keys()].join(', ')})`, variables);
          if (diagnostics.length > 0) expect(value.kind).toBe('null');
          for (const { detail } of diagnostics) expect(detail).not.toMatch(/defect|undefined|NaN|\[object/);
          expect(valueToJson(valueFromJson(valueToJson(value)))).toBe(valueToJson(value));
        }),
        { numRuns: 150 },
      );
    },
  );
});

/** Loops in loops around an expression: `doubled(20)` doubles its element twenty times over. */
function nestedLoops(depth: number, { element, body }: { element: string; body: string }): string {
  let hcl = body.replaceAll('$V', `v${depth}`);
  for (let at = depth; at > 0; at -= 1) {
    const inner = at === 1 ? element : body.replaceAll('$V', `v${at - 1}`);
    hcl = `[for v${at} in [${inner}]: ${hcl}]`;
  }
  return hcl;
}

describe('a limit is a diagnostic', () => {
  const seven = 'range(1000)';
  it.each([
    ['loops in loops', `[for a in ${seven}: [for b in ${seven}: [for c in ${seven}: c]]]`],
    ['values that share parts', nestedLoops(40, { element: '1', body: '[$V, $V]' })],
    ['objects that share parts', nestedLoops(40, { element: '1', body: '{a = $V, b = $V}' })],
    ['texts that double', nestedLoops(40, { element: '"ab"', body: '"${$V}${$V}"' })],
    [
      'texts in a template loop',
      '"%{ for a in range(1000) }%{ for b in range(1000) }%{ for c in range(1000) }x%{ endfor }%{ endfor }%{ endfor }"',
    ],
    ['joined texts', nestedLoops(30, { element: '"ab"', body: 'join($V, [$V, $V, $V])' })],
    ['replaced texts', nestedLoops(30, { element: '"ab"', body: 'replace($V, "a", $V)' })],
    [
      'texts replaced by a pattern',
      nestedLoops(30, { element: '"ab"', body: 'replace($V, "/(.*)/", "$1$1")' }),
    ],
    ['formatted texts', nestedLoops(30, { element: '"ab"', body: 'format("%s%s", $V, $V)' })],
    ['padded texts', '[for i in range(1000): [for j in range(1000): format("%9999s", "")]]'],
    ['indented texts', nestedLoops(30, { element: '"a\\n"', body: 'indent(1000000, "${$V}\\n")' })],
    ['concatenated lists', nestedLoops(40, { element: '[1, 2]', body: 'concat($V, $V)' })],
    ['products', 'setproduct(range(1000), range(1000), range(1000))'],
    ['flattened lists', nestedLoops(40, { element: '[1]', body: 'flatten([$V, $V])' })],
    [
      'nested keys',
      `[for a in [${nestedLoops(20, { element: '"ab"', body: '"${$V}${$V}"' })}]: [for i in range(1000): {for k in [jsonencode(a)]: k => jsonencode({(k) = 1})}]]`,
    ],
    ['powers', nestedLoops(60, { element: '10', body: 'pow($V, 10)' })],
    ['products of numbers', nestedLoops(60, { element: '1234567', body: '$V * $V' })],
    ['fractions', nestedLoops(60, { element: '0.1234567', body: '$V * $V' })],
    [
      'hashes',
      `[for a in [${nestedLoops(18, { element: '"ab"', body: '"${$V}${$V}"' })}]: [for i in range(1000): [for j in range(1000): sha512(jsonencode(a))]]]`,
    ],
    [
      'YAML aliases',
      'yamldecode("a: &a [x,x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]")',
    ],
    ['deep JSON', `jsondecode("${'['.repeat(5_000)}")`],
    ['deep YAML', `yamldecode("${'['.repeat(5_000)}")`],
    ['deeply indented YAML', `yamldecode("${'- '.repeat(2_000)}")`],
  ])(
    '%s',
    (_, hcl) => {
      const { value, diagnostics } = run(hcl);
      expect(diagnostics).not.toEqual([]);
      expect(value.kind).toBe('null');
    },
    MOMENT_MS,
  );

  it(
    'also inside try, can and a branch that is not taken',
    () => {
      const endless = '[for a in range(1000): [for b in range(1000): [for c in range(1000): c]]]';
      for (const hcl of [`try(${endless}, 1)`, `can(${endless})`, `true ? 1 : ${endless}`]) {
        expect(run(hcl).diagnostics.map(({ summary }) => summary)).toEqual(['Evaluation limit reached']);
      }
    },
    MOMENT_MS,
  );

  it('for expressions that are nested more deeply than a stack is', () => {
    let expression: Expression = {
      node: 'literal',
      literal: { kind: 'bool', value: true },
      start: 0,
      end: 0,
    };
    for (let depth = 0; depth < 100_000; depth += 1)
      expression = { node: 'parentheses', inner: expression, start: 0, end: 0 };
    const { diagnostics } = evaluate(expression, { source, variables: new Map(), functions: new Map() });
    expect(diagnostics.map(({ summary }) => summary)).toEqual(['Evaluation limit reached']);
  });

  it(
    'for expressions that need more stack than there is',
    () => {
      const span = { start: 0, end: 0 };
      const yes: Expression = { node: 'literal', literal: { kind: 'bool', value: true }, ...span };
      const collection: Expression = { node: 'tuple', items: [yes], ...span };
      let expression: Expression = yes;
      for (let depth = 0; depth < 400; depth += 1) {
        const body: readonly TemplatePart[] = [{ part: 'interpolation', expression, ...span }];
        const loop: TemplatePart = { part: 'for', key: null, value: 'v', collection, body, ...span };
        expression = { node: 'template', form: 'quoted', parts: [loop], ...span };
      }
      const outcomes = new Set<string>();
      const deeper = (frame: number): void => {
        if (frame % 100 === 0) {
          const { value, diagnostics } = evaluate(expression, {
            source,
            variables: new Map(),
            functions: new Map(),
          });
          outcomes.add(diagnostics[0]?.summary ?? value.kind);
        }
        if (!outcomes.has('Evaluation limit reached')) deeper(frame + 1);
      };
      deeper(0);
      expect(outcomes).toEqual(new Set(['string', 'Evaluation limit reached']));
    },
    MOMENT_MS,
  );

  it(
    'for evaluations that share one budget',
    () => {
      const budget = newBudget();
      const { expression } = parseExpression('case.hcl', '[for i in range(1000): [for j in range(100): j]]');
      const once = () =>
        evaluate(expression, { source, variables: new Map(), functions: standardFunctions, budget });
      expect(once().diagnostics).toEqual([]);
      expect(budget.steps).toBeGreaterThan(100_000);
      expect(Array.from({ length: 10 }, once).some(({ diagnostics }) => diagnostics.length > 0)).toBe(true);
      expect(budget.steps).toBeGreaterThan(evaluationStepsMax);
    },
    MOMENT_MS,
  );
});

describe('texts made to be slow', () => {
  const long = (text: string, count: number): ReadonlyMap<string, Value> =>
    new Map([['t', stringValue(text.repeat(count))]]);

  it.each([
    ['spaces to trim', 'trimspace("x${t}x")', long(' ', 200_000)],
    ['newlines to chomp', 'chomp("x${t}x")', long('\n', 200_000)],
    ['characters to trim', 'trim("x${t}x", " ")', long(' ', 200_000)],
    ['words for title', 'title(t)', long('a-', 200_000)],
    ['a pattern that backtracking engines never finish', 'regexall("^(a+)+$", "${t}b")', long('a', 200_000)],
    ['a search that reads on to the end each time', 'regexall("a.*b|a", t)', long('a', 200_000)],
    ['an open string in JSON', 'jsondecode("\\"${t}")', long('\\\\', 200_000)],
    ['many brackets in JSON', 'jsondecode(t)', long('[', 200_000)],
    ['quotes in CSV', 'csvdecode(t)', long('"', 200_001)],
    ['fields in CSV', 'csvdecode(t)', long(',', 200_001)],
    ['keys in YAML', 'yamldecode(join("\\n", [for i in range(1000): "k${i}: ${i}"]))', long('', 0)],
    ['newlines for YAML', 'yamlencode("x${t}\\u0001")', long('\n', 200_000)],
    ['zeros in a number', 'tonumber("1${t}1")', long('0', 200_000)],
    ['zeros after a point', 'tonumber("0.1${t}")', long('0', 200_000)],
    ['digits in a base', 'parseint(t, 36)', long('z', 200_000)],
    ['base64', 'base64decode(base64encode(t))', long('é', 200_000)],
    ['a duration', 'timeadd("2018-01-02T23:12:01Z", t)', long('1h', 200_000)],
    ['a format for dates', 'formatdate(t, "2018-01-02T23:12:01Z")', long("''", 200_000)],
    ['verbs', 'format(t)', long('%', 200_000)],
    ['an address', 'cidrhost("${t}/8", 1)', long('1:', 200_000)],
    ['names to suggest', '{(t) = 1}["${t}x"]', long('n', 200_000)],
    ['marks on letters', 'length(t)', long('e\u0301\u0301', 100_000)],
  ])(
    '%s',
    (_, hcl, variables) => {
      const { value, diagnostics } = run(hcl, variables);
      if (diagnostics.length > 0) expect(value.kind).toBe('null');
      for (const { detail } of diagnostics) expect(detail.length).toBeLessThan(1_000);
    },
    MOMENT_MS,
  );

  it(
    'big lists are not looked through again and again',
    () => {
      const big = listValue(
        Array.from({ length: 100_000 }, (_, at) => stringValue(`item ${at}`)),
        STRING,
      );
      const { diagnostics } = run('[for i in range(1000): contains(big, "x")]', new Map([['big', big]]));
      expect(diagnostics.map(({ summary }) => summary)).toEqual(['Evaluation limit reached']);
    },
    MOMENT_MS,
  );
});

describe('functions of others', () => {
  const base = { description: 'd', parameters: [], returns: STRING, examples: [], marks: 'all' } as const;
  const failing: HclFunction = {
    ...base,
    name: 'failing',
    call: () => {
      throw new FunctionProblem('the file is not there', { shown: '/etc/x' });
    },
  };
  const broken: HclFunction = {
    ...base,
    name: 'broken',
    call: () => {
      throw new Error('secret detail');
    },
  };
  const functions = new Map([failing, broken].map((one) => [one.name, one]));

  it('say what is wrong', () => {
    const { expression } = parseExpression('case.hcl', 'failing()');
    const { diagnostics } = evaluate(expression, { source, variables: new Map(), functions });
    expect(diagnostics.map(({ detail }) => detail)).toEqual([
      'failing() failed: the file is not there (/etc/x).',
    ]);
  });

  it('may break without breaking the evaluation, and what they throw is not shown', () => {
    const { expression } = parseExpression('case.hcl', '[broken(), 1 / 0]');
    const { diagnostics } = evaluate(expression, { source, variables: new Map(), functions });
    expect(diagnostics.map(({ summary }) => summary)).toEqual(['Function failed', 'Division by zero']);
    expect(JSON.stringify(diagnostics)).not.toContain('secret detail');
  });
});

describe('values from JSON', () => {
  it('come back as they were, with all digits and every name', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (json) => {
        const text = JSON.stringify(json);
        const once = valueToJson(valueFromJson(text));
        expect(valueToJson(valueFromJson(once))).toBe(once);
      }),
    );
  });
});
