import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isMaskable, maskPatterns, patternBytesMax } from '../../agent/mask-forms.ts';
import { createMasks } from '../../agent/redact.ts';
import type { Masks } from '../../agent/redact.ts';

function masksOf(...secrets: readonly string[]): Masks {
  const masks = createMasks();
  for (const secret of secrets) masks.register(secret);
  return masks;
}

function run(masks: Masks, chunks: readonly Uint8Array[], cut = false): Buffer {
  const stream = masks.stream();
  const parts = chunks.map((chunk) => Buffer.from(stream.push(chunk)));
  return Buffer.concat([...parts, stream.end({ cut })]);
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, at) => bytes.subarray(from, places[at] ?? bytes.length));
}

describe('the forms of a secret', () => {
  const secret = `p@ss/w+rd "ü" <xyz>&'!*~`;
  const masks = masksOf(secret);
  const json = JSON.stringify(secret);
  const percent = encodeURIComponent(secret);

  test.each([
    ['plain', secret, '***'],
    ['in JSON', json, '"***"'],
    ['in JSON with escaped slashes', json.replaceAll('/', '\\/'), '"***"'],
    ['in ASCII JSON', json.replaceAll('ü', '\\u00fc'), '"***"'],
    ['in ASCII JSON with capitals', json.replaceAll('ü', '\\u00FC'), '"***"'],
    [
      'in JSON that is safe in HTML',
      json.replaceAll(/[<>&]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
      '"***"',
    ],
    [
      'in JSON inside JSON',
      JSON.stringify({ body: JSON.stringify({ secret }) }),
      JSON.stringify({ body: JSON.stringify({ secret: '***' }) }),
    ],
    ['as a URL component', percent, '***'],
    ['as a URL component in lower case', percent.replaceAll(/%../g, (hex) => hex.toLowerCase()), '***'],
    [
      'as a strict URL component',
      percent.replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
      '***',
    ],
    ['as a form field', new URLSearchParams({ secret }).toString(), 'secret=***'],
    ['in a whole URL', encodeURI(secret), '***'],
    ['in hexadecimal', Buffer.from(secret).toString('hex'), '***'],
    ['in capital hexadecimal', Buffer.from(secret).toString('hex').toUpperCase(), '***'],
    ['in base64', Buffer.from(secret).toString('base64'), '***'],
    ['in base64url', Buffer.from(secret).toString('base64url'), '***'],
    ['in base64 one byte later', Buffer.from(`:${secret}`).toString('base64'), 'On***'],
    ['in base64 two bytes later', Buffer.from(`u:${secret}`).toString('base64'), 'dTp***'],
    ['in the middle of base64', Buffer.from(`user:${secret}:more`).toString('base64'), 'dXNlcjp***Om1vcmU='],
  ])('%s is masked', (_form, text, masked) => {
    expect(masks.text(`before ${text} after`)).toBe(`before ${masked} after`);
  });

  test('base64 that a tool wrapped is masked line by line', () => {
    const long = createHash('sha512').update('a').digest('base64').repeat(3);
    const encoded = Buffer.from(long).toString('base64');
    for (const columns of [64, 76]) {
      const wrapped = (encoded.match(new RegExp(`.{1,${columns}}`, 'g')) ?? []).join('\n');
      expect(masksOf(long).text(wrapped)).toMatch(/^[*\n]+$/);
    }
  });

  test('each line of a value of several lines is masked, also with other line ends and indentation', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\n  kqhkiG9w0BAQEF\nab\n-----END KEY-----\n';
    const masks = masksOf(key);
    expect(masks.text('line MIIEvQIBADANBg!')).toBe('line ***!');
    expect(masks.text('    kqhkiG9w0BAQEF')).toBe('    ***');
    expect(masks.text(key)).not.toMatch(/[A-Z]/);
    expect(masks.text(key.replaceAll('\n', '\r\n'))).not.toMatch(/[A-Z]/);
    expect(masks.text(JSON.stringify({ key }))).not.toMatch(/[A-Z]/);
  });

  test('a value that another normalization form spells is masked in both', () => {
    const decomposed = 'pa\u0308sswort';
    expect(masksOf(decomposed).text(`${decomposed} ${decomposed.normalize('NFC')}`)).toBe('*** ***');
  });

  test('the spaces and the line end around a value do not hide it', () => {
    expect(masksOf('hunter22\n').text('password=hunter22;')).toBe('password=***;');
  });

  test('fewer than six characters are not masked, and say so', () => {
    const masks = createMasks();
    expect(masks.register('short')).toBe(false);
    expect(masks.register('  short \n')).toBe(false);
    expect(masks.register('ééééé')).toBe(false);
    expect(masks.text('short')).toBe('short');
    expect(masks.register('longer')).toBe(true);
  });

  test('a large secret is masked whole and in parts, and no pattern is longer than the bound', () => {
    const large = Array.from({ length: 40_000 }, (_, at) =>
      String.fromCharCode(33 + ((at * 7919) % 90)),
    ).join('');
    expect(Math.max(...maskPatterns(large).map((pattern) => pattern.length))).toBe(patternBytesMax);
    const masks = masksOf(large);
    expect(masks.text(`<${large}>`)).toBe('<***>');
    expect(masks.text(Buffer.from(`x${large}`).toString('base64')).length).toBeLessThan(12);
  });

  test('secrets that are together too large are refused', () => {
    const masks = createMasks();
    expect(() => {
      for (let at = 0; at < 40; at += 1) {
        masks.register(createHash('shake256', { outputLength: 60_000 }).update(`${at}`).digest('base64'));
      }
    }).toThrow(/together too large/);
  });
});

describe('a stream', () => {
  test('is passed on as it is where nothing is secret', () => {
    const chunk = Buffer.from('nothing to hide');
    expect(createMasks().stream().push(chunk)).toBe(chunk);
  });

  test('holds back only what may become a secret, and for as long as it takes', () => {
    const stream = masksOf('abcdefgh').stream();
    expect(Buffer.from(stream.push(Buffer.from('say abc'))).toString()).toBe('say ');
    expect(Buffer.from(stream.push(Buffer.from('d'))).toString()).toBe('');
    expect(Buffer.from(stream.push(Buffer.from('x'))).toString()).toBe('abcdx');
    expect(Buffer.from(stream.push(Buffer.from('abcdefgh'))).toString()).toBe('');
    expect(Buffer.from(stream.push(Buffer.from('\n'))).toString()).toBe('***\n');
  });

  test('keeps nothing of a chunk that its owner uses again', () => {
    const stream = masksOf('abcdefgh').stream();
    const chunk = Buffer.from('say abc');
    const first = Buffer.from(stream.push(chunk)).toString();
    chunk.fill('!');
    expect(first + Buffer.from(stream.push(Buffer.from('x'))).toString()).toBe('say abcx');
  });

  test('masks the beginning of a secret where it was cut off, and shows it where it ended by itself', () => {
    const masks = masksOf('abcdefghij');
    expect(run(masks, [Buffer.from('say abcdefgh')], true).toString()).toBe('say ***');
    expect(run(masks, [Buffer.from('say abcde')], true).toString()).toBe('say abcde');
    expect(run(masks, [Buffer.from('say abcdefgh')]).toString()).toBe('say abcdefgh');
  });

  test('makes one mask of secrets that overlap, touch or enclose each other', () => {
    const masks = masksOf('abcdef', 'defghi', 'bcdefghij', 'uvwxyz');
    expect(masks.text('-abcdefghi-')).toBe('-***-');
    expect(masks.text('-abcdefabcdef-')).toBe('-***-');
    expect(masks.text('-abcdefghijuvwxyz-abcdef')).toBe('-***-***');
  });
});

describe('structured values', () => {
  test('are masked in strings, keys and numbers, at any depth', () => {
    const masks = masksOf('hunter22', '12345678901234567');
    expect(
      masks.json({
        hunter22: ['x hunter22', JSON.rawJSON('12345678901234567'), 123, true, null],
        a: { b: 'ok' },
      }),
    ).toEqual({ '***': ['x ***', '***', 123, true, null], a: { b: 'ok' } });
  });

  test('may have names that objects know', () => {
    const value = JSON.parse('{"__proto__": "hunter22", "constructor": 1}') as never;
    expect(JSON.stringify(masksOf('hunter22').json(value))).toBe('{"__proto__":"***","constructor":1}');
  });
});

/** Secrets over a tiny alphabet overlap and repeat, which is where maskers fail. */
const secretArbitrary = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 6, maxLength: 12 }),
  fc.string({ unit: 'binary', minLength: 6, maxLength: 20 }).filter(isMaskable),
  fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'é'), minLength: 12, maxLength: 30 }).filter(isMaskable),
);

const streamArbitrary = fc
  .tuple(
    fc.array(secretArbitrary, { minLength: 1, maxLength: 4 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(), fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', ' ') })), {
      maxLength: 8,
    }),
  )
  .map(([secrets, pieces]) => {
    const bytes = Buffer.concat(
      pieces.flatMap(([which, form, noise]) => {
        const patterns = maskPatterns(secrets[which % secrets.length] ?? '');
        return [patterns[form % Math.max(patterns.length, 1)] ?? Buffer.alloc(0), Buffer.from(noise)];
      }),
    );
    return { secrets, bytes };
  });

/** The plain definition: every byte of every occurrence, found by searching for each pattern at each place. */
function slowMask(secrets: readonly string[], bytes: Buffer): string {
  const covered = new Uint8Array(bytes.length);
  for (const pattern of secrets.flatMap(maskPatterns)) {
    for (let at = bytes.indexOf(pattern); at !== -1; at = bytes.indexOf(pattern, at + 1)) {
      covered.fill(1, at, at + pattern.length);
    }
  }
  let out = '';
  for (let at = 0; at < bytes.length; at += 1) {
    if (covered[at] === 0) out += String.fromCharCode(bytes[at] ?? 0);
    else if (at === 0 || covered[at - 1] === 0) out += '***';
  }
  return out;
}

test('however a stream is cut into chunks, exactly the bytes of secrets are masked', () => {
  fc.assert(
    fc.property(streamArbitrary, fc.array(fc.nat(), { maxLength: 20 }), ({ secrets, bytes }, cuts) => {
      const masks = masksOf(...secrets);
      const shown = run(masks, split(bytes, cuts)).toString('latin1');
      expect(shown).toBe(slowMask(secrets, bytes));
      expect(run(masks, [bytes], true)).toEqual(run(masks, split(bytes, cuts), true));
    }),
    { numRuns: 1_000 },
  );
});

test('no secret of ordinary letters can be found in what was masked, in any form', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9]{8,40}$/);
  fc.assert(
    fc.property(
      fc.array(word, { minLength: 1, maxLength: 5 }),
      fc.string(),
      fc.array(fc.nat()),
      (secrets, noise, cuts) => {
        const text = secrets.flatMap((secret) => [
          noise,
          secret,
          Buffer.from(`${noise}${secret}${noise}`).toString('base64'),
          JSON.stringify({ noise, secret }),
          new URLSearchParams({ secret, noise }).toString(),
        ]);
        const raw = run(masksOf(...secrets), split(Buffer.from(text.join(' ')), cuts));
        for (const secret of secrets) {
          expect(raw.includes(secret)).toBe(false);
          expect(raw.includes(Buffer.from(secret).toString('base64').slice(0, -4))).toBe(false);
        }
      },
    ),
    { numRuns: 300 },
  );
});
