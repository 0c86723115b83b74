// Introspection (RFC 7662) and revocation (RFC 7009) of tokens in both forms (F3, F4), and how fast a revocation is
// seen elsewhere (F14).
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, forge, makePerson, makeService, openWorld, post, serviceToken, whoami } from './world.ts';
import type { Person, Service, World } from './world.ts';

let world: World;
let service: Service;
let stranger: Service;
let watcher: Service;
let ada: Person;

beforeAll(async () => {
  world = await openWorld();
  service = await makeService(world);
  stranger = await makeService(world, { roles: [{ role: 'viewer' }] });
  watcher = await makeService(world, { roles: [{ role: 'owner' }] });
  ada = await makePerson(world, { name: 'ada' });
});
afterAll(() => world.close());

const introspect = (token: string, as: Service, more: Record<string, string> = {}) =>
  post(world, '/oauth2/introspect', { token, ...more }, { as });
const revoke = (token: string, as: Service, more: Record<string, string> = {}) =>
  post(world, '/oauth2/revoke', { token, ...more }, { as });

/** A person's tokens at the HashiCorp tools' client, which need no PKCE: the shortest way to some. */
async function personTokens(): Promise<{ readonly access: string; readonly refresh: string }> {
  const client_id = '4edd6521-6eb9-4d78-9039-7ce8569d667c';
  const redirect_uri = 'http://localhost:8443/oidc/callback';
  const browser = new Browser(world);
  browser.signIn(ada.id);
  const asked = { client_id, redirect_uri, response_type: 'code', scope: 'openid offline_access' };
  const arrived = await browser.open(`/oauth2/auth?${new URLSearchParams(asked).toString()}`);
  const code = new URL(arrived.url).searchParams.get('code') ?? '';
  const { body } = await post(world, '/oauth2/token', {
    grant_type: 'authorization_code',
    client_id,
    redirect_uri,
    code,
  });
  return { access: body.access_token, refresh: body.refresh_token ?? '' };
}

describe('introspection', () => {
  test('tells whoever a token was issued to what it says', async () => {
    const token = await serviceToken(world, service, { scope: 'iam.self.read' });
    const { status, body } = await introspect(token, service);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      active: true,
      sub: service.id,
      principal_type: 'service',
      scope: 'iam.self.read',
      aud: world.url,
      iss: world.url,
      org: world.organization,
      client_id: service.clientId,
      token_type: 'Bearer',
      exp: decodeJwt(token).exp,
      jti: decodeJwt(token).jti,
    });
  });

  test('tells a service with the right to it, also of people’s tokens', async () => {
    const { access } = await personTokens();
    expect((await introspect(access, watcher)).body).toMatchObject({
      active: true,
      sub: ada.id,
      principal_type: 'user',
      username: 'ada',
      elevated: false,
    });
    const hinted = await introspect(access, watcher, { token_type_hint: 'refresh_token' });
    expect(hinted.body.active).toBe(true);
  });

  test('tells a service about tokens for the resource that it serves', async () => {
    const audience = 'https://warehouse.example/api';
    const warehouse = await makeService(world, { roles: [], credential: { audiences: [audience] } });
    const token = await serviceToken(world, service, { resource: audience });
    expect(decodeJwt(token).aud).toBe(audience);
    expect((await introspect(token, warehouse)).body).toMatchObject({ active: true, sub: service.id });
    expect((await introspect(token, stranger)).body).toEqual({ active: false });
    expect((await introspect(await serviceToken(world, service), warehouse)).body.active).toBe(false);
    // And our own API takes no token that is for somebody else.
    expect((await whoami(world, token)).status).toBe(401);
  });

  test('is no right that a service gives itself by calling our own API its resource', async () => {
    const snoop = await makeService(world, { roles: [], credential: { audiences: [world.url] } });
    const token = await serviceToken(world, service);
    expect((await introspect(token, snoop)).body).toEqual({ active: false });
  });

  test('says of everything else the same, and in the same time', async () => {
    const good = await serviceToken(world, service);
    const claims = decodeJwt(good);
    const revoked = await serviceToken(world, service);
    await revoke(revoked, service);
    const inactive = {
      expired: await forge(world, { ...claims, exp: Math.floor(world.now() / 1_000) - 5 }),
      revoked,
      'of another issuer': await forge(world, { ...claims, iss: 'https://elsewhere.example' }),
      garbage: 'garbage',
      'an opaque token that is none': 'wsa_garbage',
      'a refresh token that is none': 'wsf_garbage',
      'a JWT that is none': 'a.b.c',
      'for somebody else': good,
      empty: '.',
    };
    const times: number[] = [];
    for (const [what, token] of Object.entries(inactive)) {
      const asker = what === 'for somebody else' ? stranger : service;
      for (let round = 0; round < 3; round += 1) {
        const startedAt = performance.now();
        const { status, body } = await introspect(token, asker);
        times.push(performance.now() - startedAt);
        expect([what, status, body]).toEqual([what, 200, { active: false }]);
      }
    }
    // The floor is what makes them alike; how busy the machine is, is not looked at.
    expect(Math.min(...times)).toBeGreaterThanOrEqual(4.5);
  });

  test('asks who asks', async () => {
    const token = await serviceToken(world, service);
    const nobody = await post(world, '/oauth2/introspect', { token });
    expect([nobody.status, nobody.body.error]).toEqual([401, 'invalid_client']);
    expect(nobody.headers.get('www-authenticate')).toContain('Basic');
    const wrong = await introspect(token, { ...service, clientSecret: 'wrong' });
    expect(wrong.status).toBe(401);
    const publicly = await post(world, '/oauth2/introspect', { token, client_id: 'wayside-cli' });
    expect(publicly.status).toBe(401);
  });
});

describe('revocation', () => {
  test('ends a JWT, here at once and at another replica within a second', async () => {
    const other = await openWorld({ beside: world, publicUrl: world.url });
    try {
      const token = await serviceToken(world, service);
      const elsewhere = () => whoami({ url: other.url }, token);
      expect((await elsewhere()).status).toBe(200);
      const answer = await revoke(token, service);
      expect(answer.status).toBe(200);
      const revokedAt = performance.now();
      expect((await whoami(world, token)).status).toBe(401);
      expect((await introspect(token, service)).body).toEqual({ active: false });
      for (;;) {
        const askedAt = performance.now();
        if ((await elsewhere()).status === 401) break;
        expect(askedAt - revokedAt).toBeLessThan(1_000);
      }
    } finally {
      await other.close();
    }
  });

  test('answers 200 whatever it was given, and ends nothing that belongs to another client', async () => {
    const token = await serviceToken(world, service);
    for (const given of ['garbage', 'a.b.c', 'wsa_none', 'wsf_none', token]) {
      const { status } = await revoke(given, stranger);
      expect([given === token, status]).toEqual([given === token, 200]);
    }
    expect((await whoami(world, token)).status).toBe(200);
    const { refresh } = await personTokens();
    expect((await revoke(refresh, stranger)).status).toBe(200);
    const still = await post(world, '/oauth2/token', {
      grant_type: 'refresh_token',
      client_id: '4edd6521-6eb9-4d78-9039-7ce8569d667c',
      refresh_token: refresh,
    });
    expect(still.status).toBe(200);
  });

  test('of a refresh token ends its family', async () => {
    const { access, refresh } = await personTokens();
    const client_id = '4edd6521-6eb9-4d78-9039-7ce8569d667c';
    expect((await whoami(world, access)).status).toBe(200);
    expect((await post(world, '/oauth2/revoke', { token: refresh, client_id })).status).toBe(200);
    expect((await whoami(world, access)).status).toBe(401);
    const again = await post(world, '/oauth2/token', {
      grant_type: 'refresh_token',
      client_id,
      refresh_token: refresh,
    });
    expect(again.body.error).toBe('invalid_grant');
  });

  test('needs a client, and a token', async () => {
    const nobody = await post(world, '/oauth2/revoke', { token: 'garbage' });
    expect(nobody.status).toBeGreaterThanOrEqual(400);
    const nothing = await post(world, '/oauth2/revoke', {}, { as: service });
    expect([nothing.status, nothing.body.error]).toEqual([400, 'invalid_request']);
  });
});

test('nothing that opens anything is in the database', async () => {
  const { access, refresh } = await personTokens();
  const rows = await world.store.read(world.store.db.selectFrom('oauth_artifacts').selectAll().compile());
  const text = JSON.stringify(rows);
  for (const secret of [access, refresh, access.slice(4), refresh.slice(4), service.clientSecret]) {
    expect(text).not.toContain(secret);
  }
  const sealed = rows.filter(({ model }) => ['Session', 'Interaction', 'AuthorizationCode'].includes(model));
  expect(sealed.length).toBeGreaterThan(0);
  expect(sealed.every(({ payload, envelope }) => payload === null && envelope !== null)).toBe(true);
});

test('what has lapsed is removed by and by', async () => {
  await personTokens();
  const count = async () =>
    (await world.store.read(world.store.db.selectFrom('oauth_artifacts').select('id').compile())).length;
  const before = await count();
  world.advance(200 * 86_400_000);
  await personTokens();
  world.advance(-200 * 86_400_000);
  expect(await count()).toBeLessThan(before);
});
