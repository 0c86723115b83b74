// Tokens that are bound to a key (RFC 9449; F18): whoever steals one has nothing.
import { createHash, randomUUID } from 'node:crypto';
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rememberProofs } from '../../../control-plane/oauth/proof.ts';
import { makeService, openWorld, post } from './world.ts';
import type { Service, World } from './world.ts';

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>;

let world: World;
let service: Service;
let bound: Service;
let mine: KeyPair;
let theirs: KeyPair;

beforeAll(async () => {
  world = await openWorld();
  service = await makeService(world);
  bound = await makeService(world, { credential: { bound: true } });
  [mine, theirs] = await Promise.all([
    generateKeyPair('ES256', { extractable: true }),
    generateKeyPair('ES256', { extractable: true }),
  ]);
});
afterAll(() => world.close());

interface ProofOptions {
  readonly key?: KeyPair;
  readonly method?: string;
  readonly url: string;
  readonly token?: string;
  readonly at?: number;
  readonly jti?: string;
  readonly typ?: string;
}

async function proofOf(options: ProofOptions): Promise<string> {
  const { key = mine, method = 'GET', url, token, jti = randomUUID(), typ = 'dpop+jwt' } = options;
  const ath = token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') };
  return new SignJWT({ htm: method, htu: url, jti, ...ath })
    .setIssuedAt(Math.floor((options.at ?? world.now()) / 1_000))
    .setProtectedHeader({ alg: 'ES256', typ, jwk: await exportJWK(key.publicKey) })
    .sign(key.privateKey);
}

async function boundToken(as = bound): Promise<string> {
  const proof = await proofOf({ method: 'POST', url: `${world.url}/oauth2/token` });
  const reply = await post(
    world,
    '/oauth2/token',
    { grant_type: 'client_credentials' },
    { as, headers: { dpop: proof } },
  );
  expect([reply.status, reply.body['token_type']]).toEqual([200, 'DPoP']);
  return reply.body.access_token;
}

const url = () => `${world.url}/v1/whoami`;

async function call(token: string, proof?: string, scheme = 'DPoP'): Promise<Response> {
  return fetch(url(), {
    headers: { authorization: `${scheme} ${token}`, ...(proof === undefined ? {} : { dpop: proof }) },
  });
}

test('a token that was asked for with a proof is good with proofs of the same key only', async () => {
  const token = await boundToken(service);
  expect(decodeJwt(token)['cnf']).toEqual({ jkt: expect.any(String) });
  expect((await call(token, await proofOf({ url: url(), token }))).status).toBe(200);
  const stolen: Record<string, Response> = {
    'as a bearer': await call(token, undefined, 'Bearer'),
    'as a bearer with a proof': await call(token, await proofOf({ url: url(), token }), 'Bearer'),
    'without a proof': await call(token),
    'with a proof of another key': await call(token, await proofOf({ url: url(), token, key: theirs })),
    'with a proof for another method': await call(
      token,
      await proofOf({ url: url(), token, method: 'POST' }),
    ),
    'with a proof for another address': await call(
      token,
      await proofOf({ url: `${world.url}/v1/bindings`, token }),
    ),
    'with a proof for another token': await call(token, await proofOf({ url: url(), token: 'other' })),
    'with a proof that names no token': await call(token, await proofOf({ url: url() })),
    'with an old proof': await call(token, await proofOf({ url: url(), token, at: world.now() - 120_000 })),
    'with a proof of tomorrow': await call(
      token,
      await proofOf({ url: url(), token, at: world.now() + 120_000 }),
    ),
    'with a proof of another type': await call(token, await proofOf({ url: url(), token, typ: 'JWT' })),
    'with garbage': await call(token, 'garbage'),
  };
  for (const [how, { status, headers }] of Object.entries(stolen)) {
    expect([how, status, headers.get('www-authenticate')]).toEqual([
      how,
      401,
      'Bearer error="invalid_token"',
    ]);
  }
});

test('a proof is good for one request', async () => {
  const token = await boundToken();
  const proof = await proofOf({ url: url(), token });
  expect((await call(token, proof)).status).toBe(200);
  expect((await call(token, proof)).status).toBe(401);
});

test('a proof is good once over all processes, also for who asks again', async () => {
  const memory = () => rememberProofs({ store: world.store, clock: world });
  const [here, there] = [memory(), memory()];
  const proof = { id: randomUUID(), request: 'one', until: world.now() + 60_000 };
  expect([await here.isFresh(proof), await here.isFresh(proof)]).toEqual([true, true]);
  const again = { ...proof, request: 'two' };
  expect([await there.isFresh(again), await there.isFresh(again)]).toEqual([false, false]);
});

test('one request may ask for several decisions with the proof that it has', async () => {
  const token = await boundToken();
  const target = `${world.url}/v1/check`;
  const answer = await fetch(target, {
    method: 'POST',
    headers: {
      authorization: `DPoP ${token}`,
      dpop: await proofOf({ url: target, method: 'POST', token }),
      'content-type': 'application/json',
    },
    body: JSON.stringify({ permission: 'iam.principal.read', resource: 'organization' }),
  });
  expect(answer.status).toBe(200);
});

test('a credential that asks for it gets bound tokens only', async () => {
  const without = await post(world, '/oauth2/token', { grant_type: 'client_credentials' }, { as: bound });
  expect(without.status).toBe(400);
});

test('a credential that asks for it gets bound tokens only, by whichever grant', async () => {
  const at = { url: `${world.url}/oauth2/token`, method: 'POST' } as const;
  const jwk = { ...(await exportJWK(mine.publicKey)), alg: 'ES256' };
  const signing = await makeService(world, { credential: { keys: [jwk], bound: true } });
  const assertion = await new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(signing.clientId)
    .setSubject(signing.clientId)
    .setAudience(world.url)
    .setExpirationTime(Math.floor(world.now() / 1_000) + 60)
    .sign(mine.privateKey);
  const asserting = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
  const exchanging = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: bound.token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  };
  for (const [form, who] of [[asserting, {}] as const, [exchanging, { as: bound }] as const]) {
    const without = await post(world, '/oauth2/token', form, who);
    expect([form.grant_type, without.status, without.body.error]).toEqual([
      form.grant_type,
      400,
      'invalid_grant',
    ]);
    const proven = await post(world, '/oauth2/token', form, {
      ...who,
      headers: { dpop: await proofOf(at) },
    });
    expect([form.grant_type, proven.status, proven.body['token_type']]).toEqual([
      form.grant_type,
      200,
      'DPoP',
    ]);
    const token = proven.body.access_token;
    expect((await call(token, undefined, 'Bearer')).status).toBe(401);
    expect((await call(token, await proofOf({ url: url(), token }))).status).toBe(200);
  }
  const outside = { provider: signing.clientId, request: {} };
  expect(await world.oauth.exchangeOutside({ ...outside, assertion })).toBeNull();
});

test('a token that is not bound is no better with the scheme of bound ones', async () => {
  const reply = await post(world, '/oauth2/token', { grant_type: 'client_credentials' }, { as: service });
  const token = reply.body.access_token;
  expect((await call(token, await proofOf({ url: url(), token }))).status).toBe(401);
  expect((await call(token, undefined, 'Bearer')).status).toBe(200);
});

test('a bound token is exchanged by whoever holds its key, and what it becomes is bound too', async () => {
  const token = await boundToken(service);
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  };
  const at = { url: `${world.url}/oauth2/token`, method: 'POST' } as const;
  const thief = await post(world, '/oauth2/token', form);
  expect([thief.status, thief.body.error]).toEqual([400, 'invalid_grant']);
  const other = await post(world, '/oauth2/token', form, {
    headers: { dpop: await proofOf({ ...at, key: theirs }) },
  });
  expect(other.body.error).toBe('invalid_grant');
  const holder = await post(world, '/oauth2/token', form, { headers: { dpop: await proofOf(at) } });
  expect([holder.status, holder.body['token_type']]).toEqual([200, 'DPoP']);
  expect(decodeJwt(holder.body.access_token)['cnf']).toEqual(decodeJwt(token)['cnf']);
  expect((await call(holder.body.access_token, undefined, 'Bearer')).status).toBe(401);
});

test('a client library that knows the standard speaks it with us', async () => {
  const config = await client.discovery(
    new URL(world.url),
    bound.clientId,
    undefined,
    client.ClientSecretBasic(bound.clientSecret),
    { execute: [client.allowInsecureRequests] },
  );
  const handle = client.getDPoPHandle(config, mine);
  const tokens = await client.clientCredentialsGrant(config, {}, { DPoP: handle });
  const answer = await client.fetchProtectedResource(
    config,
    tokens.access_token,
    new URL(url()),
    'GET',
    null,
    new Headers(),
    { DPoP: handle },
  );
  expect(answer.status).toBe(200);
});
