import { expect, test } from 'vitest';
import { lineOf } from '../../hcl/diagnostic.ts';
import { parseFile } from '../../hcl/parse.ts';
import { sketchBody } from './sketch.ts';

/** Lines and summaries of all diagnostics. */
function mistakes(text: string): readonly string[] {
  return parseFile('test.hcl', text).diagnostics.map(
    ({ source, span, summary }) => `${String(lineOf(source, span.start))} ${summary}`,
  );
}

test('every mistake of a file is told at once', () => {
  const text = `
a = [1 2]
b = f(1
c = "unclosed
d {
  e = 1 2
  f = {
    g = 1 1
  }
  h = = 1
  i "x" = 1
}
j = 'x'
k: 1
l = 1
`;
  expect(mistakes(text)).toEqual([
    '2 Missing item separator',
    '4 Missing argument separator',
    '4 Invalid multi-line string',
    '6 Missing newline after argument',
    '8 Missing attribute separator',
    '10 Invalid expression',
    '11 Invalid block definition',
    '13 Invalid character',
    '14 Argument or block definition required',
  ]);
  expect(sketchBody(parseFile('test.hcl', text).body)).toContain('l = 1');
});

test('a bracket left open does not swallow what follows with less or equal indentation', () => {
  expect(mistakes('a {\n  b = [1, 2\n  c = 3\n}\nd = 1 1\n')).toEqual([
    '3 Missing item separator',
    '5 Missing newline after argument',
  ]);
  expect(mistakes('a {\n  b = {\n    c = 1\n  d = 2\n}\ne = 1 1\n')).toEqual([
    '6 Missing newline after argument',
  ]);
});

test('a brace that closes a block is found again after a mistake in it', () => {
  expect(mistakes('a {\n  b = (1\n}\nc {\n  d = 1 1\n}\n')).toEqual([
    '3 Unbalanced parentheses',
    '5 Missing newline after argument',
  ]);
  expect(mistakes('a { b = 1 1 }\nc = 1 1\n')).toEqual([
    '1 Invalid single-argument block definition',
    '2 Missing newline after argument',
  ]);
  expect(mistakes('a { b = 1\n  c = 2\n}\nd = 1 1\n')).toEqual([
    '1 Invalid single-argument block definition',
    '4 Missing newline after argument',
  ]);
});

test('an expression that breaks off at the end of a line is one mistake', () => {
  expect(mistakes('a = b ?\n  c :\n  d\ne = 1 1\n')).toEqual([
    '1 Invalid expression',
    '4 Missing newline after argument',
  ]);
  expect(mistakes('a = 1 +\n  2\nb = 1\n')).toEqual(['1 Invalid expression']);
});

test('a block whose brace stands on the next line is one mistake', () => {
  expect(mistakes('a "b"\n{\n  c = 1\n}\nd = 1 1\n')).toEqual([
    '1 Invalid block definition',
    '5 Missing newline after argument',
  ]);
  expect(mistakes('a\n{\n  c = 1\n}\nd = 1 1\n')).toEqual([
    '1 Invalid block definition',
    '5 Missing newline after argument',
  ]);
});

test('a missing closing brace is told once, whatever the depth', () => {
  expect(mistakes('a {\n  b {\n    c {\n      d = 1\n')).toEqual(['5 Unclosed block']);
});

test('a closing brace too many is told, and the file goes on', () => {
  expect(mistakes('a {\n}\n}\nb = 1 1\n')).toEqual([
    '3 Argument or block definition required',
    '4 Missing newline after argument',
  ]);
});

test('several wrong escapes of one string are all told', () => {
  expect(mistakes('a = "\\x \\y"\n')).toEqual(['1 Invalid escape sequence', '1 Invalid escape sequence']);
});

test('a quote left open in a sequence does not take the next lines with it', () => {
  expect(mistakes('a = "${b("c)}\nd = 1\ne = 1 1\n')).toEqual([
    '1 Invalid multi-line string',
    '3 Missing newline after argument',
  ]);
});

test('mistakes come from top to bottom', () => {
  expect(mistakes('a = 1\na = 2\nb = 1 1\n')).toEqual([
    '2 Attribute redefined',
    '3 Missing newline after argument',
  ]);
});
