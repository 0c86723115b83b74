import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLastLine } from '../../../agent/operations/output.ts';
import { lastLineBytesMax } from '../../../protocol/limits.ts';

function lastLine(chunks: readonly string[]): string {
  const line = createLastLine();
  for (const chunk of chunks) line.add(Buffer.from(chunk));
  return Buffer.from(line.text()).toString();
}

test.each([
  [[], ''],
  [['a'], 'a'],
  [['a\n'], 'a'],
  [['a\nb'], 'b'],
  [['a\r\nb\r\n\r\n\n'], 'b'],
  [['a\n', '\n', '\n'], 'a'],
  [['a', 'b', '\n', 'c'], 'c'],
  [['a\nb', 'c\nd\n'], 'd'],
  [['a\nbc', '\n'], 'bc'],
  [['\n\n'], ''],
] as const)('of %j is %j', (chunks, expected) => {
  expect(lastLine(chunks)).toBe(expected);
});

test('is kept up to a limit, and no more of it is', () => {
  expect(lastLine([...Array<string>(40).fill('x'.repeat(5_000))]).length).toBe(lastLineBytesMax);
  expect(lastLine([`${'x'.repeat(200_000)}\n`]).length).toBe(lastLineBytesMax);
  expect(lastLine([`${'x'.repeat(200_000)}\nshort`])).toBe('short');
});

test('does not depend on where the chunks end', () => {
  const text = fc.array(fc.string({ unit: fc.constantFrom('a', '\n', '\r', 'é') }), { maxLength: 12 });
  fc.assert(
    fc.property(text, (chunks) => {
      const lines = chunks
        .join('')
        .split('\n')
        .map((line) => line.replace(/\r+$/, ''));
      expect(lastLine(chunks)).toBe(lines.findLast((line) => line !== '') ?? '');
    }),
    { numRuns: 2_000 },
  );
});
