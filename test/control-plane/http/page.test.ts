import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCursor, encodeCursor, toPage } from '../../../control-plane/http/page.ts';

test('a cursor gives back the key that it was made of', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (key) => {
      const cursor = encodeCursor(key);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(decodeCursor(cursor)).toBe(key);
    }),
  );
  expect(decodeCursor(undefined)).toBeNull();
});

test('text that no page gave is refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        expect(encodeCursor(decodeCursor(text) ?? '')).toBe(text);
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_cursor' });
      }
    }),
  );
});

test('a page has so many rows, and a cursor only where there are more', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.uuid(), { maxLength: 30 }),
      fc.integer({ min: 1, max: 20 }),
      (ids, limit) => {
        const seen: string[] = [];
        let rest = ids;
        for (;;) {
          const page = toPage(rest.slice(0, limit + 1), limit, { key: (id) => id, item: (id) => id });
          expect(page.items.length).toBeLessThanOrEqual(limit);
          seen.push(...page.items);
          if (page.next_cursor === null) break;
          const last = decodeCursor(page.next_cursor);
          rest = ids.slice(ids.indexOf(last ?? '') + 1);
        }
        expect(seen).toEqual(ids);
      },
    ),
  );
});
