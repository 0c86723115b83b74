// Whatever the text, parsing ends, throws nothing, and takes time in proportion.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Expression } from '../../hcl/ast.ts';
import { diagnosticToJson } from '../../hcl/diagnostic.ts';
import { format } from '../../hcl/format.ts';
import { diagnosticsMax, expressionHeightMax, nestingDepthMax } from '../../hcl/limits.ts';
import { parseExpression, parseFile, parseTemplate } from '../../hcl/parse.ts';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';
import { generateFile, mutate, seeded } from './generate.ts';
import { sketch } from './sketch.ts';

/** Parses in all three ways, draws every diagnostic, formats; returns the summaries of the file's. */
function survive(text: string): readonly string[] {
  const { diagnostics, source } = parseFile('x', text);
  const all = [diagnostics, parseExpression('x', text).diagnostics, parseTemplate('x', text).diagnostics];
  for (const diagnostic of all.flat()) {
    expect(diagnostic.span.start).toBeLessThanOrEqual(diagnostic.span.end);
    expect(diagnostic.span.end).toBeLessThanOrEqual(text.length);
    renderDiagnostic(diagnostic, { color: true });
    diagnosticToJson(diagnostic);
  }
  expect(source.text).toBe(text);
  format(text);
  return diagnostics.map(({ summary }) => summary);
}

const tokens = [
  ...[
    '{',
    '}',
    '[',
    ']',
    '(',
    ')',
    '"',
    '${',
    '%{',
    '~}',
    '\n',
    '=',
    '==',
    ',',
    '.',
    '...',
    ':',
    '::',
    '=>',
    '?',
    '-',
    '!',
    '*',
  ],
  ...[
    '/',
    '#',
    '//',
    '/*',
    '*/',
    '<<E\n',
    '<<-E\n',
    '\nE\n',
    '\\',
    '$',
    '%',
    '&&',
    '||',
    '&',
    "'",
    'for',
    'in',
    'if',
    'else',
  ],
  ...[
    'endif',
    'endfor',
    '1',
    '2.5',
    'a',
    'b',
    ' ',
    ' ',
    '\r',
    '\ufeff',
    '\ud800',
    '\u0000',
    'é',
    '😀',
    'null',
    'f(',
  ],
];

describe('random input', () => {
  const options = { numRuns: 1_000, verbose: true } as const;
  test('bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (bytes) => void survive(new TextDecoder('latin1').decode(bytes)),
      ),
      options,
    );
  });
  test('text with lone surrogates', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 100 }),
        (text) => void survive(`${text}\ud800${text}`),
      ),
      options,
    );
  });
  test('token soup', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...tokens), { maxLength: 80 }),
        (soup) => void survive(soup.join('')),
      ),
      options,
    );
  });
  test('almost valid files', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = seeded(seed);
        survive(mutate(random, generateFile(random)));
      }),
      { ...options, numRuns: 500 },
    );
  });
});

/** A tree's height, without recursion, so that a tree that is too high is measured rather than overflowing. */
function heightOf(expression: Expression): number {
  let highest = 0;
  const open: { readonly value: unknown; readonly height: number }[] = [{ value: expression, height: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, height } = next;
    if (typeof value !== 'object' || value === null) continue;
    const below = 'node' in value ? height + 1 : height;
    highest = Math.max(highest, below);
    for (const inner of Object.values(value)) open.push({ value: inner, height: below });
  }
  return highest;
}

describe('depth', () => {
  const openings = [
    '[',
    '(',
    '{a=',
    'f(',
    '!',
    '-',
    '"${',
    'x[',
    '{for a in b:a=>',
    '[for a in',
    '"%{if ',
    'a?',
    'a ?b:',
  ];
  test.each(openings)('100,000 times %j gives a diagnostic', (opening) => {
    expect(survive(`a = ${opening.repeat(100_000)}`)).toContain('Nesting too deep');
  });
  test('100,000 nested blocks give a diagnostic', () => {
    expect(survive('a {\n'.repeat(100_000))).toEqual(['Nesting too deep']);
  });
  test('100,000 nested directives give a diagnostic', () => {
    expect(survive(`a = "${'%{if b}'.repeat(100_000)}"`)).toContain('Nesting too deep');
  });
  test.each(['+1', '.b', '[0]', '.*.b[0]', '&&c', '[*]'])(
    '100,000 times %j behind a value gives a diagnostic',
    (link) => {
      expect(survive(`a = b${link.repeat(100_000)}`)).toEqual(['Expression too long']);
    },
  );
  test('no tree is higher than the limit, whatever chains are nested in each other', () => {
    const { expression, diagnostics } = parseExpression(
      'x',
      `${'('.repeat(150)}x${`${'+1'.repeat(40)})`.repeat(150)}`,
    );
    expect(diagnostics.map(({ summary }) => summary)).toEqual(['Expression too long']);
    expect(heightOf(expression)).toBeLessThanOrEqual(expressionHeightMax + nestingDepthMax);
  });
  test('as deep as allowed is allowed', () => {
    const depth = nestingDepthMax - 2;
    const { expression, diagnostics } = parseExpression('x', `${'['.repeat(depth)}1${']'.repeat(depth)}`);
    expect(diagnostics).toEqual([]);
    expect(sketch(expression)).toHaveLength(2 * depth + 1);
  });
});

describe('size', () => {
  const million = 1_000_000;
  test.each([
    ['a number of a million digits', `a = ${'1'.repeat(million)}\n`, []],
    ['a heredoc of a million lines', `a = <<E\n${'x\n'.repeat(million)}E\n`, []],
    ['a flush heredoc of spaces', `a = <<-E\n${' '.repeat(million)}x\nE\n`, []],
    ['a heredoc without an end', `a = <<E\n${'x E\n'.repeat(million / 4)}`, ['Unterminated template string']],
    ['a string of a million dollars', `a = "${'$'.repeat(million)}"\n`, []],
    ['a million newlines after a mistake', `a = (\n${'\n'.repeat(million)}`, ['Unbalanced parentheses']],
    ['a comment without an end', `/*${'*'.repeat(million)}`, ['Unclosed comment']],
    ['a name of a million letters', `${'a'.repeat(million)} = 1\n`, []],
    ['a million marks on a letter', `a${'\u0301'.repeat(million)} = 1\n`, []],
    [
      'as many wrong escapes as fit',
      `a = "${'\\x'.repeat(million / 2)}"\n`,
      expect.arrayContaining(['Too many errors']),
    ],
    [
      'the same argument again and again',
      'a = 1\n'.repeat(million / 10),
      expect.arrayContaining(['Too many errors']),
    ],
    ['a hundred thousand items', `a = [${'1,'.repeat(100_000)}]\n`, []],
  ])('%s', (_name, text, summaries) => {
    const { diagnostics } = parseFile('x', text);
    expect(diagnostics.map(({ summary }) => summary)).toEqual(summaries);
  });
  test('a text that alignment or indentation would blow up stays as it is', () => {
    const aligned = `${'a'.repeat(500_000)} = 1\n${'a = 1\n'.repeat(50_000)}`;
    expect(format(aligned)).toBe(aligned);
    const indented = 'a {\n'.repeat(100_000);
    expect(format(indented)).toBe(indented);
  });
  test('an exponent beyond the limit is a diagnostic', () => {
    expect(survive('a = 1e9999999999\n')).toEqual(['Invalid number literal']);
  });
  test('a file that is no HCL at all has a bounded number of errors', () => {
    const summaries = survive('nothing; here }\n'.repeat(10_000));
    expect(summaries.length).toBeLessThanOrEqual(diagnosticsMax + 1);
    expect(summaries.at(-1)).toBe('Too many errors');
  });
});
