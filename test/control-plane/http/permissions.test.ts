// The matrix: every registered route, tried by everybody, against the catalogue. A new route is in it by itself.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import fastify from 'fastify';
import { roles } from '../../../control-plane/authority/roles.ts';
import { recordRoutes } from '../../../control-plane/http/registered-routes.ts';
import type { RegisteredRoute } from '../../../control-plane/http/registered-routes.ts';
import type { RoleName } from '../../../protocol/api/authority.ts';
import { permissions } from '../../../protocol/permissions.ts';
import type { Permission } from '../../../protocol/permissions.ts';
import { advertise } from '../../support/advertise.ts';
import { makePerson, must, personOf } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { ApiAnswer, TestServer } from '../../support/server.ts';
import { routePermissions } from './route-permissions.ts';

interface Someone {
  readonly who: string;
  readonly token: string;
  /** Null for somebody who is not let in at all. */
  readonly rights: {
    readonly organization: RoleName | null;
    readonly project: RoleName | null;
    readonly ceiling: readonly Permission[] | null;
  } | null;
}

let server: TestServer;
const ids = new Map<string, string>();
const everybody: Someone[] = [];

beforeAll(async () => {
  server = await startTestServer({ options: { 'requests-per-minute': '1000000' } });
  await fixture();
  const rights = { organization: null, project: null, ceiling: null };
  const person = async (who: string, options: Parameters<typeof makePerson>[1], has: Someone['rights']) => {
    const made = await makePerson(server, options);
    everybody.push({ who, token: made.token, rights: has });
    return made;
  };
  for (const role of ['viewer', 'contributor', 'admin', 'owner', 'auditor', 'agent'] as const) {
    await person(`${role} of the organization`, { roles: [{ role }] }, { ...rights, organization: role });
    await person(
      `${role} of the project`,
      { roles: [{ role, level: 'projects/shop' }] },
      { ...rights, project: role },
    );
    await person(`${role} of another project`, { roles: [{ role, level: 'projects/default' }] }, rights);
  }
  await person('somebody without a role', {}, rights);
  const few: Permission[] = ['wayside.run.read', 'iam.self.read', 'iam.token.read'];
  await person(
    'an owner whose token is narrowed',
    { roles: [{ role: 'owner' }], permissions: few },
    { ...rights, organization: 'owner', ceiling: few },
  );
  await person(
    'an owner whose token can do nothing',
    { roles: [{ role: 'owner' }], permissions: [] },
    { ...rights, organization: 'owner', ceiling: [] },
  );
  await strangers();
}, 60_000);
afterAll(() => server.close());

/** A project with one thing of each kind, so that paths lead somewhere. */
async function fixture(): Promise<void> {
  const p = '/v1/projects/shop';
  await must(server.api('POST', '/v1/projects', { name: 'shop' }));
  const group = await must(server.api('POST', `${p}/groups`, { name: 'prod' }));
  const agent = advertise(server.dataFolder, {
    group: group.body.id,
    operations: [{ operation: 'promote' }],
  });
  const action = await must(
    server.api('POST', `${p}/actions`, { name: 'promote', group: 'prod', operation: 'promote' }),
  );
  const run = await must(server.api('POST', `${p}/actions/promote/runs`, {}));
  await must(server.api('POST', `/v1/runs/${run.body.id}/cancel`, {}));
  const other = await makePerson(server, { roles: [{ role: 'viewer', level: 'projects/shop' }] });
  const bindings = (await server.api('GET', '/v1/bindings')).body.items;
  const binding = bindings.find(({ level }) => level === 'organization')?.id ?? '';
  ids.set('project', 'shop').set('group', group.body.id).set('agent', agent).set('action', action.body.id);
  ids.set('run', run.body.id).set('principal', other.id).set('binding', binding).set('token', other.tokenId);
}

async function strangers(): Promise<void> {
  const owner = { roles: [{ role: 'owner' as const }] };
  const revoked = await makePerson(server, owner);
  await must(server.api('DELETE', `/v1/tokens/${revoked.tokenId}`));
  const disabled = await makePerson(server, owner);
  await must(server.api('DELETE', `/v1/principals/${disabled.id}`));
  const expired = await makePerson(server, { ...owner, expiresInMs: 60_000 });
  expireNow(expired.tokenId);
  // The policy is in memory; the next change of it reads the row again.
  await makePerson(server);
  everybody.push(
    { who: 'nobody', token: '', rights: null },
    { who: 'garbage', token: 'wsp_garbage', rights: null },
    { who: 'a join token', token: `wsj_${'0'.repeat(36)}`, rights: null },
    { who: 'a revoked token', token: revoked.token, rights: null },
    { who: 'a disabled principal', token: disabled.token, rights: null },
    { who: 'an expired token', token: expired.token, rights: null },
  );
}

function expireNow(token: string): void {
  const database = new DatabaseSync(join(server.dataFolder, 'wayside.db'), { timeout: 5_000 });
  database.prepare('update tokens set expires_at = ? where id = ?').run(Date.now() - 1, token);
  database.close();
}

/** Where a route is checked: in the project of the path or of the run, or in the organization. */
function isInProject({ url }: RegisteredRoute): boolean {
  return url.includes('/:project') || url.includes('/:run');
}

function isAllowed(route: RegisteredRoute, { rights }: Someone): boolean {
  const { permission } = route;
  if (permission === 'public') return true;
  if (rights === null) return false;
  if (rights.ceiling !== null && !rights.ceiling.includes(permission)) return false;
  if (permission === 'iam.self.read') return true;
  // Everybody may ask for access for themselves.
  if (permission === 'iam.support.request' && route.url === '/v1/support') return true;
  const held = [rights.organization, isInProject(route) ? rights.project : null];
  return held.some((role) => role !== null && roles[role].has(permission));
}

/** Denied by the choke point; a thing that is not there says so in other words. */
function isDenied({ status, text }: ApiAnswer<unknown>): boolean {
  return status === 401 || status === 403 || (status === 404 && text.includes('that you may see'));
}

/**
 * The path with its parameters filled in. Who may do it gets things that are not there, so that nothing is changed by
 * trying; who may not gets the real ones, so that a denial is not an accident.
 */
function pathOf(route: RegisteredRoute, allowed: boolean): string {
  return route.url.replace(/:(\w+)/g, (_whole, name: string) => {
    if (name === 'project' || name === 'run') return ids.get(name) ?? '';
    if (!allowed)
      return ids.get(name === 'id' ? (route.url.includes('token') ? 'token' : 'binding') : name) ?? 'x';
    return name === 'id' ? '00000000-0000-7000-8000-000000000000' : name === 'version' ? '999' : 'not-there';
  });
}

/**
 * Forms for people who have not said yet who they are, and the protocol by which they get a token; both ask for a
 * session or a client themselves, where they need one.
 */
function isPage(url: string): boolean {
  return /^\/(sign-in|account|device|oauth2|\.well-known)(\/|$)/.test(url);
}

describe('every route', () => {
  test('is tried by everybody, and answers as the catalogue says', async () => {
    const routes = server.routes.filter(
      ({ method, url }) => method !== 'HEAD' && !isPage(url) && url !== '/v1/audit/tail',
    );
    const wrong: string[] = [];
    for (const route of routes) {
      const tries = everybody.map(async (someone) => {
        const allowed = isAllowed(route, someone);
        const { api } = personOf(server, { id: '', name: '', tokenId: '', token: someone.token });
        const body = ['GET', 'DELETE'].includes(route.method) ? undefined : {};
        const answer = await api(route.method, pathOf(route, allowed), body);
        if (answer.status >= 500 || isDenied(answer) === allowed) {
          wrong.push(
            `${route.method} ${route.url} by ${someone.who}: ${answer.status} ${answer.text.slice(0, 120)}`,
          );
        }
        if (someone.rights === null && route.permission !== 'public') expect(answer.status).toBe(401);
        if (someone.who === 'viewer of another project' && !allowed && isInProject(route)) {
          expect(answer.status, `${route.method} ${route.url}`).toBe(404);
        }
      });
      await Promise.all(tries);
    }
    expect(wrong).toEqual([]);
    expect(routes.length * everybody.length).toBeGreaterThan(800);
  }, 180_000);

  test('declares a permission of the catalogue, and HEAD asks for that of its GET', () => {
    const gets = new Map(
      server.routes.filter(({ method }) => method === 'GET').map(({ url, permission }) => [url, permission]),
    );
    for (const { method, url, permission } of server.routes) {
      expect(permission === 'public' || permissions.includes(permission)).toBe(true);
      if (method === 'HEAD') expect(permission).toBe(gets.get(url));
      if (permission === 'public' && !isPage(url)) {
        expect(['/healthz', '/v1/openapi.json', '/pki/crl/:file']).toContain(url);
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
  const viewer = everybody.find(({ who }) => who === 'viewer of the project');
  const { api } = personOf(server, { id: '', name: '', tokenId: '', token: viewer?.token ?? '' });
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
