import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openStripper, stripControls } from '../../cli/strip-controls.ts';

/** Pieces that mean something to a terminal, mixed with text. */
const pieces = fc.array(
  fc.oneof(
    fc.constantFrom(
      ...[
        '\u001b',
        '\u001b[',
        '\u001b]',
        '\u001bP',
        '\u001b\\',
        '\u0007',
        '\u009b',
        '\u009d',
        '\u009c',
        '\r',
        '\n',
      ],
      ...['31m', '2J', '0;title', '?25l', ';', ' ', '\t', '\u0000', '\u007f', '\u0085', '(B', 'c', '🚏', 'é'],
    ),
    fc.string({ unit: 'binary', maxLength: 10 }),
  ),
  { maxLength: 30 },
);

test('no control character survives but tab and line ends', () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      expect(stripControls(parts.join(''))).not.toMatch(
        /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/,
      );
    }),
    { numRuns: 2_000, verbose: 1 },
  );
});

test('a carriage return survives only before a line feed, so that no line is written over', () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      expect(stripControls(parts.join(''))).not.toMatch(/\r(?!\n)/);
    }),
    { numRuns: 1_000 },
  );
  expect(stripControls('10%\r20%\r\ndone\r')).toBe('10%\n20%\r\ndone\n');
});

test('text without control characters survives as it is', () => {
  const plain = fc.string({ unit: 'grapheme', maxLength: 200 });
  fc.assert(
    fc.property(plain, (text) => stripControls(text) === text),
    { numRuns: 1_000 },
  );
});

test('text around whole sequences survives', () => {
  const sequence = fc.constantFrom(
    ...[
      '\u001b[31m',
      '\u001b[0;1;4m',
      '\u001b[2J',
      '\u001b[?25l',
      '\u001b]0;title\u0007',
      '\u001b]8;;http://x\u001b\\',
    ],
    ...[
      '\u001bP1$r\u001b\\',
      '\u001b(B',
      '\u001bc',
      '\u001b#8',
      '\u009b31m',
      '\u009dtitle\u009c',
      '\u0007',
      '\u0000',
    ],
  );
  const words = fc.array(fc.tuple(fc.stringMatching(/^[a-z äß🚏.\n]*$/u), sequence), { maxLength: 20 });
  fc.assert(
    fc.property(words, (list) => {
      const text = list.map(([word, control]) => word + control).join('');
      expect(stripControls(text)).toBe(list.map(([word]) => word).join(''));
    }),
    { numRuns: 1_000 },
  );
});

test('however the text is cut, what is shown is the same', () => {
  fc.assert(
    fc.property(pieces, fc.array(fc.nat(8), { maxLength: 60 }), (parts, cuts) => {
      const characters = [...parts.join('')];
      const stripper = openStripper();
      let shown = '';
      for (const cut of cuts) shown += stripper.push(characters.splice(0, cut).join(''));
      shown += stripper.push(characters.join('')) + stripper.end();
      expect(shown).toBe(stripControls(parts.join('')));
    }),
    { numRuns: 2_000, verbose: 1 },
  );
});

test('what pretends to be a sequence hides so much text and no more', () => {
  expect(stripControls(`\u001b]0;${'x'.repeat(1_000_000)}`).length).toBeGreaterThan(900_000);
  expect(stripControls(`\u001b[${'1'.repeat(1_000_000)}`).length).toBeGreaterThan(900_000);
  expect(stripControls('\u001b]0;never ended\nnext line')).toBe('\nnext line');
});

test('takes time in proportion to the text', () => {
  const hostile = '\u001b]'.repeat(200_000) + '\u001b['.repeat(200_000) + '\r'.repeat(200_000);
  const begun = performance.now();
  stripControls(hostile);
  expect(performance.now() - begun).toBeLessThan(5_000);
});
