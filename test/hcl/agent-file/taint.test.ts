// The analysis against the evaluator: what depends on an input is called tainted, through every function, and what
// is let into a shell text as a plain word arrives there unchanged.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InputDefinition } from '../../../hcl/agent-file/definition.ts';
import { shellWord } from '../../../hcl/agent-file/safe-words.ts';
import { taintsOf, unsafeReason } from '../../../hcl/agent-file/taint.ts';
import type { Taint } from '../../../hcl/agent-file/taint.ts';
import { evaluate } from '../../../hcl/evaluate.ts';
import { standardFunctions } from '../../../hcl/functions/standard.ts';
import { valueToJson } from '../../../hcl/json.ts';
import { parseExpression } from '../../../hcl/parse.ts';
import { objectValue, stringValue } from '../../../hcl/values.ts';

const any: InputDefinition = {
  name: 'any',
  type: { kind: 'string' },
  description: '',
  sensitive: false,
  required: true,
  default: undefined,
};
const inputs = new Map([
  ['any', any],
  ['word', { ...any, name: 'word', pattern: '^[a-z0-9]+$' }],
]);

function taints(text: string): readonly Taint[] {
  const { expression, diagnostics } = parseExpression('test', text);
  expect(diagnostics).toEqual([]);
  return taintsOf(expression, inputs);
}

/** The value as JSON, or null where evaluating it is an error. */
function valueOf(text: string, given: { readonly any: string; readonly word: string }): string | null {
  const { source, expression } = parseExpression('test', text);
  const variables = new Map([
    [
      'var',
      objectValue([
        ['any', stringValue(given.any)],
        ['word', stringValue(given.word)],
      ]),
    ],
  ]);
  const { value, diagnostics } = evaluate(expression, { source, variables, functions: standardFunctions });
  return diagnostics.length === 0 ? valueToJson(value) : null;
}

const unary = [
  ...[
    'upper',
    'lower',
    'title',
    'strrev',
    'trimspace',
    'chomp',
    'base64encode',
    'urlencode',
    'sha256',
    'md5',
  ],
  ...['jsonencode', 'yamlencode', 'tostring', 'coalesce', 'try', 'sensitive', 'nonsensitive'],
];

/** Expressions of strings, lists and maps over two inputs; conditions compare with a text that no input has. */
const expressions = fc.letrec<{ text: string; list: string; map: string }>((tie) => {
  const [text, list, map] = [tie('text'), tie('list'), tie('map')];
  const of = (...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> =>
    fc
      .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
      .map((all) => all.join(''));
  return {
    text: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom('var.any', 'var.word', '"lit"', '"a-b"', 'var["any"]', '"x"'),
      of('"${', text, '}-${', text, '}"'),
      of(fc.constantFrom(...unary), '(', text, ')'),
      of('join(', text, ', ', list, ')'),
      of('format("%s/%s", ', text, ', ', text, ')'),
      of('replace(', text, ', "a", ', text, ')'),
      of('substr(', text, ', 0, 3)'),
      of('(', text, ' == "never" ? ', text, ' : ', text, ')'),
      of('(', text, ' != "never" ? ', text, ' : ', text, ')'),
      of(list, '[0]'),
      of('element(', list, ', 1)'),
      of('jsonencode(', list, ')'),
      of('jsonencode(', map, ')'),
      of(map, '["k"]'),
      of(map, '.k'),
      of('lookup(', map, ', "k", ', text, ')'),
      of('"%{ for x in ', list, ' }${x},%{ endfor }"'),
      of('"%{ for k, v in ', map, ' }${k}=${v},%{ endfor }"'),
      of('"%{ if ', text, ' == "never" }${', text, '}%{ else }${', text, '}%{ endif }"'),
    ),
    list: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      of('[', text, ', ', text, ']'),
      of('split("-", ', text, ')'),
      of('concat(', list, ', ', list, ')'),
      of('[for x in ', list, ' : x]'),
      of('[for x in ', list, ' : ', text, ']'),
      of('[for k, v in ', map, ' : k]'),
      of('reverse(', list, ')'),
      of('keys(', map, ')'),
      of('values(', map, ')'),
      of(list, '[*]'),
    ),
    map: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      of('{ k = ', text, ' }'),
      of('{ k = "a", (', text, ') = ', text, ' }'),
      of('merge(', map, ', ', map, ')'),
      of('{ for k, v in ', map, ' : k => v }'),
      of('{ for x in ', list, ' : x => "v"... }'),
      of('zipmap(["k"], [', text, '])'),
    ),
  };
}).text;

describe('taint', () => {
  it('is never lost: what two inputs make different is tainted', () => {
    let differing = 0;
    let clean = 0;
    fc.assert(
      fc.property(expressions, (text) => {
        const one = valueOf(text, { any: 'Qm; rm-zz8', word: 'qqq1' });
        const other = valueOf(text, { any: 'Wn| x-yyy7', word: 'www2' });
        const found = taints(text);
        if (one === null || other === null) return;
        if (found.length === 0) clean += 1;
        if (one !== other) {
          differing += 1;
          expect(found).not.toEqual([]);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(differing).toBeGreaterThan(200);
    expect(clean).toBeGreaterThan(20);
  });

  it('that is let through as plain words arrives as these words, and nothing else depends on it', () => {
    let words = 0;
    fc.assert(
      fc.property(expressions, fc.boolean(), (expression, both) => {
        const text = both ? expression : expression.replaceAll(/var\.any|var\["any"\]/g, 'var.word');
        const refused = taints(text).some((taint) => unsafeReason(taint, shellWord) !== null);
        const one = valueOf(text, { any: 'Qm; rm-zz8', word: 'qqq1' });
        const other = valueOf(text, { any: 'Wn| x-yyy7', word: 'www2' });
        if (refused || one === null || other === null) return;
        expect(one.replaceAll('qqq1', 'www2')).toBe(other);
        if (one.includes('qqq1')) words += 1;
      }),
      { numRuns: 3_000 },
    );
    expect(words).toBeGreaterThan(20);
  });

  it.each(
    [...standardFunctions.keys()].filter(
      (name) => !['coalesce', 'try', 'sensitive', 'nonsensitive', 'tostring'].includes(name),
    ),
  )('goes through %s, after which nothing is known of the text', (name) => {
    const [taint] = taints(`${name}(var.word)`);
    expect(taint).toMatchObject({ name: 'var.word', input: null, through: name });
    expect(unsafeReason(taint!, shellWord)).toContain(name);
  });

  it('tells where it comes from', () => {
    expect(taints('"a${var.any}b${operation.x.output}"').map(({ name, span }) => [name, span])).toEqual(
      [
        ['var.any', { start: 4, end: 11 }],
        ['operation.x.output', { start: 15, end: 33 }],
      ].map(([name, span]) => [name, expect.objectContaining(span as object)]),
    );
  });
});
