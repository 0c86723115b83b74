import { expect, test } from 'vitest';
import { actionOf, planText } from '../../support/plan-action.ts';

function headers(expression: string, x = ''): Readonly<Record<string, string>> {
  const text = actionOf(
    `http {\n method = "POST"\n url = "https://h.internal/"\n headers = ${expression}\n }`,
    'input "x" {\n type = map(string)\n default = {}\n }\n input "v" {\n default = ""\n }',
  );
  const plan = planText(text, { inputs: x === '' ? {} : { v: JSON.stringify(x) } });
  if (plan.kind !== 'http') throw new Error(plan.kind);
  return Object.fromEntries(plan.headers.map(({ name, value }) => [name, value.value]));
}

test('are what the file says and what a request needs', () => {
  expect(headers('{ X-One = var.v, accept = "text/plain", Gone = null, "X-N" = 3 }', 'é ok')).toEqual({
    'X-One': 'é ok',
    accept: 'text/plain',
    'X-N': '3',
    'User-Agent': 'wayside-agent',
    'Accept-Encoding': 'identity',
  });
});

test.each(['a\r\nX-Evil: 1', 'a\nb', 'a\0b', 'a\u2028b', 'snow ☃', 'a\u007fb'])(
  'a value such as %j is refused, and not shown',
  (value) => {
    expect(() => headers('{ X-One = var.v }', value)).toThrow(/"X-One" has a line end or another character/);
    try {
      headers('{ X-One = var.v }', value);
    } catch (error) {
      expect((error as Error).message).not.toContain(value);
      expect(error).toMatchObject({ code: 'invalid_header' });
    }
  },
);

test('a value with spaces at an end is refused', () => {
  expect(() => headers('{ X-One = var.v }', ' a')).toThrow(/spaces at an end/);
});

test.each([
  ...['Host', 'content-length', 'Transfer-Encoding', 'Connection', 'TE', 'Trailer', 'Upgrade', 'Expect'],
  ...['Proxy-Authorization', 'proxy-connection', 'Keep-Alive'],
])('%s belongs to the connection', (name) => {
  // The name is not literal, so the loader cannot have found it.
  expect(() => headers(`{ for n in ["${name}"] : n => "x" }`)).toThrow(/belongs to the connection/);
});

test.each(['a b', 'a:b', '', 'ä', 'a\\nb'])('"%s" is no name', (name) => {
  expect(() => headers(`{ for n in ["${name}"] : n => "x" }`)).toThrow(/cannot be the name of a header/);
});

test('one name is given once, however it is spelt', () => {
  expect(() => headers('{ for n in ["X-One", "x-one"] : n => "x" }')).toThrow(/given twice/);
});

test('a body that the file encodes as JSON says so', () => {
  const plan = (body: string): string | undefined => {
    const planned = planText(
      actionOf(`http {\n method = "POST"\n url = "https://h.internal/"\n body = ${body}\n }`),
    );
    if (planned.kind !== 'http') throw new Error(planned.kind);
    return planned.headers.find(({ name }) => name === 'Content-Type')?.value.value;
  };
  expect(plan('jsonencode({ a = 1 })')).toBe('application/json');
  expect(plan('"text"')).toBe('text/plain; charset=utf-8');
});
