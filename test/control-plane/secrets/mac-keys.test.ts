import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { macMatches, macOf } from '../../../control-plane/secrets/mac-keys.ts';

it('is HMAC-SHA-256 of the UTF-8 form, whatever the key and the text (property)', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ minLength: 330, maxLength: 360 }),
    fc.constantFrom('', '\ud800', 'é'.repeat(341), '€'.repeat(342), 'x'.repeat(5_000)),
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 130 }),
      fc.array(text, { minLength: 1, maxLength: 5 }),
      (key, texts) => {
        const mac = macOf(key);
        // One after the other with the same key: nothing of one text may be left in the next.
        for (const each of texts) {
          expect(mac(each)).toBe(`m1.${createHmac('sha256', key).update(each, 'utf8').digest('base64url')}`);
        }
      },
    ),
  );
});

it('matches only what it gave', () => {
  const mac = macOf(new Uint8Array(32));
  expect(macMatches(mac, 'text', mac('text'))).toBe(true);
  for (const claimed of ['', 'm1.', mac('texts'), `${mac('text')}=`]) {
    expect(macMatches(mac, 'text', claimed)).toBe(false);
  }
  expect(macMatches(macOf(Uint8Array.of(1)), 'text', mac('text'))).toBe(false);
});
