// Metadata, the key set, and the rotation of keys with overlap (F2).
import { decodeProtectedHeader } from 'jose';
import type { JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeService, must, openWorld, serviceToken, whoami } from './world.ts';
import type { Service, World } from './world.ts';

let world: World;
let service: Service;

beforeAll(async () => {
  world = await openWorld();
  service = await makeService(world);
});
afterAll(() => world.close());

const read = async <Body>(path: string, at: { readonly url: string } = world) => {
  const answer = await fetch(at.url + path);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Body;
};
const kids = async (at?: { readonly url: string }) =>
  (await read<JSONWebKeySet>('/oauth2/jwks', at)).keys.map(({ kid }) => kid);
const kidOf = (token: string) => decodeProtectedHeader(token).kid;

test('the metadata names every endpoint under our own address, whatever host was asked for', async () => {
  const answer = await fetch(`${world.url}/.well-known/oauth-authorization-server`, {
    headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
  });
  const metadata = (await answer.json()) as Record<string, unknown>;
  expect(metadata).toMatchObject({
    issuer: world.url,
    authorization_endpoint: `${world.url}/oauth2/auth`,
    token_endpoint: `${world.url}/oauth2/token`,
    introspection_endpoint: `${world.url}/oauth2/introspect`,
    revocation_endpoint: `${world.url}/oauth2/revoke`,
    device_authorization_endpoint: `${world.url}/oauth2/device`,
    jwks_uri: `${world.url}/oauth2/jwks`,
    code_challenge_methods_supported: ['S256'],
    protected_resources: [world.url],
  });
  expect(metadata['grant_types_supported']).toEqual(
    expect.arrayContaining([
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'urn:ietf:params:oauth:grant-type:token-exchange',
    ]),
  );
  expect(JSON.stringify(metadata)).not.toContain('evil.example');
  expect(await read('/.well-known/openid-configuration')).toEqual(metadata);
});

test('the resource says who gives tokens for it (RFC 9728)', async () => {
  expect(await read('/.well-known/oauth-protected-resource')).toMatchObject({
    resource: world.url,
    authorization_servers: [world.url],
    bearer_methods_supported: ['header'],
    jwks_uri: `${world.url}/oauth2/jwks`,
    scopes_supported: expect.arrayContaining(['wayside', 'wayside.run.start']) as unknown,
  });
});

test('the key set shows public halves only', async () => {
  const { keys } = await read<JSONWebKeySet>('/oauth2/jwks');
  expect(keys).toHaveLength(1);
  expect(Object.keys(keys[0]!).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
});

test('after a rotation old tokens are good until they lapse, and new ones are signed by the new key', async () => {
  const other = await openWorld({ beside: world, publicUrl: world.url });
  try {
    const before = await serviceToken(world, service);
    expect((await whoami({ url: other.url }, before)).status).toBe(200);
    const { kid } = await must(world.api('POST', '/v1/token-keys/rotate'));
    expect(kid).not.toBe(kidOf(before));
    expect(new Set(await kids())).toEqual(new Set([kid, kidOf(before)]));
    const after = await serviceToken(world, service);
    expect(kidOf(after)).toBe(kid);
    expect((await whoami(world, before)).status).toBe(200);
    // Another replica learns of the key by itself, within the staleness bound.
    await expect
      .poll(async () => (await whoami({ url: other.url }, after)).status, { timeout: 2_000 })
      .toBe(200);
    expect((await whoami({ url: other.url }, before)).status).toBe(200);
    const there = await serviceToken({ ...world, url: other.url }, service);
    expect(kidOf(there)).toBe(kid);
  } finally {
    await other.close();
  }
});

test('a former key ends by itself when nothing that it signed can be good any more', async () => {
  const before = await serviceToken(world, service);
  await must(world.api('POST', '/v1/token-keys/rotate'));
  expect(await kids()).toContain(kidOf(before));
  world.advance(13 * 60_000);
  expect(await kids()).not.toContain(kidOf(before));
  world.advance(-13 * 60_000);
});

test('a key that is removed ends its tokens, and the active one cannot be', async () => {
  const before = await serviceToken(world, service);
  const { kid } = await must(world.api('POST', '/v1/token-keys/rotate'));
  expect((await world.api('DELETE', `/v1/token-keys/${kidOf(before)}`)).status).toBe(204);
  const refused = await whoami(world, before);
  expect([refused.status, refused.challenge]).toEqual([401, 'Bearer error="invalid_token"']);
  expect(await kids()).not.toContain(kidOf(before));
  const active = await world.api('DELETE', `/v1/token-keys/${String(kid)}`);
  expect([active.status, active.body.code]).toEqual([409, 'conflict']);
  const { items } = await must(world.api('GET', '/v1/token-keys'));
  expect(items.find((item) => item['kid'] === kid)).toMatchObject({ state: 'active', not_after: null });
  const { items: events } = await must(world.api('GET', '/v1/audit?limit=200'));
  expect(events.map((event) => event['operation'])).toEqual(
    expect.arrayContaining(['token_key.rotate', 'token_key.remove', 'access_token.issue']),
  );
});

test('keys survive a restart', async () => {
  const token = await serviceToken(world, service);
  const other = await openWorld({ beside: world, publicUrl: world.url });
  expect(await kids(other)).toContain(kidOf(token));
  await other.close();
});
