// Safe patterns (rules.md 23): the automaton's verdict against a list judged by hand, and against the engine itself.
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { isWord, provePattern } from '../../../hcl/agent-file/pattern-language.ts';
import { shellWord } from '../../../hcl/agent-file/safe-words.ts';

const safe = [
  '^v[0-9]+\\.[0-9]+\\.[0-9]+$',
  '^(dev|staging|prod)$',
  '\\A[a-z][a-z0-9-]*\\z',
  '^[A-Za-z0-9_.:@%+,/=][A-Za-z0-9_.:@%+,/=-]*$',
  '^\\w+$',
  '^\\w[\\w-]{0,62}$',
  '^(?:a|b)$',
  '^(?P<major>\\d{1,3})$',
  '^a$|^b$',
  '^[[:alnum:]]+$',
  '^\\Qv1.0\\E$',
  '(?i)^[a-jl-rt-z]+$',
  '^[^\\x00-\\x2f:-\\x{10FFFF}]+$',
  '^a(b?c*)+$',
  '^\\d+\\b$',
  '^(^a)$',
  '(?m)\\Aa\\z',
  '^$a',
  '^a\\B.$',
];

const unsafe = [
  '^a|b$',
  '^[^;&|]*$',
  '^\\S+$',
  '^[A-z]+$',
  '^[,-z]+$',
  '^[\\w-]+$',
  'a',
  '',
  '^a',
  'a$',
  '^[a-z]*$',
  '^a?$',
  '(?m)^a$',
  '(?i)^k$',
  '(?i)^[a-z]+$',
  '^.$',
  '^(?s).$',
  '^\\pL+$',
  '^[^\\pL]$',
  '(?i)^[^\\W]$',
  '^-a$',
  '^a{01}$',
  '^a\\b',
  '^a|^b$',
  '^(a|)$',
  '^[[:print:]]+$',
  '^[a-z\\s]+$',
  '^a\\Q;\\E$',
  '^\\x{3b}$',
  '^\\073$',
  '^[[:^alpha:]]$',
  '^a(?:$|;)',
  '^[a-z]+\\z|;',
];

describe('a pattern admits only shell words', () => {
  it.each(safe)('%s is proven', (pattern) => {
    RE2JS.compile(pattern);
    expect(provePattern(pattern, shellWord)).toEqual({ proven: true });
  });

  it.each(unsafe)('%s is not proven', (pattern) => {
    RE2JS.compile(pattern);
    expect(provePattern(pattern, shellWord).proven).toBe(false);
  });

  it('shows the shortest text that the pattern admits and a shell would read otherwise', () => {
    expect(provePattern('^a|b$', shellWord)).toEqual({ proven: false, example: 'a;' });
    expect(provePattern('^[^;&|]*$', shellWord)).toEqual({ proven: false, example: '' });
    expect(provePattern('^[\\w-]+$', shellWord)).toEqual({ proven: false, example: '-' });
  });

  it('accepts a pattern that allows the empty text when the length forbids it', () => {
    expect(provePattern('^[a-z]*$', shellWord, { nonEmpty: true })).toEqual({ proven: true });
    expect(provePattern('^[a-z]*$', shellWord)).toEqual({ proven: false, example: '' });
  });

  it('gives up, and says unproven, on a pattern that is too large', () => {
    const large = `^${'(?:a{1000})'.repeat(30)}$`;
    expect(provePattern(large, shellWord)).toEqual({ proven: false, example: null });
  });
});

const alphabet = ['a', 'k', '_', '-', ';', '\n', ' ', '0', '\u212a', 'é', '/'];
const atoms = [
  ...['a', 'k', '-', ';', '\\n', '.', '\\w', '\\W', '\\d', '\\s', '\\S', '[a-k]', '[^;]', '[^\\w]', '[-a;]'],
  ...[
    '^',
    '$',
    '\\A',
    '\\z',
    '\\b',
    '\\B',
    '[[:alpha:]]',
    '[^\\n -]',
    '\\Qa\\E',
    '/',
    '[\\d_-]',
    'K',
    '(?:)',
  ],
];

const patterns = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...atoms),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => a + b),
    fc.tuple(tie('node'), tie('node')).map(([a, b]) => `(?:${a}|${b})`),
    fc
      .tuple(tie('node'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,1}', '*?'))
      .map(([a, bound]) => `(?:${a})${bound}`),
    fc.tuple(tie('node'), fc.constantFrom('i', 'm', 's', 'ims')).map(([a, flags]) => `(?${flags}:${a})`),
    tie('node').map((a) => `^(?:${a})$`),
  ),
})).node;

const texts: readonly string[] = [1, 2, 3].reduce(
  (all, length) => [
    ...all,
    ...all
      .filter((text) => [...text].length === length - 1)
      .flatMap((text) => alphabet.map((character) => text + character)),
  ],
  [''],
);

describe('the verdict agrees with the engine', () => {
  it('on every text of up to three characters of a small alphabet', () => {
    fc.assert(
      fc.property(patterns, (pattern) => {
        const engine = RE2JS.compile(pattern);
        const verdict = provePattern(pattern, shellWord);
        const admitted = texts.find((text) => !isWord(text, shellWord) && engine.matcher(text).find());
        if (admitted !== undefined) expect(verdict.proven).toBe(false);
        if (!verdict.proven) {
          const { example } = verdict;
          expect(example).not.toBeNull();
          expect(isWord(example ?? 'a', shellWord)).toBe(false);
          expect(engine.matcher(example ?? '').find()).toBe(true);
        }
      }),
      { numRuns: 1_500 },
    );
  });
});
