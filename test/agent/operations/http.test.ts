import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openFolder } from '../../support/folder.ts';
import { openProxy, openServer } from '../../support/http-server.ts';
import type { TestServer } from '../../support/http-server.ts';
import { openAuthority } from '../../support/openssl.ts';
import { runText, stopper } from '../../support/run-action.ts';
import type { RunOptions, Told } from '../../support/run-action.ts';

/** An action of one request; `${PORT}` stands for the server's port. */
function request(
  server: { readonly port: number },
  lines: string,
  {
    agent = '',
    declared = '',
    allow = '"127.0.0.1"',
  }: { agent?: string; declared?: string; allow?: string } = {},
): string {
  const text = `agent {\n ${agent}\n network {\n allow = [${allow}]\n }\n}\ngroup "g" {\n action "a" {\n${declared}\n http {\n${lines}\n }\n }\n}`;
  return text.replaceAll('PORT', String(server.port));
}

const local = 'url = "http://127.0.0.1:PORT/p"';

async function ask(
  server: TestServer,
  lines: string,
  options: Parameters<typeof request>[2] & { run?: RunOptions } = {},
): Promise<Told> {
  return runText(request(server, lines, options), options.run);
}

describe('R5', () => {
  test('method, headers and body are sent, and the expected status is a success', async () => {
    await using server = await openServer((_asked, response) => response.writeHead(204).end());
    const text = readFileSync(
      join(import.meta.dirname, '../../../examples/hcl/regressions/r05-http-status.hcl'),
      'utf8',
    );
    const told = await runText(
      `agent {\n network {\n allow = ["127.0.0.1"]\n }\n}\n${text.replace('127.0.0.1/', `127.0.0.1:${server.port}/`)}`,
    );
    expect(told.outcome).toMatchObject({ result: 'succeeded', operations: [{ http_status: 204 }] });
    expect(server.asked[0]).toMatchObject({
      method: 'PUT',
      url: '/r05',
      body: 'sent',
      headers: { 'x-header': 'sent' },
    });
  });

  test.each([
    [500, ''],
    [404, ''],
    [302, ''],
    [200, 'expect {\n status = [202]\n }'],
  ])('a %s that is not expected is a failure, and the answer is shown', async (status, expected) => {
    await using server = await openServer((_asked, response) =>
      response.writeHead(status, { location: '/x' }).end('the reason\n'),
    );
    const told = await ask(server, `${local}\n${expected}`);
    expect(told.outcome).toMatchObject({
      result: 'failed',
      code: 'unexpected_status',
      operations: [{ http_status: status }],
    });
    expect(told.outcome.message).toMatch(new RegExp(`status ${status}; expected was`));
    expect(told.stdout).toBe('the reason\n');
    expect(told.system).toMatch(
      new RegExp(`^wayside: GET http://127\\.0\\.0\\.1:${server.port}/p: ${status} `),
    );
    expect(server.asked).toHaveLength(1);
  });

  test('an answer that does not come in time is a timeout', async () => {
    await using server = await openServer(() => undefined);
    const told = await ask(server, `${local}\n timeout = "150ms"`);
    expect(told.outcome).toMatchObject({ result: 'timed_out', code: 'timed_out' });
  });

  test('so is one that never ends', async () => {
    await using server = await openServer((_asked, response) => {
      const timer = setInterval(() => response.write('x'), 10);
      response.on('close', () => {
        clearInterval(timer);
      });
    });
    const told = await ask(server, `${local}\n timeout = "200ms"`);
    expect(told.outcome).toMatchObject({ result: 'timed_out' });
    expect(told.stdout).toMatch(/^x+$/);
  });
});

test('a canceled run does not wait for its answer', async () => {
  await using server = await openServer(() => undefined);
  const { signal, stop } = stopper();
  const running = ask(server, local, { run: { stop: signal } });
  while (server.asked.length === 0) await delay(5);
  stop({ reason: 'requested', graceMs: 5_000 });
  expect((await running).outcome).toMatchObject({ result: 'canceled', code: 'canceled' });
});

test('a secret header arrives, and is masked in everything that is told', async () => {
  await using server = await openServer((asked, response) =>
    response.end(
      `you sent ${String(asked.headers['authorization'])} and ${String(asked.headers['x-signing-key'])}`,
    ),
  );
  const told = await ask(
    server,
    `${local}\n headers = {\n Authorization = "Bearer \${var.token}"\n X-Signing-Key = env("DEPLOYER_KEY")\n }`,
    {
      agent: 'env_allow = ["DEPLOYER_KEY"]',
      declared: 'input "token" {\n sensitive = true\n }',
      run: { inputs: { token: '"t0ken-123"' }, environment: { DEPLOYER_KEY: 'k3y-456789' } },
    },
  );
  expect(server.asked[0]?.headers).toMatchObject({
    authorization: 'Bearer t0ken-123',
    'x-signing-key': 'k3y-456789',
  });
  expect(told.stdout).toBe('you sent *** and ***');
  expect(told.everything).not.toMatch(/t0ken-123|k3y-456789/);
});

test('user and password of a URL become a header and are not shown', async () => {
  await using server = await openServer((_asked, response) => response.end());
  const told = await ask(server, 'url = "http://ada:l%40velace@127.0.0.1:PORT/p"');
  expect(server.asked[0]?.headers['authorization']).toBe(
    `Basic ${Buffer.from('ada:l@velace').toString('base64')}`,
  );
  expect(told.everything).not.toContain('l@velace');
  expect(told.everything).not.toContain('l%40velace');
});

test('a user that is no percent-encoded text is sent as it is written', async () => {
  await using server = await openServer((_asked, response) => response.end());
  await ask(server, 'url = "http://a%zz:b@127.0.0.1:PORT/p"');
  expect(server.asked[0]?.headers['authorization']).toBe(`Basic ${Buffer.from('a%zz:b').toString('base64')}`);
});

test('an answer without a body is not unpacked, whatever its headers say', async () => {
  await using server = await openServer((asked, response) => {
    const headers = { 'content-encoding': 'gzip' };
    if (asked.method === 'HEAD') response.writeHead(200, { ...headers, 'content-length': '1000' }).end();
    else response.writeHead(asked.url === '/p' ? 204 : 200, { ...headers, 'content-length': '0' }).end();
  });
  expect((await ask(server, local)).outcome.result).toBe('succeeded');
  expect((await ask(server, 'url = "http://127.0.0.1:PORT/empty"')).outcome.result).toBe('succeeded');
  expect((await ask(server, `method = "HEAD"\n${local}`)).outcome.result).toBe('succeeded');
});

test('later expressions see status, headers and body of the answer', async () => {
  await using server = await openServer((_asked, response) =>
    response
      .writeHead(201, { 'X-Version': 'v1', 'set-cookie': ['a=1', 'b=2'] })
      .end('{"id":12345678901234567,"name":"ä"}'),
  );
  const text = request(server, '').replace(
    /http \{\n\n \}/,
    `operation {
      name = "ask"
      http {
        ${local.replace('PORT', String(server.port))}
      }
    }
    operation {
      run {
        command = ["printf", "%s|", operation.ask.response.status, operation.ask.response.headers["x-version"], operation.ask.response.headers.set-cookie, jsondecode(operation.ask.response.body).id, operation.ask.output]
      }
    }`,
  );
  const told = await runText(text);
  expect(told.stdout.slice(told.stdout.indexOf('}') + 1)).toBe(
    '201|v1|a=1, b=2|12345678901234567|{"id":12345678901234567,"name":"ä"}|',
  );
});

describe('addresses', () => {
  test.each([
    ...[
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '0.0.0.0',
      '[::]',
      'localhost',
    ],
    ...['169.254.169.254', '[fe80::1]', 'metadata.google.internal'],
  ])('%s is refused unless it is named, and nothing is sent', async (host) => {
    await using server = await openServer((_asked, response) => response.end('reached'));
    const told = await runText(
      `group "g" {\n action "a" {\n http {\n url = "http://${host}:${server.port}/"\n timeout = "2s"\n }\n }\n}`,
      {
        host: {
          resolve: (name) =>
            Promise.resolve(name === 'localhost' ? ['127.0.0.1', '::1'] : ['169.254.169.254']),
        },
      },
    );
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'address_denied' });
    expect(server.asked).toEqual([]);
  });

  test('of a name are all looked at, and only those are dialled', async () => {
    await using server = await openServer((_asked, response) => response.end('reached'));
    const answers: string[][] = [];
    const resolve = (addresses: readonly (readonly string[])[]) => {
      let count = 0;
      return (): Promise<readonly string[]> => {
        const answer = addresses[Math.min(count, addresses.length - 1)] ?? [];
        count += 1;
        answers.push([...answer]);
        return Promise.resolve(answer);
      };
    };
    const url = 'url = "http://app.internal:PORT/"\n timeout = "1s"';
    const mixed = await ask(server, url, {
      allow: '"*.internal"',
      run: { host: { resolve: resolve([['10.0.0.1', '127.0.0.1']]) } },
    });
    expect(mixed.outcome).toMatchObject({ code: 'address_denied' });
    // A name that answers otherwise the second time: it is asked once.
    answers.length = 0;
    const rebinding = await ask(server, url, {
      allow: '"*.internal"',
      run: { host: { resolve: resolve([['192.0.2.1'], ['127.0.0.1']]) } },
    });
    expect(rebinding.outcome.code).toBe('address_denied');
    expect(answers).toHaveLength(1);
    const named = await ask(server, url, {
      allow: '"127.0.0.1"',
      run: { host: { resolve: resolve([['127.0.0.1']]) } },
    });
    expect(named.outcome.result).toBe('succeeded');
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]?.headers['host']).toBe(`app.internal:${server.port}`);
  });

  test('of the control plane are refused though the list names them', async () => {
    await using server = await openServer((_asked, response) => response.end('reached'));
    const told = await ask(server, local, {
      run: { request: { deniedTargets: [`127.0.0.1:${server.port}`] } },
    });
    expect(told.outcome).toMatchObject({ code: 'address_denied' });
    expect(server.asked).toEqual([]);
  });

  test('where nothing listens, or that nobody knows, are said', async () => {
    const refused = await runText(request({ port: 1 }, local));
    expect(refused.outcome).toMatchObject({ result: 'failed', code: 'connect_failed' });
    expect(refused.outcome.message).toMatch(/nothing listens there/);
    const unknown = await runText(
      request({ port: 80 }, 'url = "http://nowhere.internal/"', { allow: '"*.internal"' }),
      {
        host: {
          resolve: () =>
            Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })),
        },
      },
    );
    expect(unknown.outcome).toMatchObject({ code: 'connect_failed' });
    expect(unknown.outcome.message).toMatch(/name is not known/);
  });
});

describe('redirects', () => {
  const secrets =
    'headers = {\n Authorization = "Bearer abcdef"\n X-Api-Key = "k3y-123456"\n Cookie = "c=1"\n Accept = "text/plain"\n }';

  test('are followed only as often as the file asks', async () => {
    await using server = await openServer((asked, response) => {
      const at = Number(asked.url.slice(1)) || 0;
      if (at < 3) response.writeHead(302, { location: `/${at + 1}` }).end('moved');
      else response.end('arrived');
    });
    const far = await ask(server, 'url = "http://127.0.0.1:PORT/0"\n follow_redirects = 3');
    expect(far.outcome.result).toBe('succeeded');
    expect(far.stdout).toBe('arrived');
    const short = await ask(server, 'url = "http://127.0.0.1:PORT/0"\n follow_redirects = 2');
    expect(short.outcome).toMatchObject({ result: 'failed', code: 'too_many_redirects' });
  });

  test('keep secret headers in one origin and drop all of them in another', async () => {
    await using other = await openServer((_asked, response) => response.end('other'));
    await using server = await openServer((asked, response) => {
      if (asked.url === '/p') response.writeHead(307, { location: '/same' }).end();
      else response.writeHead(307, { location: `http://127.0.0.1:${other.port}/x` }).end();
    });
    const told = await ask(server, `${local}\n follow_redirects = 5\n${secrets}`);
    expect(told.stdout).toBe('other');
    expect(server.asked.map(({ headers }) => headers['x-api-key'])).toEqual(['k3y-123456', 'k3y-123456']);
    const { authorization, cookie, accept, ...rest } = other.asked[0]?.headers ?? {};
    expect([authorization, cookie, rest['x-api-key']]).toEqual([undefined, undefined, undefined]);
    expect(accept).toBe('text/plain');
  });

  test('are checked against the list at each hop', async () => {
    await using server = await openServer((_asked, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end(),
    );
    const told = await ask(server, `${local}\n follow_redirects = 5`);
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'address_denied' });
  });

  test('change a POST into a GET where browsers do, and keep it where they do', async () => {
    await using server = await openServer((asked, response) => {
      const [, status, step] = asked.url.split('/');
      if (step === undefined) response.writeHead(Number(status), { location: `/${status ?? ''}/done` }).end();
      else response.end();
    });
    for (const [status, method, body] of [
      [301, 'GET', ''],
      [302, 'GET', ''],
      [303, 'GET', ''],
      [307, 'POST', 'sent'],
      [308, 'POST', 'sent'],
    ] as const) {
      server.asked.length = 0;
      await ask(
        server,
        `method = "POST"\n body = "sent"\n url = "http://127.0.0.1:PORT/${status}"\n follow_redirects = 1`,
      );
      expect(server.asked[1]).toMatchObject({ method, body });
      expect(server.asked[1]?.headers['content-type'] === undefined).toBe(body === '');
    }
  });

  test('never carry a sensitive body to another origin', async () => {
    await using other = await openServer((_asked, response) => response.end());
    await using server = await openServer((_asked, response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${other.port}/` }).end(),
    );
    const told = await ask(
      server,
      `method = "POST"\n body = sensitive("abcdefgh")\n ${local}\n follow_redirects = 1`,
    );
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'http_failed' });
    expect(other.asked).toEqual([]);
  });

  test.each(['ftp://127.0.0.1/', 'file:///etc/passwd', 'http://[bad'])(
    'to %s are refused',
    async (location) => {
      await using server = await openServer((_asked, response) =>
        response.writeHead(302, { location }).end(),
      );
      expect((await ask(server, `${local}\n follow_redirects = 1`)).outcome).toMatchObject({
        code: 'http_failed',
      });
    },
  );
});

describe('the size of an answer', () => {
  const gigabyte = gzipSync(Buffer.alloc(50 * 1024 * 1024), { level: 9 });

  test('is bounded on the wire', async () => {
    await using server = await openServer((_asked, response) => response.end('x'.repeat(200_000)));
    const told = await ask(server, `${local}\n max_response = "64KiB"`);
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'response_too_large' });
    expect(told.stdout.length).toBeLessThanOrEqual(64 * 1024);
  });

  test('is bounded unpacked: a gzip bomb ends early', async () => {
    await using server = await openServer((_asked, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gigabyte),
    );
    const told = await ask(server, `${local}\n max_response = "1MiB"`);
    expect(gigabyte.length).toBeLessThan(100_000);
    expect(told.outcome).toMatchObject({ result: 'failed', code: 'response_too_large' });
    expect(told.stdout.length).toBeLessThanOrEqual(1024 * 1024);
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const)('%s is unpacked, and what is broken is said', async (encoding, pack) => {
    const packed = pack(Buffer.from('hello '.repeat(1_000)));
    await using server = await openServer((asked, response) => {
      const bytes =
        asked.url === '/cut'
          ? packed.subarray(0, packed.length - 6)
          : asked.url === '/bad'
            ? Buffer.from('not packed at all')
            : packed;
      response.writeHead(200, { 'content-encoding': encoding }).end(bytes);
    });
    expect((await ask(server, local)).stdout).toBe('hello '.repeat(1_000));
    expect(server.asked[0]?.headers['accept-encoding']).toBe('identity');
    const bad = await ask(server, 'url = "http://127.0.0.1:PORT/bad"');
    expect(bad.outcome).toMatchObject({ result: 'failed', code: 'http_failed' });
    expect(bad.outcome.message).toMatch(/could not be unpacked/);
    expect((await ask(server, 'url = "http://127.0.0.1:PORT/cut"')).outcome).toMatchObject({
      result: 'failed',
      code: 'http_failed',
    });
  });
});

test('what is no HTTP, or ends too early, is said', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (chunk) => {
      socket.end(
        chunk.includes('/cut') ? 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc' : 'SSH-2.0-OpenSSH\r\n',
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect((await runText(request({ port }, local))).outcome).toMatchObject({
    result: 'failed',
    code: 'http_failed',
  });
  const cut = await runText(request({ port }, 'url = "http://127.0.0.1:PORT/cut"'));
  expect(cut.outcome).toMatchObject({ result: 'failed', code: 'http_failed' });
  server.close();
});

describe('TLS', () => {
  test('is verified by the authorities of the file or of the agent, with a client certificate where it is asked', async () => {
    await using authority = await openAuthority();
    await using stranger = await openAuthority({ commonName: 'Stranger' });
    using folder = openFolder();
    const own = await authority.issue({
      extensions: ['subjectAltName=IP:127.0.0.1,DNS:deployer.internal', 'extendedKeyUsage=serverAuth'],
    });
    const client = await authority.issue({
      extensions: ['extendedKeyUsage=clientAuth'],
      subject: '/CN=agent one',
    });
    const at = (name: string, text: string): string => {
      writeFileSync(join(folder.path, name), text);
      return join(folder.path, name);
    };
    const ca = at('ca.pem', authority.root);
    const wrong = at('wrong.pem', stranger.root);
    const cert = at('c.pem', client.cert + authority.chain);
    const key = at('c.key', client.key);
    await using server = await openServer((asked, response) => response.end(asked.client ?? 'nobody'), {
      key: own.key,
      cert: own.cert + authority.chain,
      ca: authority.root,
      requestCert: true,
      rejectUnauthorized: false,
    });
    const url = 'url = "https://127.0.0.1:PORT/"';
    const tls = (lines: string): string => `${url}\n tls {\n${lines}\n }`;
    expect((await ask(server, tls(`ca_file = "${ca}"`))).stdout).toBe('nobody');
    expect(
      (await ask(server, tls(`ca_file = "${ca}"\n cert_file = "${cert}"\n key_file = "${key}"`))).stdout,
    ).toBe('agent one');
    expect((await ask(server, tls(`ca_file = "${ca}"\n server_name = "deployer.internal"`))).stdout).toBe(
      'nobody',
    );
    const agentWide = request(server, url).replace('network {', `network {\n ca_file = "${ca}"`);
    expect((await runText(agentWide)).stdout).toBe('nobody');
    for (const [lines, reason] of [
      [url, /UNABLE_TO|SELF_SIGNED/],
      [tls(`ca_file = "${wrong}"`), /UNABLE_TO|SELF_SIGNED|CERT/],
      [tls(`ca_file = "${ca}"\n server_name = "other.internal"`), /ERR_TLS_CERT_ALTNAME_INVALID/],
      [tls(`ca_file = "${join(folder.path, 'none.pem')}"`), /none\.pem cannot be read/],
    ] as const) {
      const { outcome } = await ask(server, lines);
      expect(outcome).toMatchObject({ result: 'failed', code: 'tls_failed' });
      expect(outcome.message).toMatch(reason);
    }
    const old = await openServer((_asked, response) => response.end('old'), {
      key: own.key,
      cert: own.cert + authority.chain,
      maxVersion: 'TLSv1.2',
    });
    expect((await ask(old, tls(`ca_file = "${ca}"`))).stdout).toBe('old');
    expect((await ask(old, tls(`ca_file = "${ca}"\n min_version = "1.3"`))).outcome).toMatchObject({
      code: 'tls_failed',
    });
    await old[Symbol.asyncDispose]();
  });

  test('is not given up by a redirect, and its client certificate stays with the first origin', async () => {
    await using authority = await openAuthority();
    using folder = openFolder();
    const own = await authority.issue({
      extensions: ['subjectAltName=IP:127.0.0.1', 'extendedKeyUsage=serverAuth'],
    });
    const client = await authority.issue({
      extensions: ['extendedKeyUsage=clientAuth'],
      subject: '/CN=agent one',
    });
    for (const [name, text] of Object.entries({
      'ca.pem': authority.root,
      'c.pem': client.cert + authority.chain,
      'c.key': client.key,
    }))
      writeFileSync(join(folder.path, name), text);
    const options = {
      key: own.key,
      cert: own.cert + authority.chain,
      ca: authority.root,
      requestCert: true,
      rejectUnauthorized: false,
    };
    await using plain = await openServer((_asked, response) => response.end('plain'));
    await using other = await openServer(
      (asked, response) => response.end(asked.client ?? 'nobody'),
      options,
    );
    await using server = await openServer(
      (asked, response) =>
        response
          .writeHead(302, {
            location:
              asked.url === '/plain' ? `http://127.0.0.1:${plain.port}/` : `https://127.0.0.1:${other.port}/`,
          })
          .end(),
      options,
    );
    const lines = `follow_redirects = 1\n tls {\n ca_file = "${folder.path}/ca.pem"\n cert_file = "${folder.path}/c.pem"\n key_file = "${folder.path}/c.key"\n }`;
    const told = await ask(server, `url = "https://127.0.0.1:PORT/other"\n${lines}`);
    expect(server.asked[0]?.client).toBe('agent one');
    expect(told.stdout).toBe('nobody');
    const downgrade = await ask(server, `url = "https://127.0.0.1:PORT/plain"\n${lines}`);
    expect(downgrade.outcome).toMatchObject({ result: 'failed', code: 'http_failed' });
    expect(plain.asked).toEqual([]);
  });
});

describe('a proxy with credentials', () => {
  test('carries http and https, and names are left to it', async () => {
    await using authority = await openAuthority();
    using folder = openFolder();
    const own = await authority.issue({
      extensions: ['subjectAltName=DNS:deployer.internal', 'extendedKeyUsage=serverAuth'],
    });
    const client = await authority.issue({
      extensions: ['extendedKeyUsage=clientAuth'],
      subject: '/CN=agent one',
    });
    for (const [name, text] of Object.entries({
      'ca.pem': authority.root,
      'c.pem': client.cert + authority.chain,
      'c.key': client.key,
    }))
      writeFileSync(join(folder.path, name), text);
    await using server = await openServer((_asked, response) => response.end('plain'));
    await using secure = await openServer((asked, response) => response.end(`secure ${asked.client ?? ''}`), {
      key: own.key,
      cert: own.cert + authority.chain,
      ca: authority.root,
      requestCert: true,
      rejectUnauthorized: false,
    });
    await using proxy = await openProxy({ credentials: 'ada:p@ss-word', target: server.port });
    await using secureProxy = await openProxy({ credentials: 'ada:p@ss-word', target: secure.port });
    const through = (port: number): string => `proxy = "http://ada:p%40ss-word@127.0.0.1:${port}"`;
    const allow = '"*.internal"';
    const plain = await ask(server, `url = "http://deployer.internal/p?q=1"\n ${through(proxy.port)}`, {
      allow,
    });
    expect(plain.stdout).toBe('plain');
    expect(proxy.asked[0]).toMatchObject({ method: 'GET', url: 'http://deployer.internal/p?q=1' });
    const tunneled = await ask(
      server,
      `url = "https://deployer.internal/"\n ${through(secureProxy.port)}\n tls {\n ca_file = "${folder.path}/ca.pem"\n cert_file = "${folder.path}/c.pem"\n key_file = "${folder.path}/c.key"\n }`,
      { allow },
    );
    expect(tunneled.outcome.message).toBeUndefined();
    expect(tunneled.stdout).toBe('secure agent one');
    expect(secureProxy.asked[0]).toMatchObject({ method: 'CONNECT', url: 'deployer.internal:443' });
    const wrong = `proxy = "http://ada:wrong@127.0.0.1:${secureProxy.port}"`;
    const refused = await ask(server, `url = "https://deployer.internal/"\n ${wrong}`, { allow });
    expect(refused.outcome).toMatchObject({ result: 'failed', code: 'connect_failed' });
    expect(refused.outcome.message).toMatch(/407/);
    expect(plain.everything + tunneled.everything + refused.everything).not.toMatch(/p@ss-word|p%40ss-word/);
  });

  test('is asked only for what the list names', async () => {
    await using server = await openServer((_asked, response) => response.end('reached'));
    await using proxy = await openProxy({ credentials: 'a:b', target: server.port });
    const agentProxy = (allow: string, url: string): Promise<Told> =>
      runText(
        request(server, `url = "${url}"`, { allow }).replace(
          'network {',
          `network {\n proxy = "http://a:b@127.0.0.1:${proxy.port}"`,
        ),
      );
    expect((await agentProxy('"*.internal"', 'http://app.internal/')).stdout).toBe('reached');
    for (const [allow, url] of [
      ['"10.0.0.0/8"', 'http://app.internal/'],
      ['"*.internal"', 'http://other.example/'],
      ['"*.internal"', 'http://169.254.169.254/'],
      ['"localhost"', 'http://localhost/'],
    ] as const) {
      expect((await agentProxy(allow, url)).outcome).toMatchObject({ code: 'address_denied' });
    }
    expect(proxy.asked).toHaveLength(1);
  });
});

test('a sensitive operation shows nothing of the answer and masks it afterwards', async () => {
  await using server = await openServer((_asked, response) => response.end('{"token":"fr3sh-t0ken"}'));
  const text = request(server, '').replace(
    /http \{\n\n \}/,
    `operation {
      name = "login"
      sensitive = true
      http {
        ${local.replace('PORT', String(server.port))}
      }
    }
    operation {
      run {
        command = ["echo", jsondecode(operation.login.response.body).token, "fr3sh-t0ken"]
      }
    }`,
  );
  const told = await runText(text);
  expect(told.stdout).toBe('*** ***\n');
  expect(told.system).toMatch(/23 bytes are not shown/);
  expect(told.everything).not.toContain('fr3sh-t0ken');
});
