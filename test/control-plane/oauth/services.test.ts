// Services ask for tokens: by secret, by key, as HashiCorp's tools do, and what their tokens say (F1, F5).
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeService, openWorld, post, serviceToken, whoami } from './world.ts';
import type { Service, World } from './world.ts';

let world: World;
let service: Service;

beforeAll(async () => {
  world = await openWorld();
  service = await makeService(world);
});
afterAll(() => world.close());

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
