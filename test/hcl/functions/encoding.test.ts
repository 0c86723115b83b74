// Encodings, against what Node has for the same formats.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { valueToJson } from '../../../hcl/json.ts';
import { equalValues } from '../../../hcl/values.ts';
import { anyValue } from '../any-value.ts';
import { call, callText } from './call.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 200 }).map((any) => any.normalize('NFC'));

describe('base64', () => {
  it('is what Node makes, and comes back', () => {
    fc.assert(
      fc.property(text, (any) => {
        const encoded = callText('base64encode', any);
        expect(encoded).toBe(Buffer.from(any).toString('base64'));
        expect(callText('base64decode', encoded)).toBe(any);
      }),
    );
    const long = 'é'.repeat(100_000);
    expect(callText('base64decode', callText('base64encode', long))).toBe(long);
  });

  it('refuses bytes that are not UTF-8, and text that is not base64 of RFC 4648 with padding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
        const encoded = Buffer.from(bytes).toString('base64');
        const decoded = Buffer.from(bytes).toString('utf8');
        if (!Buffer.from(decoded).equals(bytes)) expect(() => call('base64decode', encoded)).toThrow('UTF-8');
        else expect(callText('base64decode', encoded)).toBe(decoded.normalize('NFC'));
      }),
    );
    for (const wrong of ['a', 'ab', 'abc', 'YQ=', 'YQ==YQ==', 'YQ-_', ' YQ==', '====']) {
      expect(() => call('base64decode', wrong)).toThrow('base64');
    }
    expect(callText('base64decode', 'SGVs\nbG8=\r\n')).toBe('Hello');
  });
});

describe('digests', () => {
  it.each(['md5', 'sha1', 'sha256', 'sha512'])('%s is what Node makes', (name) => {
    fc.assert(
      fc.property(text, (any) => {
        expect(callText(name, any)).toBe(createHash(name).update(any).digest('hex'));
      }),
      { numRuns: 30 },
    );
  });
});

describe('urlencode', () => {
  it('comes back as a query does', () => {
    fc.assert(
      fc.property(text, (any) => {
        const encoded = callText('urlencode', any);
        expect(encoded).toMatch(/^[A-Za-z0-9\-_.~+%]*$/);
        expect(new URLSearchParams(`q=${encoded}`).get('q')).toBe(any);
      }),
    );
  });
});

describe('JSON', () => {
  it('comes back with every value', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const encoded = callText('jsonencode', value);
        expect(encoded).not.toMatch(/[<>&\u2028\u2029]/);
        expect(equalValues(call('jsondecode', encoded), value)).toBe(true);
      }),
    );
  });
});

describe('YAML', () => {
  it('comes back with every value', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const encoded = callText('yamlencode', value);
        expect(encoded.endsWith('\n')).toBe(true);
        expect(valueToJson(call('yamldecode', encoded))).toBe(valueToJson(value));
      }),
      { numRuns: 500 },
    );
  });

  it('takes text with several lines as it is', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom('a', '', ' b', 'c: d', '- e', '# f', '\t', 'é', '"', '\\', '|', '...', '---', 'g '),
          { maxLength: 5 },
        ),
        (lines) => {
          for (const any of [lines.join('\n'), `${lines.join('\n')}\n`]) {
            expect(callText('yamldecode', callText('yamlencode', any))).toBe(any);
            const nested = call(
              'yamldecode',
              callText('yamlencode', call('jsondecode', JSON.stringify({ k: [any, { x: any }] }))),
            );
            expect(JSON.parse(valueToJson(nested))).toEqual({ k: [any, { x: any }] });
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('CSV', () => {
  it('comes back with every field', () => {
    const field = fc.string({ unit: fc.constantFrom(...'ab,"\r\n é'.split('')), maxLength: 5 });
    const quote = (any: string): string => `"${any.replaceAll('"', '""')}"`;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(field, field), { maxLength: 4 }),
        fc.constantFrom('\n', '\r\n'),
        (rows, newline) => {
          const csv = [['x', 'y'], ...rows].map((row) => row.map(quote).join(',')).join(newline);
          expect(JSON.parse(valueToJson(call('csvdecode', csv)))).toEqual(rows.map(([x, y]) => ({ x, y })));
        },
      ),
    );
  });
});
