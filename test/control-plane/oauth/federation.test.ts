// Workload federation (F6): a token of an outside issuer stands for a service where its claims satisfy a condition. The
// issuer is a real one, on an address that the operator had to name.
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, decodeJwt, SignJWT } from 'jose';
import type { JWK, JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePerson, makeService, must, openWorld, post, whoami } from './world.ts';
import type { Service, TokenReply, World } from './world.ts';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

interface Issuer {
  readonly url: string;
  readonly asked: string[];
  keys: JWK[];
  /** Answers instead of what an issuer would, where it is set. */
  instead:
    ((path: string) => { readonly status: number; readonly body: string; readonly location?: string }) | null;
  close(): void;
}

async function openIssuer(): Promise<Issuer> {
  const asked: string[] = [];
  const issuer = { asked, keys: [] as JWK[], instead: null as Issuer['instead'] };
  const server: Server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const special = issuer.instead?.(path);
    if (special !== undefined) {
      const headers = special.location === undefined ? {} : { location: special.location };
      response.writeHead(special.status, headers).end(special.body);
      return;
    }
    const body =
      path === '/.well-known/openid-configuration'
        ? { issuer: url, jwks_uri: `${url}/keys` }
        : { keys: issuer.keys };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(issuer, { url, close: () => void server.close() });
}

let world: World;
let guarded: World;
let service: Service;
let issuer: Issuer;
let signing: KeyPair;

beforeAll(async () => {
  world = await openWorld({ issuerAddresses: ['127.0.0.0/8'] });
  guarded = await openWorld({ beside: world, publicUrl: world.url });
  service = await makeService(world, { name: 'deployer' });
  issuer = await openIssuer();
  signing = await generateKeyPair('ES256', { extractable: true });
  issuer.keys = [{ ...(await exportJWK(signing.publicKey)), kid: 'one', alg: 'ES256' }];
  await must(world.api('POST', '/v1/federations', federation('ci')));
});
afterAll(async () => {
  issuer.close();
  await guarded.close();
  await world.close();
});

const federation = (name: string, more: Record<string, unknown> = {}) => ({
  name,
  service: 'deployer',
  issuer: issuer.url,
  audiences: ['wayside'],
  condition: 'claims.repository == "acme/shop" && startswith(claims.ref, "refs/heads/")',
  ...more,
});

const good = { sub: 'repo:acme/shop', repository: 'acme/shop', ref: 'refs/heads/main' };

async function outside(claims: JWTPayload = {}, key = signing, kid = 'one'): Promise<string> {
  const now = Math.floor(world.now() / 1_000);
  return new SignJWT({ iss: issuer.url, aud: 'wayside', iat: now, exp: now + 300, ...good, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid })
    .sign(key.privateKey);
}

function exchange(
  assertion: string,
  form: Record<string, string> = {},
  at: World = world,
): Promise<TokenReply> {
  return post(at, '/oauth2/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion,
    ...form,
  });
}

test('a token whose claims satisfy the condition is exchanged for one of the service', async () => {
  const { status, body } = await exchange(await outside());
  expect(status).toBe(200);
  expect(decodeJwt(body.access_token)).toMatchObject({ sub: service.id, principal_type: 'service' });
  expect((await whoami(world, body.access_token)).status).toBe(200);
  expect((await exchange(await outside(), { provider: 'ci' })).status).toBe(200);
  expect((await exchange(await outside(), { provider: 'another' })).body.error).toBe('invalid_grant');
});

test('any other is refused without a reason, which is in the audit', async () => {
  const refused: readonly JWTPayload[] = [
    { repository: 'evil/shop' },
    { ref: 'refs/pull/1/merge' },
    { ref: undefined },
    { aud: 'somebody-else' },
    { exp: Math.floor(world.now() / 1_000) - 120 },
  ] as never;
  const answers = new Set<string>();
  for (const claims of refused) {
    const { status, body } = await exchange(await outside(claims));
    expect([claims, status]).toEqual([claims, 400]);
    answers.add(JSON.stringify(body));
  }
  const stranger = await generateKeyPair('ES256', { extractable: true });
  answers.add(JSON.stringify((await exchange(await outside({}, stranger))).body));
  answers.add(JSON.stringify((await exchange('a.b.c')).body));
  expect([...answers]).toEqual([
    JSON.stringify({ error: 'invalid_grant', error_description: 'grant request is invalid' }),
  ]);
  const { items } = await must(world.api('GET', '/v1/audit?operation=federation.exchange'));
  expect(items).toHaveLength(refused.length);
  expect(JSON.stringify(items)).toContain('do not satisfy the condition');
});

test('keys are fetched once, and again when the issuer has new ones', async () => {
  const before = issuer.asked.length;
  await exchange(await outside());
  await exchange(await outside());
  expect(issuer.asked.length).toBe(before);
  const next = await generateKeyPair('ES256', { extractable: true });
  issuer.keys = [...issuer.keys, { ...(await exportJWK(next.publicKey)), kid: 'two', alg: 'ES256' }];
  expect((await exchange(await outside({}, next, 'two'))).status).toBe(400);
  world.advance(31_000);
  expect((await exchange(await outside({}, next, 'two'))).status).toBe(200);
  expect(issuer.asked.length).toBe(before + 2);
});

test('an issuer on an address that nobody named is not even asked', async () => {
  const before = issuer.asked.length;
  const { status, body } = await exchange(await outside(), {}, guarded);
  expect([status, body.error]).toEqual([400, 'invalid_grant']);
  expect(issuer.asked.length).toBe(before);
});

test('an issuer leads nowhere by a redirect, by another name, or by too much', async () => {
  const other = await openIssuer();
  const key = await generateKeyPair('ES256', { extractable: true });
  other.keys = [{ ...(await exportJWK(key.publicKey)), kid: 'one', alg: 'ES256' }];
  await must(
    world.api(
      'POST',
      '/v1/federations',
      federation('odd', { issuer: other.url, condition: 'claims.sub != null' }),
    ),
  );
  const token = () => outside({ iss: other.url }, key);
  const odd: readonly Exclude<Issuer['instead'], null>[] = [
    () => ({ status: 302, body: '', location: `${issuer.url}/keys` }),
    () => ({ status: 500, body: '' }),
    () => ({ status: 200, body: JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }) }),
    () => ({
      status: 200,
      body: JSON.stringify({ issuer: other.url, jwks_uri: 'http://169.254.169.254/keys' }),
    }),
    () => ({ status: 200, body: JSON.stringify({ issuer: other.url, jwks_uri: 'http://localhost/keys' }) }),
    () => ({ status: 200, body: ' '.repeat(300_000) }),
    () => ({ status: 200, body: 'no json' }),
  ];
  for (const instead of odd) {
    other.instead = instead;
    expect((await exchange(await token())).body.error).toBe('invalid_grant');
  }
  other.instead = null;
  expect((await exchange(await token())).status).toBe(200);
  other.close();
});

test('a federation narrows what its tokens may do, and ends them when it goes', async () => {
  const { id } = await must(
    world.api(
      'POST',
      '/v1/federations',
      federation('narrow', {
        condition: 'claims.repository == "acme/tools"',
        permissions: ['iam.self.read'],
      }),
    ),
  );
  const token = await outside({ repository: 'acme/tools' });
  const { body } = await exchange(token);
  expect(decodeJwt(body.access_token)['scope']).toBe('iam.self.read');
  expect((await exchange(token, { scope: 'wayside' })).body.error).toBe('invalid_scope');
  expect((await whoami(world, body.access_token)).status).toBe(200);
  expect((await world.api('DELETE', `/v1/federations/${id}`)).status).toBe(204);
  expect((await whoami(world, body.access_token)).status).toBe(401);
  expect((await exchange(token)).body.error).toBe('invalid_grant');
});

describe('who federates', () => {
  test('writes a condition that can be judged', async () => {
    const bad = [
      'claims.',
      'env("SECRET") == "x"',
      'claims.a + 1 == 2',
      'run.id == "x"',
      '"${claims.a}" == "b"',
    ];
    for (const condition of bad) {
      const { status, body } = await world.api('POST', '/v1/federations', federation('bad', { condition }));
      expect([condition, status, body.code]).toEqual([condition, 400, 'invalid_request']);
    }
  });

  test('gives nobody more than they have', async () => {
    const admin = await makePerson(world, { roles: [{ role: 'admin' }] });
    const path = '/v1/federations';
    expect((await world.api('POST', path, federation('mine'), admin.token)).status).toBe(403);
    const toPerson = await world.api('POST', path, federation('person', { service: admin.id }));
    expect([toPerson.status, toPerson.body.code]).toEqual([409, 'conflict']);
    const { items } = await must(world.api('GET', path));
    expect(items.map((item) => item['name'])).toContain('ci');
  });
});
