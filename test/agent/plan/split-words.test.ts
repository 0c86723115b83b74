import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { needsShell, splitWords } from '../../../agent/plan/split-words.ts';

test.each([
  ['a b  c', ['a', 'b', 'c']],
  ['  a\tb ', ['a', 'b']],
  [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
  [`a'b'"c"d`, ['abcd']],
  [`'' ""`, ['', '']],
  ['a\\ b \\\\', ['a b', '\\']],
  [`"a\\"b" "a\\\\b" "a\\nb" '\\'`, ['a"b', 'a\\b', 'a\\nb', '\\']],
  ['', []],
  ['   ', []],
])('%s', (line, words) => {
  expect(splitWords(line)).toEqual(words);
});

test.each([`'a`, `"a`, 'a\\', `"a\\"`])('%s is not complete', (line) => {
  expect(splitWords(line)).toBeNull();
});

test.each([
  ...[
    'a | b',
    'a && b',
    'a; b',
    'a > f',
    'a < f',
    '(a)',
    'echo $HOME',
    'echo `a`',
    'ls *',
    'ls a?',
    'ls [ab]',
  ],
  ...[
    'ls ~',
    '# a',
    'FOO=bar a',
    '! a',
    'a\nb',
    '{ a; }',
    'exit 3',
    'cd /tmp',
    'export A',
    '. ./file',
    'if a',
  ],
])('%s is a matter for a shell', (line) => {
  expect(needsShell(line)).toBe(true);
});

test.each(['./launch.sh --delay=3 a', `echo "a b" 'c'`, 'a\\ b', 'echo exit', 'test -f a', 'true'])(
  '%s is not',
  (line) => {
    expect(needsShell(line)).toBe(false);
  },
);

test('words are those that the shell of this machine makes', () => {
  const lines = fc.array(
    fc.string({ unit: fc.constantFrom('a', 'é', ' ', '\t', "'", '"', '\\', '-'), maxLength: 14 }),
    { minLength: 20, maxLength: 40 },
  );
  fc.assert(
    fc.property(lines, (batch) => {
      const whole = batch.filter((line) => !needsShell(line) && splitWords(line) !== null);
      const script = whole.map((line) => `printf '%s\\0' ${line} "end of line"\n`).join('');
      const printed = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
      // printf prints one empty word where it gets none before the marker: the format is used at least once.
      const words = printed.split('\0').slice(0, -1);
      expect(words).toEqual(whole.flatMap((line) => [...(splitWords(line) ?? []), 'end of line']));
    }),
    { numRuns: 40 },
  );
});
