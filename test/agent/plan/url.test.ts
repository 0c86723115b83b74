import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { actionOf, planText } from '../../support/plan-action.ts';
import type { PlanOptions } from '../../support/plan-action.ts';

const declared = 'input "x" {}\n input "y" {\n default = ""\n }';

function url(
  expression: string,
  x = '',
  more: PlanOptions & { query?: string; declared?: string } = {},
): string {
  const query = more.query === undefined ? '' : `query = ${more.query}\n`;
  const text = actionOf(`http {\n url = ${expression}\n ${query}}`, more.declared ?? declared);
  const plan = planText(text, { ...more, inputs: { x: JSON.stringify(x), ...more.inputs } });
  if (plan.kind !== 'http') throw new Error(plan.kind);
  return plan.url.value;
}

describe('a foreign part of a URL', () => {
  test.each([
    ['v1.2.3', 'https://h.internal/p/v1.2.3'],
    ['a/b', 'https://h.internal/p/a%2Fb'],
    ['a?b#c', 'https://h.internal/p/a%3Fb%23c'],
    ['ä \\', 'https://h.internal/p/%C3%A4%20%5C'],
    ['%2e%2e', 'https://h.internal/p/%252e%252e'],
    ['..a', 'https://h.internal/p/..a'],
    ['\r\nX: y', 'https://h.internal/p/%0D%0AX%3A%20y'],
  ])('%j is one component of the path', (x, expected) => {
    expect(url('"https://h.internal/p/${var.x}"', x)).toBe(expected);
  });

  test('is one component of the query', () => {
    expect(url('"https://h.internal/p?a=${var.x}&b=1"', 'x&b=2#=')).toBe(
      'https://h.internal/p?a=x%26b%3D2%23%3D&b=1',
    );
    expect(url('"https://h.internal/p?a=${var.x}"', '..')).toBe('https://h.internal/p?a=..');
  });

  test.each([
    ['"https://h.internal/p/${var.x}"', '..'],
    ['"https://h.internal/p/${var.x}"', '.'],
    ['"https://h.internal/p/${var.x}/q"', '..'],
    ['"https://h.internal/p/.${var.x}/q"', '.'],
    ['"https://h.internal/p/${var.x}."', '.'],
    ['"https://h.internal/p/${var.x}%2e"', '.'],
    ['"https://h.internal/p/${var.x}${var.y}"', '..'],
    ['"https://h.internal/p/${var.x}?a=1"', '..'],
    ['"https://h.internal/p\\\\${var.x}"', '..'],
    ['"https://h.internal/p/${var.x}"', ''],
    ['"https://h.internal/p/${var.x}/delete"', ''],
  ])('%s with %j is refused', (expression, x) => {
    expect(() => url(expression, x)).toThrow(/would leave a part of the path empty, or make it/);
  });

  test('cannot be part of what decides where the request goes', () => {
    const safe = 'input "x" {\n pattern = "^[a-z]+$"\n }';
    expect(url('"https://${var.x}.internal/"', 'a', { declared: safe })).toBe('https://a.internal/');
    for (const x of ['a.evil/', 'u@evil', 'a:80', 'a\\\\evil', 'a#', 'a?']) {
      expect(() => url('"https://${var.x}.internal/"', x, { declared: safe })).toThrow(
        /would change the scheme, user, host or port/,
      );
      expect(() => url('"https://h.internal:80${var.x}/"', x, { declared: safe })).toThrow(/would change/);
    }
  });

  test('can be a whole address that the author listed', () => {
    const options = 'input "x" {\n options = ["https://a.internal", "http://b.internal:81"]\n }';
    expect(url('"${var.x}/p"', 'http://b.internal:81', { declared: options })).toBe('http://b.internal:81/p');
  });

  test("chosen by an input is the author's, and stands as it is", () => {
    expect(url('"https://h.internal/${var.x == "a" ? "one/two" : "three"}"', 'a')).toBe(
      'https://h.internal/one/two',
    );
    expect(url('"https://h.internal%{ if var.x == "a" }/one/two%{ endif }"', 'a')).toBe(
      'https://h.internal/one/two',
    );
  });

  test('never changes origin or the rest of the path, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (x) => {
        let planned: string;
        try {
          planned = url('"https://u:p@h.internal:8443/a/${var.x}/z?q=${var.x}&r=1"', x);
        } catch (error) {
          expect(error).toMatchObject({ code: 'tainted_url' });
          return;
        }
        const parsed = new URL(planned);
        expect(parsed.origin).toBe('https://h.internal:8443');
        expect(parsed.username).toBe('u');
        const [empty, a, middle, z, ...rest] = parsed.pathname.split('/');
        expect([empty, a, z, rest]).toEqual(['', 'a', 'z', []]);
        expect(decodeURIComponent(middle ?? '')).toBe(x.toWellFormed().normalize('NFC'));
        expect([...parsed.searchParams.keys()]).toEqual(['q', 'r']);
        expect(parsed.hash).toBe('');
      }),
      { numRuns: 150 },
    );
  });
});

test('query parameters are encoded and added, a list by repeating its name, null not at all', () => {
  const query = '{ a = var.x, n = 12345678901234567, l = ["1", true], none = null, "ä&" = "=" }';
  expect(url('"https://h.internal/p?z=1#f"', 'b&c', { query })).toBe(
    'https://h.internal/p?z=1&a=b%26c&l=1&l=true&n=12345678901234567&%C3%A4%26=%3D#f',
  );
  expect(url('"https://h.internal/p"', '', { query: '{}' })).toBe('https://h.internal/p');
  expect(() => url('"https://h.internal/p"', '', { query: '{ a = {} }' })).toThrow(
    /texts, numbers, bools or lists/,
  );
});

test.each(['"ftp://h.internal/"', '"h.internal/p"', '"https://"', '"https://h h/"'])(
  '%s is no address',
  (expression) => {
    const computed = `replace(${expression}, "zzz", waypoint.run_id)`;
    expect(() => url(computed)).toThrow(/not a URL that begins with http/);
  },
);
