// What routes ask for: each declares a permission of the catalogue, that which is written down beside it, and is decided
// before the request is looked at. Who is answered what is in the matrix (test/control-plane/authority/matrix.test.ts).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import fastify from 'fastify';
import { recordRoutes } from '../../../control-plane/http/registered-routes.ts';
import { permissions } from '../../../protocol/permissions.ts';
import { makePerson, must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';
import { routePermissions } from './route-permissions.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/**
 * Forms for people who have not said yet who they are, and the protocol by which they get a token; both ask for a
 * session or a client themselves, where they need one.
 */
function isPage(url: string): boolean {
  return /^\/(sign-in|account|device|oauth2|\.well-known)(\/|$)/.test(url);
}

describe('every route', () => {
  test('declares a permission of the catalogue, and HEAD asks for that of its GET', () => {
    const gets = new Map(
      server.routes.filter(({ method }) => method === 'GET').map(({ url, permission }) => [url, permission]),
    );
    for (const { method, url, permission } of server.routes) {
      expect(permission === 'public' || permissions.includes(permission)).toBe(true);
      if (method === 'HEAD') expect(permission).toBe(gets.get(url));
      if (permission === 'public' && !isPage(url)) {
        expect(['/healthz', '/readyz', '/v1/openapi.json', '/pki/crl/:file']).toContain(url);
      }
    }
  });

  test('asks for what is written down beside it', () => {
    const registered = server.routes
      .filter(({ method }) => method !== 'HEAD')
      .map(({ method, url, permission }) => `${method} ${url} ${permission}`);
    expect(registered.sort()).toEqual([...routePermissions].sort());
  });

  test('that declares none, or an unknown one, cannot be registered', () => {
    const app = fastify();
    recordRoutes(app);
    const handler = async () => ({});
    expect(() => app.get('/open', handler)).toThrow('declares no permission');
    expect(() => app.get('/typo', { config: { permission: 'wayside.run.raed' as never } }, handler)).toThrow(
      'declares no permission',
    );
    expect(() => app.get('/fine', { config: { permission: 'wayside.run.read' } }, handler)).not.toThrow();
  });
});

test('a denial is answered before the request is looked at, and is written down with its trace', async () => {
  await must(server.api('POST', '/v1/projects', { name: 'shop' }));
  const { api } = await makePerson(server, { roles: [{ role: 'viewer', level: 'projects/shop' }] });
  const denied = await api('POST', '/v1/projects/shop/groups', { nonsense: true });
  expect(denied.status).toBe(403);
  expect(denied.body).toMatchObject({ permission: 'wayside.group.create', reason: 'no_binding' });
  const id = String(denied.body['decision']);
  const { body: trace } = await must(server.api('GET', `/v1/decisions/${id}`));
  expect(trace).toMatchObject({
    id,
    allowed: false,
    permission: 'wayside.group.create',
    considered: [{ role: 'viewer', grants: false }],
  });
  const { body: page } = await must(server.api('GET', '/v1/audit?result=denied&limit=1'));
  expect(page.items[0]).toMatchObject({ decision: id, result: 'denied', permission: 'wayside.group.create' });
});
