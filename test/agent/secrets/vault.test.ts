import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createVaultSecrets } from '../../../agent/secrets/vault.ts';
import type { VaultLogin, VaultSecrets } from '../../../hcl/agent-file/definition.ts';
import { openFolder } from '../../support/folder.ts';
import { openAuthority } from '../../support/openssl.ts';

// No Vault or OpenBao can be had here: this server speaks the shapes that their documentation shows.
const folder = openFolder();
const asked: string[] = [];
const tokens = new Set<string>();
let logins = 0;
let leaseSeconds = 3_600;
let now = 0;

const data: Readonly<Record<string, unknown>> = {
  '/v1/kv/data/deploy/prod': {
    data: {
      data: { key: 's-123456', port: 12345678901234567n, value: 'v-123456' },
      metadata: { version: 3 },
    },
  },
  '/v1/kv/data/gone': { data: { data: null, metadata: { deletion_time: '2026-01-01T00:00:00Z' } } },
  '/v1/kv/data/old': { data: { key: 'version 1' } },
  '/v1/kv/data/a%20b': { data: { data: { value: 'spaced' } } },
};

const authority = await openAuthority();
const serverCertificate = await authority.issue({
  extensions: ['subjectAltName=IP:127.0.0.1', 'extendedKeyUsage=serverAuth'],
});
const clientCertificate = await authority.issue({
  extensions: ['extendedKeyUsage=clientAuth'],
  subject: '/CN=deployer',
});

const server = createServer(
  {
    key: serverCertificate.key,
    cert: serverCertificate.cert + authority.chain,
    ca: authority.root,
    requestCert: true,
    rejectUnauthorized: false,
  },
  (request, response) => {
    const send = (status: number, body: unknown): void => {
      const text = JSON.stringify(body, (_key, value: unknown) =>
        typeof value === 'bigint' ? JSON.rawJSON(String(value)) : value,
      );
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    };
    asked.push(
      `${request.method ?? ''} ${request.url ?? ''} ${String(request.headers['x-vault-namespace'] ?? '-')}`,
    );
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const logIn = (): void => {
        logins += 1;
        tokens.add(`token-${logins}`);
        send(200, {
          auth: { client_token: `token-${logins}`, lease_duration: leaseSeconds, renewable: true },
        });
      };
      if (request.headers['x-vault-request'] !== 'true')
        return send(400, { errors: ['missing X-Vault-Request'] });
      if (request.url === '/v1/auth/approle/login') {
        const given = JSON.parse(body) as Record<string, string>;
        if (given['role_id'] === 'deployer' && given['secret_id'] === 'sid') return logIn();
        return send(400, { errors: ['invalid role or secret ID'] });
      }
      if (request.url === '/v1/auth/cert/login') {
        const socket = request.socket as TLSSocket;
        if (socket.authorized && socket.getPeerCertificate().subject.CN === 'deployer') return logIn();
        return send(400, { errors: ['invalid certificate'] });
      }
      if (!tokens.has(String(request.headers['x-vault-token'])))
        return send(403, { errors: ['permission denied'] });
      const found = data[request.url ?? ''];
      return found === undefined
        ? send(404, { errors: [] })
        : send(request.url === '/v1/kv/data/gone' ? 404 : 200, found);
    });
  },
);

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const files = {
    'ca.pem': authority.root + authority.chain,
    'c.pem': clientCertificate.cert + authority.chain,
    'c.key': clientCertificate.key,
    sid: 'sid\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, name), text);
});

beforeEach(() => {
  asked.length = 0;
  tokens.clear();
  logins = 0;
  leaseSeconds = 3_600;
  now = 0;
});

afterAll(async () => {
  server.close();
  folder[Symbol.dispose]();
  await authority[Symbol.asyncDispose]();
});

function open(
  login: VaultLogin,
  { environment = {}, ...changes }: Partial<VaultSecrets> & { environment?: Record<string, string> } = {},
): ReturnType<typeof createVaultSecrets> {
  const { port } = server.address() as AddressInfo;
  return createVaultSecrets(
    {
      kind: 'vault',
      address: `https://127.0.0.1:${port}`,
      mount: 'kv',
      namespace: null,
      caFile: join(folder.path, 'ca.pem'),
      login,
      ...changes,
    },
    { environment, boot: () => now },
  );
}

const approle: VaultLogin = {
  method: 'approle',
  roleId: 'deployer',
  secretIdFile: join(folder.path, 'sid'),
  mount: 'approle',
};

test('a field of a secret is read with every digit, and one login serves many', async () => {
  const vault = open(approle);
  expect(await vault.read('deploy/prod#key')).toBe('s-123456');
  expect(await vault.read('deploy/prod#port')).toBe('12345678901234567');
  expect(await vault.read('deploy/prod')).toBe('v-123456');
  expect(await vault.read('a b')).toBe('spaced');
  expect(logins).toBe(1);
});

test('what it does not know is null: no path, no field, deleted, or no name of a secret', async () => {
  const vault = open(approle);
  for (const name of [
    'none#key',
    'deploy/prod#none',
    'deploy/prod#__proto__',
    'gone#key',
    '../sys#x',
    '',
    'a//b',
    '/a',
  ]) {
    expect(await vault.read(name)).toBeNull();
  }
  expect(asked.filter((line) => line.includes('sys'))).toEqual([]);
});

test('a login by certificate shows it', async () => {
  const files = { certFile: join(folder.path, 'c.pem'), keyFile: join(folder.path, 'c.key') };
  expect(await open({ method: 'cert', mount: 'cert', ...files }).read('deploy/prod#key')).toBe('s-123456');
});

test('a token comes from its file or from VAULT_TOKEN, and the namespace goes along', async () => {
  tokens.add('given');
  writeFileSync(join(folder.path, 'token'), 'given\n');
  const byFile = open({ method: 'token', tokenFile: join(folder.path, 'token') }, { namespace: 'platform' });
  expect(await byFile.read('deploy/prod#key')).toBe('s-123456');
  expect(asked).toEqual(['GET /v1/kv/data/deploy/prod platform']);
  const byEnvironment = open({ method: 'token', tokenFile: null }, { environment: { VAULT_TOKEN: 'given' } });
  expect(await byEnvironment.read('deploy/prod#key')).toBe('s-123456');
  await expect(open({ method: 'token', tokenFile: null }).read('deploy/prod#key')).rejects.toThrow(
    /VAULT_TOKEN is not set/,
  );
});

test('a token is replaced after two thirds of its life, and once when it is refused', async () => {
  leaseSeconds = 90;
  const vault = open(approle);
  await vault.read('deploy/prod#key');
  now = 59_000;
  await vault.read('deploy/prod#key');
  expect(logins).toBe(1);
  now = 61_000;
  await vault.read('deploy/prod#key');
  expect(logins).toBe(2);
  tokens.clear();
  expect(await vault.read('deploy/prod#key')).toBe('s-123456');
  expect(logins).toBe(3);
});

test('what goes wrong is said without a secret in it', async () => {
  await expect(open({ ...approle, roleId: 'other' }).read('deploy/prod#key')).rejects.toThrow(
    'it answered 400 (invalid role or secret ID)',
  );
  await expect(
    open({ method: 'token', tokenFile: null }, { environment: { VAULT_TOKEN: 'wrong-token' } }).read('x#y'),
  ).rejects.toThrow('it answered 403 (permission denied)');
  await expect(open(approle).read('old#key')).rejects.toThrow(/not that of a KV store, version 2/);
  await expect(open(approle, { caFile: null }).read('x#y')).rejects.toThrow(/UNABLE_TO|SELF_SIGNED/);
  await expect(open(approle, { address: 'https://127.0.0.1:1' }).read('x#y')).rejects.toThrow(/ECONNREFUSED/);
});
