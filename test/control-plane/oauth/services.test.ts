// Services ask for tokens: by secret, by key, as HashiCorp's tools do, and what their tokens say (F1, F5).
import { randomUUIDv7 } from 'node:crypto';
import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
  SignJWT,
} from 'jose';
import type { JSONWebKeySet, JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forge, makePerson, makeService, must, openWorld, post, serviceToken, whoami } from './world.ts';
import type { Service, World } from './world.ts';

let world: World;
let service: Service;

beforeAll(async () => {
  world = await openWorld();
  service = await makeService(world);
});
afterAll(() => world.close());

async function keySet(): Promise<JSONWebKeySet> {
  return (await fetch(`${world.url}/oauth2/jwks`)).json() as Promise<JSONWebKeySet>;
}

test('a token of a service is a JWT in the profile of RFC 9068 with the claims of the notes', async () => {
  const token = await serviceToken(world, service);
  const header = decodeProtectedHeader(token);
  expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
  const claims = decodeJwt(token);
  expect(claims).toMatchObject({
    iss: world.url,
    sub: service.id,
    aud: world.url,
    client_id: service.clientId,
    scope: 'wayside',
    org: world.organization,
    principal_type: 'service',
  });
  expect(claims.exp).toBe(Number(claims.iat) + 600);
  expect(claims.nbf).toBe(claims.iat);
  const other = decodeJwt(await serviceToken(world, service));
  expect(other.jti).not.toBe(claims.jti);
  expect(await whoami(world, token)).toMatchObject({
    status: 200,
    body: { principal: { id: service.id }, token: { id: claims.jti } },
  });
});

test('every flaw of a JWT is answered alike: 401 with the challenge of RFC 6750', async () => {
  const good = decodeJwt(await serviceToken(world, service));
  const seconds = Math.floor(world.now() / 1_000);
  const publicJwk = (await keySet()).keys[0]!;
  const publicPem = await exportSPKI((await importJWK(publicJwk, 'ES256')) as CryptoKey);
  const stranger = await generateKeyPair('ES256');
  const unsigned = `${Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url')}.${Buffer.from(JSON.stringify(good)).toString('base64url')}.`;
  const header = { alg: 'HS256', typ: 'at+jwt', kid: publicJwk.kid ?? '' } as const;
  const flawed = {
    'another issuer': await forge(world, { ...good, iss: 'https://elsewhere.example' }),
    'another audience': await forge(world, { ...good, aud: 'https://elsewhere.example' }),
    'a list of audiences': await forge(world, { ...good, aud: [world.url, 'https://elsewhere.example'] }),
    'an end that is past': await forge(world, { ...good, exp: seconds - 1 }),
    'a beginning beyond the skew': await forge(world, { ...good, nbf: seconds + 70 }),
    'no signature': unsigned,
    'the public key as a secret': await new SignJWT(good)
      .setProtectedHeader(header)
      .sign(new TextEncoder().encode(publicPem)),
    'an unknown key id': await forge(world, good, { kid: 'unknown' }),
    'no key id': await forge(world, good, { kid: undefined }),
    'the signature of another key': await new SignJWT(good)
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: publicJwk.kid! })
      .sign(stranger.privateKey),
    'the type of an ID token': await forge(world, good, { typ: 'JWT' }),
    'no type': await forge(world, good, { typ: undefined }),
    'another organization': await forge(world, { ...good, org: '01900000-0000-7000-8000-000000000009' }),
    'a subject that is not there': await forge(world, {
      ...good,
      sub: '01900000-0000-7000-8000-000000000009',
    }),
    'no identifier': await forge(world, { ...good, jti: undefined } as never),
    'a word that is no token': 'a.b.c',
    'an opaque token that is none': 'wsa_nothing',
  };
  for (const [flaw, token] of Object.entries(flawed)) {
    const { status, challenge, body } = await whoami(world, token);
    expect([flaw, status, challenge, body.code]).toEqual([
      flaw,
      401,
      'Bearer error="invalid_token"',
      'invalid_token',
    ]);
  }
  const early = await forge(world, { ...good, jti: randomUUIDv7(), nbf: seconds + 50 });
  expect((await whoami(world, early)).status).toBe(200);
});

test('a secret comes by header, escaped as the notes say, or in the form; and a wrong one not at all', async () => {
  const asked = { grant_type: 'client_credentials' };
  const { clientId, clientSecret } = service;
  const basic = (id: string, secret: string) =>
    `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
  const byHeader = await post(world, '/oauth2/token', asked, {
    headers: { authorization: basic(clientId, clientSecret) },
  });
  expect([byHeader.status, byHeader.body.token_type]).toEqual([200, 'Bearer']);
  const byForm = await post(world, '/oauth2/token', {
    ...asked,
    client_id: clientId,
    client_secret: clientSecret,
  });
  expect(byForm.status).toBe(200);
  expect(byForm.headers.get('cache-control')).toBe('no-store');
  const wrong = await post(world, '/oauth2/token', asked, {
    as: { clientId, clientSecret: `${clientSecret}x` },
  });
  expect([wrong.status, wrong.body.error]).toEqual([401, 'invalid_client']);
  const hash = (
    await world.store.read(
      world.store.db
        .selectFrom('oauth_credentials')
        .select('secret_hash')
        .where('id', '=', clientId)
        .compile(),
    )
  )[0]?.secret_hash;
  const byHash = await post(world, '/oauth2/token', asked, { as: { clientId, clientSecret: String(hash) } });
  expect(byHash.status).toBe(401);
  expect(JSON.stringify(hash)).not.toContain(clientSecret);
});

test('the tools of HashiCorp get a token for the audience that they have for us', async () => {
  const reply = await post(
    world,
    '/oauth2/token',
    { grant_type: 'client_credentials', audience: 'https://api.hashicorp.cloud' },
    { as: service },
  );
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toContain('application/json');
  expect(reply.body.expires_in).toBe(600);
  expect(decodeJwt(reply.body.access_token).aud).toBe(world.url);
  const other = await post(
    world,
    '/oauth2/token',
    { grant_type: 'client_credentials', audience: 'https://elsewhere.example' },
    { as: service },
  );
  expect([other.status, other.body.error]).toEqual([400, 'invalid_target']);
});

test('what there is not is named: a grant type, a scope', async () => {
  const unknown = await post(world, '/oauth2/token', { grant_type: 'password' }, { as: service });
  expect([unknown.status, unknown.body.error]).toEqual([400, 'unsupported_grant_type']);
  const saml = await post(
    world,
    '/oauth2/token',
    { grant_type: 'urn:ietf:params:oauth:grant-type:saml2-bearer', assertion: 'PHNhbWw+' },
    { as: service },
  );
  expect(saml.body.error).toBe('unsupported_grant_type');
  const scope = await post(
    world,
    '/oauth2/token',
    { grant_type: 'client_credentials', scope: 'wayside.run.start wayside.run.fly' },
    { as: service },
  );
  expect([scope.status, scope.body.error]).toEqual([400, 'invalid_scope']);
});

test('a scope is a ceiling, and so is what a credential was given', async () => {
  const token = await serviceToken(world, service, { scope: 'iam.principal.read' });
  expect(decodeJwt(token).scope).toBe('iam.principal.read');
  expect((await world.api('GET', '/v1/principals', undefined, token)).status).toBe(200);
  const refused = await world.api('GET', '/v1/bindings', undefined, token);
  expect([refused.status, refused.body['reason']]).toEqual([403, 'token_scope']);

  const narrow = await makeService(world, {
    credential: { permissions: ['iam.principal.read', 'iam.self.read'] },
  });
  expect(decodeJwt(await serviceToken(world, narrow)).scope).toBe('iam.principal.read iam.self.read');
  const more = await post(
    world,
    '/oauth2/token',
    { grant_type: 'client_credentials', scope: 'iam.binding.read' },
    { as: narrow },
  );
  expect([more.status, more.body.error]).toEqual([400, 'invalid_scope']);
});

test('a token is confined to one thing and one permission by an authorization detail', async () => {
  const { id } = await must(world.api('POST', '/v1/projects', { name: 'shop' }));
  const token = await serviceToken(world, service, {
    authorization_details: JSON.stringify([
      { type: 'wayside', resource: 'projects/shop', permissions: ['wayside.project.read'] },
    ]),
  });
  expect(decodeJwt(token)['authorization_details']).toEqual([
    { type: 'wayside', resource: `projects/${id}`, permissions: ['wayside.project.read'] },
  ]);
  expect((await world.api('GET', '/v1/projects/shop', undefined, token)).status).toBe(200);
  expect((await world.api('GET', '/v1/projects/default', undefined, token)).status).not.toBe(200);
  expect((await world.api('DELETE', '/v1/projects/shop', undefined, token)).status).not.toBe(204);
  const nowhere = await post(
    world,
    '/oauth2/token',
    {
      grant_type: 'client_credentials',
      authorization_details: JSON.stringify([{ type: 'wayside', resource: 'projects/nowhere' }]),
    },
    { as: service },
  );
  expect(nowhere.body.error).toBe('invalid_authorization_details');
});

describe('a service that signs with its own key', () => {
  const signing = generateKeyPair('ES256', { extractable: true });
  let keyed: Service;
  beforeAll(async () => {
    const jwk = { ...(await exportJWK((await signing).publicKey)), kid: 'mine', alg: 'ES256' };
    keyed = await makeService(world, { credential: { keys: [jwk] } });
  });
  const assertion = async (claims: JWTPayload = {}) =>
    new SignJWT({
      iss: keyed.clientId,
      sub: keyed.clientId,
      aud: `${world.url}/oauth2/token`,
      jti: randomUUIDv7(),
      exp: Math.floor(world.now() / 1_000) + 60,
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'mine' })
      .sign((await signing).privateKey);
  const bearer = async (claims: JWTPayload = {}, form: Record<string, string> = {}) =>
    post(world, '/oauth2/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: await assertion(claims),
      ...form,
    });

  test('authenticates by private_key_jwt, once with each assertion', async () => {
    const form = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertion(),
    };
    expect((await post(world, '/oauth2/token', form)).status).toBe(200);
    const again = await post(world, '/oauth2/token', form);
    expect([again.status, again.body.error]).toEqual([401, 'invalid_client']);
  });

  test('exchanges an assertion for a token', async () => {
    const reply = await bearer({}, { scope: 'iam.self.read' });
    expect(reply.status).toBe(200);
    expect(decodeJwt(reply.body.access_token)).toMatchObject({
      sub: keyed.id,
      client_id: keyed.clientId,
      scope: 'iam.self.read',
      principal_type: 'service',
    });
    expect((await whoami(world, reply.body.access_token)).status).toBe(200);
  });

  test('is refused an assertion for somebody else, of somebody else, without an end, or for too long', async () => {
    const flaws: readonly JWTPayload[] = [
      { aud: 'https://elsewhere.example' },
      { iss: service.clientId },
      { sub: service.id },
      { exp: Math.floor(world.now() / 1_000) - 120 },
      { exp: Math.floor(world.now() / 1_000) + 3_600 },
      { exp: undefined },
      { jti: undefined },
    ] as never;
    for (const flaw of flaws) {
      const reply = await bearer(flaw);
      expect([flaw, reply.status, reply.body.error]).toEqual([flaw, 400, 'invalid_grant']);
    }
  });

  test('loses what an assertion brought when it is used a second time', async () => {
    const same = { jti: randomUUIDv7() };
    const first = await bearer(same);
    expect((await whoami(world, first.body.access_token)).status).toBe(200);
    const second = await bearer(same);
    expect([second.status, second.body.error]).toEqual([400, 'invalid_grant']);
    expect((await whoami(world, first.body.access_token)).status).toBe(401);
  });

  test('keeps its private key to itself', async () => {
    const jwk = await exportJWK((await signing).privateKey);
    const { status, body } = await world.api('POST', `/v1/principals/${keyed.id}/credentials`, {
      name: 'private',
      keys: [jwk],
    });
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(body.detail).not.toContain(jwk.d);
  });
});

test('a credential ends its tokens when it is revoked, and a service when it is disabled', async () => {
  const leaving = await makeService(world);
  const token = await serviceToken(world, leaving);
  expect((await world.api('DELETE', `/v1/credentials/${leaving.clientId}`)).status).toBe(204);
  expect((await whoami(world, token)).status).toBe(401);
  expect(
    (await post(world, '/oauth2/token', { grant_type: 'client_credentials' }, { as: leaving })).status,
  ).toBe(401);

  const disabled = await makeService(world);
  const other = await serviceToken(world, disabled);
  expect((await world.api('DELETE', `/v1/principals/${disabled.id}`)).status).toBe(204);
  expect((await whoami(world, other)).status).toBe(401);
  expect(
    (await post(world, '/oauth2/token', { grant_type: 'client_credentials' }, { as: disabled })).status,
  ).toBe(401);
});

test('a credential expires, is for services only, and is given by nobody who may do less', async () => {
  const short = await makeService(world, { credential: { expires_in_ms: 60_000 } });
  await serviceToken(world, short);
  world.advance(61_000);
  expect(
    (await post(world, '/oauth2/token', { grant_type: 'client_credentials' }, { as: short })).status,
  ).toBe(401);

  const person = await makePerson(world);
  const forPerson = await world.api('POST', `/v1/principals/${person.id}/credentials`, { name: 'mine' });
  expect([forPerson.status, forPerson.body.code]).toEqual([409, 'conflict']);
  const owning = await makeService(world, { roles: [{ role: 'owner' }] });
  const path = `/v1/principals/${owning.id}/credentials`;
  const escalating = await world.api('POST', path, { name: 'mine' }, person.token);
  expect(escalating.status).toBe(403);
  const { items } = await must(world.api('GET', path));
  expect(items.map((item) => item['name'])).toEqual(['first']);
  expect(JSON.stringify(items)).not.toContain('secret_hash');
});
