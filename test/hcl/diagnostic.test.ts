import { expect, test } from 'vitest';
import { diagnosticToJson, lineOf, lineText, positionOf } from '../../hcl/diagnostic.ts';
import { parseFile } from '../../hcl/parse.ts';

function at(text: string, offset: number): string {
  const { line, column } = positionOf({ name: 'x', text }, offset);
  return `${String(line)}:${String(column)}`;
}

test('lines and columns begin at one', () => {
  expect(at('a\nbc\n', 0)).toBe('1:1');
  expect(at('a\nbc\n', 1)).toBe('1:2');
  expect(at('a\nbc\n', 2)).toBe('2:1');
  expect(at('a\nbc\n', 3)).toBe('2:2');
  expect(at('a\nbc\n', 5)).toBe('3:1');
  expect(at('', 0)).toBe('1:1');
});

test('a column is one for what a person takes for one character', () => {
  expect(at('é=1', 1)).toBe('1:2');
  expect(at('e\u0301=1', 2)).toBe('1:2');
  expect(at('👩‍👩‍👧=1', '👩‍👩‍👧'.length)).toBe('1:2');
  expect(at('日本=1', 2)).toBe('1:3');
  expect(at('\t=1', 1)).toBe('1:2');
});

test('a byte order mark has no column, a carriage return before a newline ends no line', () => {
  expect(at('\ufeffab', 2)).toBe('1:2');
  expect(at('a\r\nb', 3)).toBe('2:1');
});

test('a line of absurd length is counted without segmenting it', () => {
  const text = `${'é'.repeat(2_000_000)}=`;
  const begin = performance.now();
  expect(at(text, text.length - 1)).toBe('1:2000001');
  expect(performance.now() - begin).toBeLessThan(5_000);
});

test('the text of a line comes without its newline', () => {
  const source = { name: 'x', text: 'a\r\nb\n\nc' };
  expect([1, 2, 3, 4].map((line) => lineText(source, line))).toEqual(['a', 'b', '', 'c']);
  expect(lineOf(source, 3)).toBe(2);
});

test('as data a diagnostic has a range with lines and columns', () => {
  const [diagnostic] = parseFile('agent.hcl', 'a = 1\n\né = [1 two]\n').diagnostics;
  if (diagnostic === undefined) throw new Error('no diagnostic');
  expect(diagnosticToJson(diagnostic)).toEqual({
    severity: 'error',
    summary: 'Missing item separator',
    detail:
      'A comma before the next item, or the closing bracket, is expected here, but there is the name "two".',
    range: { file: 'agent.hcl', start: { line: 3, column: 8 }, end: { line: 3, column: 11 } },
  });
  expect(diagnosticToJson({ ...diagnostic, code: 'some_code' }).code).toBe('some_code');
});
