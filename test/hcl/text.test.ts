// Text in the order of its code points and in the characters that a reader sees.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareText, graphemeCount, graphemes, wellFormed } from '../../hcl/text.ts';

const text = fc.string({ unit: 'binary', maxLength: 6 });

it('orders texts as their code points are ordered', () => {
  const byCodePoint = (left: string, right: string): number => {
    const [a, b] = [Array.from(left), Array.from(right)].map((characters) =>
      characters.map((character) => character.codePointAt(0) ?? 0),
    );
    for (const [at, point] of (a ?? []).entries()) {
      const other = b?.[at];
      if (other === undefined) return 1;
      if (point !== other) return point - other;
    }
    return (a ?? []).length - (b ?? []).length;
  };
  fc.assert(
    fc.property(text, text, (left, right) => {
      expect(Math.sign(compareText(left, right))).toBe(Math.sign(byCodePoint(left, right)));
    }),
    { numRuns: 2_000 },
  );
});

it('normalizes once and for all, and leaves no lone surrogate', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'e\u0301', '\u0301', '\ud83d', '\ude00', 'ﬁ', '가') }),
      (any) => {
        const once = wellFormed(any);
        expect(wellFormed(once)).toBe(once);
        expect(once.isWellFormed()).toBe(true);
        expect(once).toBe(once.normalize('NFC'));
      },
    ),
  );
});

it('splits into characters that join to the text again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (any) => {
      expect(graphemes(any).join('')).toBe(any);
      expect(graphemeCount(any)).toBe(graphemes(any).length);
    }),
  );
  expect(graphemes('a\r\nb')).toEqual(['a', '\r\n', 'b']);
  expect(graphemes('👨‍👩‍👧e\u0301')).toEqual(['👨‍👩‍👧', 'e\u0301']);
});
