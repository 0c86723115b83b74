import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatEnvelope, parseEnvelope } from '../../../control-plane/secrets/envelope.ts';

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const envelope = fc.record({
  provider: fc.stringMatching(/^[a-z]{1,32}$/),
  key: fc.record({ version: fc.integer({ min: 1, max: 999_999_999 }), bytes: bytes(1, 80) }),
  iv: bytes(12, 12),
  ciphertext: bytes(0, 200),
  tag: bytes(16, 16),
});

describe('an envelope', () => {
  it('is the same after writing and reading (property)', () => {
    fc.assert(
      fc.property(envelope, (value) => {
        const read = parseEnvelope(formatEnvelope(value));
        expect(read && { ...read, ...plain(read) }).toEqual({ ...value, ...plain(value) });
      }),
    );
  });

  it('has one form only: whatever else is read is refused (property)', () => {
    fc.assert(
      fc.property(
        envelope,
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 1, unit: 'binary' }),
        (value, at, other) => {
          const text = formatEnvelope(value);
          const index = at % (text.length + 1);
          const changed = text.slice(0, index) + other + text.slice(index + 1);
          const read = parseEnvelope(changed);
          return read === null || formatEnvelope(read) === changed;
        },
      ),
    );
  });

  it('is nothing else', () => {
    fc.assert(fc.property(fc.string(), (text) => parseEnvelope(text) === null));
    for (const text of [
      '',
      'w1',
      'w1......',
      'w1.keyring.0.a.b.c.d',
      'w2.keyring.1.AA.AAAAAAAAAAAAAAAA..AAAAAAAAAAAAAAAAAAAAAA',
    ]) {
      expect(parseEnvelope(text), text).toBeNull();
    }
  });
});

function plain(value: {
  readonly key: { readonly version: number; readonly bytes: Uint8Array };
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}) {
  return {
    key: { version: value.key.version, bytes: [...value.key.bytes] },
    iv: [...value.iv],
    ciphertext: [...value.ciphertext],
    tag: [...value.tag],
  };
}
