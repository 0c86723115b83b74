// What every route shares: problem documents for every kind of error, headers, limits, and no crash.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemSchema } from '../../../protocol/api/page.ts';
import { failures, isFailureCode } from '../../../protocol/failures.ts';
import { jsonDepthMax, requestBodyBytesMax } from '../../../protocol/limits.ts';
import { callApi, startTestServer } from '../../support/server.ts';
import type { ApiAnswer, TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** A problem document with this code, in all its members. */
function expectProblem(answer: ApiAnswer<unknown>, code: string): void {
  expect({ code: (answer.body as { code?: string }).code, text: answer.text }).toMatchObject({ code });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const problem = problemSchema.parse(answer.body);
  if (!isFailureCode(problem.code)) throw new Error(`${problem.code} is no failure code`);
  const [status, title] = failures[problem.code];
  expect(answer.status).toBe(status);
  expect(problem).toMatchObject({ type: `urn:wayside:problem:${code}`, title, status });
  expect(problem.detail).not.toBe('');
  expect(problem.request_id).toMatch(/^[0-9a-f-]{36}$/);
}

const post = (body: unknown, headers?: Record<string, string | undefined>) =>
  server.api('POST', '/v1/projects', body, headers);

describe('every error is a problem document with a stable code', () => {
  test.each([
    ['{"name":', 'invalid_json'],
    ['', 'invalid_json'],
    ['   ', 'invalid_json'],
    ['{"name":"a"} b', 'invalid_json'],
    ['\u{feff}\u{feff}{}', 'invalid_json'],
    ['[]', 'invalid_request'],
    ['null', 'invalid_request'],
    ['"name"', 'invalid_request'],
    ['{}', 'invalid_request'],
    ['{"name":5}', 'invalid_request'],
    ['{"name":"a","colour":"red"}', 'invalid_request'],
    ['{"name":"a","__proto__":{"x":1}}', 'invalid_request'],
    ['{"name":"a","constructor":1}', 'invalid_request'],
    ['{"name":"__proto__"}', 'invalid_request'],
    ['{"name":"../../etc"}', 'invalid_request'],
    ['{"name":"0192aaaa-0000-7000-8000-000000000000"}', 'invalid_request'],
    [`{"name":"${'a'.repeat(64)}"}`, 'invalid_request'],
    [`{"name":${'['.repeat(jsonDepthMax)}${']'.repeat(jsonDepthMax)}}`, 'invalid_json'],
    [`${'['.repeat(200_000)}`, 'invalid_json'],
    [`{"name":"${'a'.repeat(requestBodyBytesMax)}"}`, 'body_too_large'],
  ])('%.40s is %s', async (body, code) => {
    expectProblem(await post(body), code);
  });

  test('a body that is no JSON by its type', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'nonsense',
    ]) {
      expectProblem(await post('{}', { 'content-type': type }), 'unsupported_media_type');
    }
    expect((await post('{}', { 'content-type': 'application/json; charset=utf-8' })).status).toBe(400);
  });

  test('bytes that are no UTF-8', async () => {
    const answer = await fetch(`${server.url}/v1/projects`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
      body: Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'invalid_json' });
  });

  test('a member that is wrong is named, and what was sent is not repeated', async () => {
    const answer = await post({ name: 'fine', description: 7, secret: 'hunter2-hunter2' });
    expectProblem(answer, 'invalid_request');
    expect(answer.body['errors']).toEqual(
      expect.arrayContaining([expect.objectContaining({ path: 'body/description' })]),
    );
    expect(answer.text).not.toContain('hunter2');
    expect((await post('{"name":"a","description": hunter2-hunter2}')).text).not.toContain('hunter2');
  });

  test('of a body that may have several shapes, what is wrong with the one that it comes nearest', async () => {
    const body = { permission: 'wayside.run.strt', resource: 'organization' };
    const answer = await server.api('POST', '/v1/check', body);
    expectProblem(answer, 'invalid_request');
    const { errors } = answer.body as unknown as { errors: { path: string; message: string }[] };
    expect(errors.map(({ path }) => path)).toEqual(['body/permission']);
    expect(errors[0]?.message).toContain('wayside.run.start');
    const batch = await server.api('POST', '/v1/check', { checks: [{ permission: 'wayside.run.start' }] });
    expect(batch.body).toMatchObject({ errors: [{ path: 'body/checks/0/resource' }] });
  });

  test('no token, a wrong one, and headers that carry none', async () => {
    const as = (authorization: string | undefined) =>
      server.api('GET', '/v1/whoami', undefined, { authorization });
    expectProblem(await as(undefined), 'not_signed_in');
    expectProblem(await as('Basic b3duZXI6'), 'not_signed_in');
    expectProblem(await as('Bearer'), 'not_signed_in');
    expectProblem(await as('Bearer wsp_wrong'), 'invalid_token');
    expectProblem(await as(`Bearer ${server.token}x`), 'invalid_token');
    const metadata = `resource_metadata="${server.url}/.well-known/oauth-protected-resource"`;
    expect((await as(undefined)).headers.get('www-authenticate')).toBe(`Bearer ${metadata}`);
    expect((await as('Bearer wsp_wrong')).headers.get('www-authenticate')).toBe(
      `Bearer error="invalid_token", ${metadata}`,
    );
    expect((await as(`bearer ${server.token}`)).status).toBe(200);
  });

  test('a path that nothing answers, and one that only answers other methods', async () => {
    expectProblem(await server.api('GET', '/v1/nothing'), 'not_found');
    expectProblem(await server.api('GET', '/v1/projects/'), 'not_found');
    expectProblem(await server.api('GET', '/'), 'not_found');
    const wrong = await server.api('PUT', '/v1/projects');
    expectProblem(wrong, 'method_not_allowed');
    expect(wrong.headers.get('allow')).toBe('GET, HEAD, POST');
    const deeper = await server.api('POST', '/v1/projects/default/groups/x', {});
    expectProblem(deeper, 'method_not_allowed');
    expect(deeper.headers.get('allow')).toBe('DELETE, GET, HEAD, PATCH');
    expectProblem(await server.api('OPTIONS', '/v1/whoami'), 'method_not_allowed');
  });

  test('a path that is not percent-encoded as it should be, and one that is too long', async () => {
    expectProblem(await server.api('GET', '/v1/projects/%zz'), 'invalid_request');
    expectProblem(await server.api('GET', `/v1/projects/${'a'.repeat(300)}`), 'not_found');
    expectProblem(await server.api('GET', `/v1/projects/${'a'.repeat(100)}`), 'not_found');
    expectProblem(await server.api('GET', '/v1/projects/%00'), 'not_found');
  });

  test('a cursor, a limit or an event number that is none', async () => {
    for (const query of ['limit=0', 'limit=201', 'limit=', 'limit=x', 'limit=1&limit=2', 'limit=1.5']) {
      expectProblem(await server.api('GET', `/v1/projects?${query}`), 'invalid_request');
    }
    for (const cursor of ['!', '%20', 'a', 'YQ==', '%F0']) {
      expectProblem(await server.api('GET', `/v1/projects?cursor=${cursor}`), 'invalid_cursor');
    }
  });
});

async function raw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.end(bytes);
  return text(socket);
}

test('what is not even HTTP gets a problem document, too', async () => {
  const nonsense = await raw('NONSENSE\r\n\r\n');
  expect(nonsense).toMatch(/^HTTP\/1\.1 400 /);
  expect(nonsense).toContain('application/problem+json');
  expect(nonsense).toContain('"code":"invalid_request"');
  const long = await raw(`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`);
  expect(long).toMatch(/^HTTP\/1\.1 431 /);
  expect(long).toContain('"code":"headers_too_large"');
  const smuggled =
    'POST /v1/projects HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}';
  expect(await raw(smuggled)).toMatch(/^HTTP\/1\.1 400 /);
  expect((await server.api('GET', '/healthz')).body).toEqual({ status: 'ok' });
});

test('every answer forbids guessing, framing and caching', async () => {
  for (const path of ['/v1/whoami', '/v1/nothing', '/healthz']) {
    const { headers } = await server.api('GET', path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('server')).toBeNull();
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('access-control-allow-origin')).toBeNull();
  }
});

test('numbers come back digit for digit', async () => {
  const digits = ['12345678901234567', '0.1000', '1e400', '-0', '123456789012345678901234567890.5'];
  const put = await server.api(
    'PUT',
    '/v1/projects/default/variables/digits',
    `{"value":[${digits.join(',')}]}`,
  );
  expect(put.status).toBe(201);
  expect(put.text).toContain(`"value":[${digits.join(',')}]`);
  expect((await server.api('GET', '/v1/projects/default/variables/digits')).text).toContain(digits.join(','));
});

test('prototype names are names like any other, and nothing is polluted', async () => {
  const value = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":2}';
  const put = await server.api('PUT', '/v1/projects/default/variables/constructor', `{"value":${value}}`);
  expect(put.status).toBe(201);
  const { text: shown } = await server.api('GET', '/v1/projects/default/variables/constructor');
  for (const name of ['"__proto__":{"polluted":1}', '"constructor":{"prototype"', '"toString":2']) {
    expect(shown).toContain(name);
  }
  expect((await server.api('GET', '/v1/projects/default/variables/hasOwnProperty')).status).toBe(404);
  expect((await server.api('GET', '/v1/projects/constructor')).status).toBe(404);
  expect((await server.api('POST', '/v1/projects', { name: 'constructor' })).status).toBe(201);
  expect((await server.api('GET', '/v1/projects/constructor')).status).toBe(200);
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
});

test('text of every kind comes back as it was', async () => {
  const value = 'NUL \u0000, ESC \u001b, line\nend, 🚏, \u2028, lone \ud800';
  await server.api('PUT', '/v1/projects/default/variables/text', { value });
  const { body } = await server.api('GET', '/v1/projects/default/variables/text');
  expect(body['value']).toBe(value);
});

describe('rates', () => {
  test('a token has its share of requests, then 429 with Retry-After; others go on', async () => {
    const small = await startTestServer({ options: { 'requests-per-minute': '8' } });
    try {
      const made = await small.api('POST', '/v1/principals/self/tokens', { name: 'second' });
      for (let index = 0; index < 7; index += 1) {
        expect((await small.api('GET', '/v1/whoami')).status).toBe(200);
      }
      const refused = await small.api('GET', '/v1/whoami');
      expectProblem(refused, 'too_many_requests');
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      // The body of a refused request is not even read.
      expectProblem(await small.api('POST', '/v1/projects', '{"name":'), 'too_many_requests');
      const other = { url: small.url, token: made.body.token, method: 'GET', path: '/v1/whoami' };
      expect((await callApi(other)).status).toBe(200);
    } finally {
      await small.close();
    }
  });

  test('trying out tokens leads nowhere', async () => {
    const guessed = await startTestServer({ options: { 'requests-per-minute': '200' } });
    try {
      const guess = (index: number) =>
        callApi({ url: guessed.url, token: `wsp_${index}`, method: 'GET', path: '/v1/whoami' });
      let answer = await guess(0);
      for (let index = 1; index <= 11 && answer.status === 401; index += 1) answer = await guess(index);
      expectProblem(answer, 'too_many_requests');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await guessed.api('GET', '/v1/whoami')).status).toBe(200);
    } finally {
      await guessed.close();
    }
  });
});

test('a control plane runs as a process of its own, and ends when it is told to', async () => {
  const alone = await startTestServer({ mode: 'process' });
  expect(alone.token).toMatch(/^wsp_/);
  expect(alone.agentUrl).toMatch(/^wss:.*\/agent$/);
  expect((await alone.api('GET', '/v1/whoami')).body).toMatchObject({ principal: { name: 'owner' } });
  await alone.close();
  await expect(alone.api('GET', '/healthz')).rejects.toThrow();
  expect(alone.process?.exitCode).toBe(0);
});
