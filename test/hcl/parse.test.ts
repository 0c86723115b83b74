import { expect, test } from 'vitest';
import { parseExpression, parseFile, parseTemplate } from '../../hcl/parse.ts';
import { sketch, sketchBody, sketchParts } from './sketch.ts';

function body(text: string): string {
  const { body, diagnostics } = parseFile('test.hcl', text);
  expect(diagnostics.map(({ summary }) => summary)).toEqual([]);
  return sketchBody(body);
}

function expression(text: string): string {
  const { expression, diagnostics } = parseExpression('test.hcl', text);
  expect(diagnostics.map(({ summary }) => summary)).toEqual([]);
  return sketch(expression);
}

test.each([
  ['a = 1\nb {\n}\nc = 2\n', 'a = 1; b {}; c = 2'],
  ['a "b" c "d\\ne" {\n  f = 1\n  g {\n  }\n}\n', 'a "b" c "d\\ne" {f = 1; g {}}'],
  ['a {}\nb { c = 1 }\n', 'a {}; b {c = 1}'],
  ['a = 1', 'a = 1'],
  ['# only a comment', ''],
  ['\ufeffa = 1\r\nb = 2\r\n', 'a = 1; b = 2'],
  ['for = 1\ntrue = 2\n', 'for = 1; true = 2'],
  ['e\u0301 = e\u0301.e\u0301\n', 'é = é.é'],
  ['a "e\u0301" {}\n', 'a "é" {}'],
])('the body %j is %s', (text, sketched) => {
  expect(body(text)).toBe(sketched);
});

test.each([
  // Operations
  ['1 + 2 * 3', '(1 + (2 * 3))'],
  ['1 * 2 + 3', '((1 * 2) + 3)'],
  ['a - b - c', '((a - b) - c)'],
  ['a / b * c % d', '(((a / b) * c) % d)'],
  ['a || b && c == d < e + f * -g', '(a || (b && (c == (d < (e + (f * (-g)))))))'],
  ['a == b != c', '((a == b) != c)'],
  ['-a.b[0]', '(-a.b[0])'],
  ['!a && !!b', '((!a) && (!(!b)))'],
  ['a-b', 'a-b'],
  ['a -b', '(a - b)'],
  ['1-1', '(1 - 1)'],
  // Conditionals
  ['a ? b : c', '(a ? b : c)'],
  ['a ? b ? c : d : e', '(a ? (b ? c : d) : e)'],
  ['a ? b : c ? d : e', '(a ? b : (c ? d : e))'],
  ['a || b ? c + d : e', '((a || b) ? (c + d) : e)'],
  // Terms
  ['(a)', '((a))'],
  ['true', 'true'],
  ['null', 'null'],
  ['nullable', 'nullable'],
  ['007', '007'],
  ['1.5e-10', '1.5e-10'],
  // Accesses
  ['a.b.c', 'a.b.c'],
  ['a . b', 'a.b'],
  ['a["b"][c].d', 'a[quoted["b"]][c].d'],
  ['a.0.b', 'a.[0].b'],
  ['a.1e5', 'a.[1e5]'],
  ['f().a', 'f().a'],
  ['[1][0]', '[1][0]'],
  ['1.a', '1.a'],
  // Splats
  ['a.*', '<a.*>'],
  ['a.*.b.c', '<a.*.b.c>'],
  ['a.*.b[0]', '<a.*.b>[0]'],
  ['a.*.0.b', '<a.*.[0].b>'],
  ['a[*]', '<a[*]>'],
  ['a[*].b[0].c', '<a[*].b[0].c>'],
  ['a[*][*].b', '<a[*][*].b>'],
  ['a[*].b.*.c[0]', '<a[*].b.*.c[0]>'],
  ['a.*.b[*].c', '<<a.*.b>[*].c>'],
  ['a.*.b[0].*.c', '<<a.*.b>[0].*.c>'],
  // Calls
  ['f()', 'f()'],
  ['f (1, 2,)', 'f(1, 2)'],
  ['f(a, b...)', 'f(a, b...)'],
  ['a::b::c(1)', 'a::b::c(1)'],
  ['true(1)', 'true(1)'],
  ['f(g(h(1)))', 'f(g(h(1)))'],
  // Collections
  ['[]', '[]'],
  ['[1, 2,]', '[1, 2]'],
  ['{}', '{}'],
  [
    '{a = 1, "b": 2, (c) = 3, d.e = 4, 5 = 6, true = 7}',
    '{a: 1, (quoted["b"]): 2, (((c))): 3, (d.e): 4, (5): 6, true: 7}',
  ],
  ['{a = 1\nb = 2,\n\nc = 3\n}', '{a: 1, b: 2, c: 3}'],
  ['{a ? b : c = d}', '{((a ? b : c)): d}'],
  // For expressions
  ['[for a in b : c]', '[for a in b : c]'],
  ['[for a, b in c : d if e]', '[for a, b in c : d if e]'],
  ['{for a in b : c => d}', '{for a in b : c => d}'],
  ['{for a, b in c : d => e... if f}', '{for a, b in c : d => e... if f}'],
  ['[for a in b ? c : d : e]', '[for a in (b ? c : d) : e]'],
  ['[(for), forest]', '[((for)), forest]'],
  ['{a = 1, for = 2}', '{a: 1, for: 2}'],
  ['[for for in in : if if if]', '[for for in in : if if if]'],
])('the expression %j means %s', (text, sketched) => {
  expect(expression(text)).toBe(sketched);
});

test('newlines are white space between parentheses and brackets, and in a for expression', () => {
  expect(body('a = (\n1\n+\n2\n)\nb = f(\n1\n,\n2\n)\nc = [\n1\n,\n2\n]\nd = e[\n0\n]\n')).toBe(
    'a = (((1 + 2))); b = f(1, 2); c = [1, 2]; d = e[0]',
  );
  expect(body('a = {\nfor\nb\nin\nc\n:\nd\n=>\ne\n...\n}\n')).toBe('a = {for b in c : d => e...}');
  expect(body('a = [b\n[0]]\n')).toBe('a = [b[0]]');
});

test('inside of an object newlines separate items again, also between parentheses', () => {
  expect(body('a = ({\nb = 1\nc = (2\n+ 3)\n})\n')).toBe('a = (({b: 1, c: (((2 + 3)))}))');
});

test('an expression that stands alone may have newlines everywhere', () => {
  expect(expression('\n1\n+\n2\n')).toBe('(1 + 2)');
});

test('every node knows its range', () => {
  const text = 'a "b" {\n  c = x.y[*].z + f(1)\n}\n';
  const { body } = parseFile('test.hcl', text);
  const of = ({ start, end }: { start: number; end: number }): string => text.slice(start, end);
  const block = body.blocks[0];
  const attribute = block?.body.attributes[0];
  const sum = attribute?.expression;
  if (block === undefined || attribute === undefined || sum?.node !== 'binary' || sum.left.node !== 'splat')
    throw new Error('shape');
  expect(of(block)).toBe(text.trimEnd());
  expect(of(block.header)).toBe('a "b"');
  expect(of(block.typeSpan)).toBe('a');
  expect(block.labels.map(of)).toEqual(['"b"']);
  expect(of(block.body)).toBe('  c = x.y[*].z + f(1)\n');
  expect(of(attribute)).toBe('c = x.y[*].z + f(1)');
  expect(of(attribute.nameSpan)).toBe('c');
  expect(of(sum)).toBe('x.y[*].z + f(1)');
  expect(of(sum.left)).toBe('x.y[*].z');
  expect(of(sum.left.source)).toBe('x.y');
  expect(sum.left.each.map(of)).toEqual(['.z']);
  expect(of(sum.right)).toBe('f(1)');
  expect(of(body)).toBe(text);
});

test('a template alone has sequences but no escapes', () => {
  const { expression, diagnostics } = parseTemplate('test', 'a "b" \\n ${c}\n%{ if d }e%{ endif }$${f}');
  expect(diagnostics).toEqual([]);
  expect(expression.form).toBe('bare');
  expect(sketchParts(expression.parts)).toBe('"a \\"b\\" \\\\n " c "\\n" if d then "e" end "${f}"');
});

test('what was read before a mistake stays in the tree', () => {
  expect(sketchBody(parseFile('test.hcl', 'a = x.y.\nb = [1, 2 3]\nc = f(1, \nd = 2\n').body)).toBe(
    'a = x.y; b = [1, 2]; c = f(1, d)',
  );
  expect(sketchBody(parseFile('test.hcl', 'a = \n').body)).toBe('a = ?');
});

test('prototype names are names like any other', () => {
  expect(body('__proto__ = {constructor = x.__proto__, toString = 1}\nvalueOf "hasOwnProperty" {}\n')).toBe(
    '__proto__ = {constructor: x.__proto__, toString: 1}; valueOf "hasOwnProperty" {}',
  );
  expect(
    parseFile('test.hcl', '__proto__ = 1\n__proto__ = 2\n').diagnostics.map(({ summary }) => summary),
  ).toEqual(['Attribute redefined']);
});
