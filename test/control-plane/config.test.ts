// The configuration: complete in flag, variable, help and documentation, and checked before anything starts.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { environmentName, parseServerConfig, serverOptions } from '../../control-plane/config.ts';
import { runCli } from '../support/cli.ts';
import { openFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';
import { openAuthority } from '../support/openssl.ts';

let folder: Folder;
beforeAll(() => {
  folder = openFolder();
});
afterAll(() => folder[Symbol.dispose]());

const names = Object.keys(serverOptions) as (keyof typeof serverOptions)[];

/** What `name` is without a flag or a variable, as the documentation writes it. */
function defaultOf(name: keyof typeof serverOptions): string {
  const value: unknown = serverOptions[name].schema.safeParse(undefined).data;
  return value === undefined ? '' : `\`${String(value)}\``;
}

describe('every option', () => {
  test.each(names)('%s has a flag with help, a variable, and a row in docs/operating.md', async (name) => {
    const { help } = serverOptions[name];
    expect(help.length).toBeGreaterThan(5);
    const { stdout } = await runCli({ url: '', token: '', folder: folder.path } as never, [
      'server',
      '--help',
    ]);
    const words = stdout.replace(/\s+/g, ' ');
    expect(words).toContain(`--${name} <${name}>`);
    expect(words).toContain(environmentName(name));
    expect(words).toContain(help);
    const operating = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8');
    const row = operating.split('\n').find((line) => line.startsWith(`| \`--${name}\``)) ?? '';
    const cells = row.split('|').map((cell) => cell.trim());
    expect(cells.slice(1, 4)).toEqual([`\`--${name}\``, `\`${environmentName(name)}\``, defaultOf(name)]);
    expect(cells[4]?.length).toBeGreaterThan(5);
  });

  test('in the documentation is one that there is', () => {
    const operating = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8');
    const section = operating.slice(operating.indexOf('## Options'));
    const rows = [...section.matchAll(/^\| `--([a-z-]+)` \| `WAYSIDE_/gm)].map(([, name]) => name);
    expect(rows).toEqual(names);
  });
});

test('flags win over the environment, that over the defaults; what is set to nothing is not set', () => {
  const parse = (flags: Record<string, string>, environment: Record<string, string>) =>
    parseServerConfig(flags, environment);
  expect(parse({}, {})).toMatchObject({
    http: { host: '127.0.0.1', port: 7_400, tls: null },
    agents: { host: '127.0.0.1', port: 7_401, enrollPort: 7_402, publicHost: '127.0.0.1' },
    trustDomain: null,
    keyringPassphrase: null,
    logLevel: 'info',
  });
  const environment = { WAYSIDE_PORT: '1', WAYSIDE_AGENT_PORT: '2', WAYSIDE_LOG_LEVEL: '' };
  expect(parse({ port: '3' }, environment)).toMatchObject({
    http: { port: 3 },
    agents: { port: 2 },
    logLevel: 'info',
  });
  expect(Object.isFrozen(parse({}, {}))).toBe(true);
});

test.each([
  ['port', '70000'],
  ['port', '-1'],
  ['port', '1e3'],
  ['port', ''],
  ['port', ' 80'],
  ['host', 'a b'],
  ['host', '127.0.0.1:80'.replace(':80', '/80')],
  ['public-url', 'wayside.example.com'],
  ['public-url', 'http://wayside.example.com'],
  ['public-url', 'https://wayside.example.com/path'],
  ['public-url', 'https://user@wayside.example.com'],
  ['public-url', 'https://Wayside.example.com'],
  ['trust-domain', 'Upper.Case'],
  ['trust-domain', ''],
  ['trust-domain', 'a/b'],
  ['issuer-addresses', '10.0.0.0/33'],
  ['issuer-addresses', 'localhost'],
  ['requests-per-minute', '0'],
  ['requests-per-minute', '1.5'],
  ['log-level', 'loud'],
  ['data', ''],
  ['keyring-passphrase-file', '/none'],
])('--%s %j is refused by its name', (name, value) => {
  expect(() => parseServerConfig({ [name]: value }, {})).toThrow(
    expect.objectContaining({ code: 'invalid_configuration' }),
  );
  expect(() => parseServerConfig({ [name]: value }, {})).toThrow(value === '/none' ? value : `--${name}`);
});

test('where a wildcard listens, agents are told the name of this machine', () => {
  const wildcard = parseServerConfig({ 'agent-host': '0.0.0.0' }, {}).agents.publicHost;
  expect(wildcard).not.toBe('0.0.0.0');
  const named = { 'agent-host': '::', 'public-host': 'wayside.internal' };
  expect(parseServerConfig(named, {}).agents.publicHost).toBe('wayside.internal');
});

test('the public URL is an origin, in the clear on this machine only', () => {
  expect(parseServerConfig({}, {}).http.publicUrl).toBeNull();
  const given = (url: string) => parseServerConfig({ 'public-url': url }, {}).http.publicUrl;
  expect(given('https://wayside.example.com/')).toBe('https://wayside.example.com');
  expect(given('https://wayside.example.com:8443')).toBe('https://wayside.example.com:8443');
  expect(given('http://localhost:7400')).toBe('http://localhost:7400');
  expect(given('http://[::1]:7400')).toBe('http://[::1]:7400');
});

describe('TLS', () => {
  test('is needed where tokens would leave this machine', () => {
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com']) {
      expect(() => parseServerConfig({ host }, {})).toThrow('Tokens would cross the network in the clear');
    }
    for (const host of ['127.0.0.1', '127.8.8.8', 'localhost', '::1']) {
      expect(parseServerConfig({ host }, {}).http.tls).toBeNull();
    }
  });

  test('takes a chain and its own key, and nothing else', async () => {
    await using authority = await openAuthority();
    const extensions = ['extendedKeyUsage=serverAuth'];
    const [mine, other] = [await authority.issue({ extensions }), await authority.issue({ extensions })];
    const files = { cert: mine.cert, key: mine.key, other: other.key, empty: '', text: 'no certificate' };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, name), text);
    const parse = (cert: string, key: string) =>
      parseServerConfig(
        { host: '0.0.0.0', 'tls-cert': join(folder.path, cert), 'tls-key': join(folder.path, key) },
        {},
      ).http.tls;
    expect(parse('cert', 'key')).toEqual({ cert: mine.cert, key: mine.key });
    for (const [cert, key] of [
      ['cert', 'other'],
      ['empty', 'empty'],
      ['text', 'key'],
      ['cert', 'text'],
      ['key', 'cert'],
    ] as const) {
      expect(() => parse(cert, key)).toThrow('are not a certificate chain and its private key');
    }
    expect(() => parse('none', 'key')).toThrow('cannot be read');
    expect(() => parseServerConfig({ 'tls-cert': join(folder.path, 'cert') }, {})).toThrow('go together');
  });
});
