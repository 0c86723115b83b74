// The header of a trace, read and written.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatTraceparent, parseTraceparent } from '../../../control-plane/telemetry/traceparent.ts';
import { pressTimeOf } from '../../../control-plane/telemetry/press-time.ts';

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''))
    .filter((text) => /[^0]/.test(text));

test('what is written is read again', () => {
  fc.assert(
    fc.property(hex(32), hex(16), fc.boolean(), (traceId, spanId, sampled) => {
      const context = { traceId, spanId, sampled };
      expect(parseTraceparent(formatTraceparent(context))).toEqual(context);
    }),
  );
});

test('any text is either read or null, and never throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcdefF- g') }), (text) => {
      const read = parseTraceparent(text);
      if (read !== null) expect(read.traceId).toMatch(/^[0-9a-f]{32}$/);
    }),
  );
});

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

test.each([
  ['nothing', undefined],
  ['a trace id of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
  ['a span id of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
  ['capitals', `00-${traceId.toUpperCase()}-${spanId}-01`],
  ['the forbidden version', `ff-${traceId}-${spanId}-01`],
  ['more than version 00 has', `00-${traceId}-${spanId}-01-more`],
])('%s is none', (_, text) => {
  expect(parseTraceparent(text)).toBeNull();
});

test('a later version is read as far as this one goes', () => {
  const expected = { traceId, spanId, sampled: true };
  expect(parseTraceparent(`01-${traceId}-${spanId}-03-more`)).toEqual(expected);
  expect(parseTraceparent(`00-${traceId}-${spanId}-02`)?.sampled).toBe(false);
});

test('an id of a run tells when it was pressed, another id tells nothing', () => {
  expect(pressTimeOf('018f0e5c-2b1a-7abc-8def-0123456789ab')).toBe(Number.parseInt('018f0e5c2b1a', 16));
  expect(pressTimeOf('018f0e5c-2b1a-4abc-8def-0123456789ab')).toBeNull();
});
