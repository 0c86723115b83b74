// Identity and rights over real HTTP: nobody gives what they lack, and what is taken away is gone at once.
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makePerson, must, personOf } from '../../support/people.ts';
import type { Person } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await must(server.api('POST', '/v1/projects', { name: 'shop' }));
  await must(server.api('POST', '/v1/projects', { name: 'hidden' }));
});
afterAll(() => server.close());

async function issue(person: Person, body: object, principal = 'self'): Promise<Person> {
  const { body: made } = await must(person.api('POST', `/v1/principals/${principal}/tokens`, body));
  return personOf(server, { ...person, token: made.token, tokenId: made.id });
}

/** The newest audit event, as its reader sees it. */
async function newestEvent(query = '') {
  return (await must(server.api('GET', `/v1/audit?limit=1${query}`))).body.items[0];
}

describe('tokens', () => {
  test('everybody keeps their own: issues, lists and revokes them', async () => {
    const ada = await makePerson(server);
    const second = await issue(ada, { name: 'laptop' });
    expect(second.token).toMatch(/^wsp_[A-Za-z0-9_-]{43}$/);
    expect((await second.api('GET', '/v1/whoami')).body).toMatchObject({
      principal: { name: ada.name },
      token: { id: second.tokenId, name: 'laptop', expires_at: null },
      roles: [],
    });
    const { body: list, text: listed } = await must(ada.api('GET', '/v1/principals/self/tokens'));
    expect(list.items.map(({ name }) => name)).toEqual(['laptop', 'test']);
    expect(listed).not.toContain('wsp_');
    expect((await must(ada.api('GET', `/v1/principals/${ada.name}/tokens`))).body.items.length).toBe(2);
    expect((await ada.api('DELETE', `/v1/tokens/${second.tokenId}`)).status).toBe(204);
    expect((await second.api('GET', '/v1/whoami')).status).toBe(401);
    expect((await ada.api('DELETE', `/v1/tokens/${second.tokenId}`)).status).toBe(204);
  });

  test('nobody keeps those of somebody else without the right to', async () => {
    const ada = await makePerson(server, { roles: [{ role: 'contributor' }] });
    const ben = await makePerson(server);
    expect((await ada.api('POST', `/v1/principals/${ben.id}/tokens`, { name: 'x' })).status).toBe(403);
    expect((await ada.api('GET', `/v1/principals/${ben.id}/tokens`)).status).toBe(403);
    expect((await ada.api('DELETE', `/v1/tokens/${ben.tokenId}`)).status).toBe(403);
    // Whether there is such a principal is not told either.
    expect((await ada.api('GET', '/v1/principals/nobody-of-that-name/tokens')).status).toBe(403);
    expect((await ben.api('GET', '/v1/whoami')).status).toBe(200);
  });

  test('an admin issues them for whoever may do less, never for whoever may do more', async () => {
    const admin = await makePerson(server, { roles: [{ role: 'admin' }] });
    const ci = await makePerson(server, {
      kind: 'service',
      roles: [{ role: 'contributor', level: 'projects/shop' }],
    });
    const made = await issue(admin, { name: 'ci' }, ci.id);
    expect((await made.api('GET', '/v1/whoami')).body).toMatchObject({
      principal: { id: ci.id, kind: 'service' },
    });
    const refused = await admin.api('POST', '/v1/principals/owner/tokens', { name: 'mine now' });
    expect(refused.status).toBe(403);
    expect(refused.body.detail).toContain('You cannot act as owner');
    // The denial is in the record, with the permission that was lacking.
    const event = await newestEvent('&result=denied');
    expect(event).toMatchObject({
      decision: refused.body['decision'],
      permission: refused.body['permission'],
      principal: { name: admin.name },
    });
    const trace = await must(server.api('GET', `/v1/decisions/${String(refused.body['decision'])}`));
    expect(trace.body).toMatchObject({ allowed: false, reason: 'no_binding' });
  });

  test('a project owner is no owner: their right does not reach other projects', async () => {
    const local = await makePerson(server, { roles: [{ role: 'owner', level: 'projects/shop' }] });
    const other = await makePerson(server, { roles: [{ role: 'viewer', level: 'projects/hidden' }] });
    expect((await local.api('POST', `/v1/principals/${other.id}/tokens`, { name: 'x' })).status).toBe(403);
    expect((await local.api('GET', '/v1/projects/hidden')).status).toBe(404);
    expect((await local.api('GET', '/v1/projects/shop')).status).toBe(200);
    expect((await local.api('POST', '/v1/projects', { name: 'mine' })).status).toBe(403);
  });

  test('a narrowed token stays narrow, also through the tokens that it makes', async () => {
    const owner = await makePerson(server, {
      roles: [{ role: 'owner' }],
      permissions: ['iam.token.create', 'iam.self.read', 'wayside.group.read'],
    });
    expect((await owner.api('GET', '/v1/projects/shop/groups')).status).toBe(200);
    const denied = await owner.api('GET', '/v1/projects/shop/actions');
    expect(denied.body).toMatchObject({ code: 'forbidden', reason: 'token_scope' });
    const child = await issue(owner, { name: 'child' });
    expect((await child.api('GET', '/v1/projects/shop/groups')).status).toBe(200);
    expect((await child.api('GET', '/v1/projects/shop/actions')).status).toBe(403);
    const narrower = await issue(owner, { name: 'narrower', permissions: ['iam.self.read'] });
    expect((await narrower.api('GET', '/v1/whoami')).status).toBe(200);
    expect((await narrower.api('GET', '/v1/projects/shop/groups')).status).toBe(403);
    expect((await narrower.api('POST', '/v1/principals/self/tokens', { name: 'x' })).status).toBe(403);
    const wider = await owner.api('POST', '/v1/principals/self/tokens', {
      name: 'wider',
      permissions: ['iam.self.read', 'wayside.action.read'],
    });
    expect(wider.body).toMatchObject({
      code: 'forbidden',
      permission: 'wayside.action.read',
      reason: 'token_scope',
    });
    const nothing = await issue(await makePerson(server, { roles: [{ role: 'owner' }] }), {
      name: 'none',
      permissions: [],
    });
    expect((await nothing.api('GET', '/v1/whoami')).status).toBe(403);
    // Nor does it hand on by a binding what it may not do itself.
    const binder = await makePerson(server, {
      roles: [{ role: 'owner' }],
      permissions: ['iam.binding.create'],
    });
    const bound = await binder.api('POST', '/v1/bindings', { principal: owner.id, role: 'viewer' });
    expect(bound.body).toMatchObject({ code: 'forbidden', reason: 'token_scope' });
  });

  test('a token does not outlive the one that made it for its own principal', async () => {
    const ada = await makePerson(server, { expiresInMs: 120_000 });
    const child = await must(ada.api('POST', '/v1/principals/self/tokens', { name: 'child' }));
    const { body: own } = await must(ada.api<{ token: { expires_at: number } }>('GET', '/v1/whoami'));
    expect(child.body['expires_at']).toBe(own.token.expires_at);
    const longer = await ada.api('POST', '/v1/principals/self/tokens', {
      name: 'x',
      expires_in_ms: 3_600_000,
    });
    expect(longer.body).toMatchObject({ code: 'forbidden' });
    expect(
      (await ada.api('POST', '/v1/principals/self/tokens', { name: 'x', expires_in_ms: 60_000 })).status,
    ).toBe(201);
  });

  test('a token that is revoked while its request comes in is refused', async () => {
    const ada = await makePerson(server, { roles: [{ role: 'owner' }] });
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const body = JSON.stringify({ name: 'too-late' });
    socket.write(
      `POST /v1/projects HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ada.token}\r\nconnection: close\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 5)}`,
    );
    // Authenticated by now, and waiting for the rest of the body.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await must(server.api('DELETE', `/v1/tokens/${ada.tokenId}`));
    socket.end(body.slice(5));
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 401 /);
    expect((await server.api('GET', '/v1/projects/too-late')).status).toBe(404);
  });

  test('says when it was last used', async () => {
    const ada = await makePerson(server);
    await must(ada.api('GET', '/v1/whoami'));
    const { body } = await must(ada.api('GET', '/v1/principals/self/tokens'));
    await expect
      .poll(async () => (await ada.api('GET', '/v1/principals/self/tokens')).body.items[0]?.['last_used_at'])
      .toBeGreaterThan(Number(body.items[0]?.['created_at']) - 1);
  });
});

describe('bindings', () => {
  test('nobody gives a role of which they lack a part', async () => {
    const admin = await makePerson(server, { roles: [{ role: 'admin' }] });
    const ada = await makePerson(server);
    expect((await admin.api('POST', '/v1/bindings', { principal: admin.id, role: 'owner' })).status).toBe(
      403,
    );
    expect((await admin.api('POST', '/v1/bindings', { principal: ada.id, role: 'viewer' })).status).toBe(403);
    const local = await makePerson(server, { roles: [{ role: 'owner', level: 'projects/shop' }] });
    const give = (role: string, level: string) =>
      local.api('POST', '/v1/bindings', { principal: ada.id, role, level });
    expect((await give('contributor', 'projects/shop')).status).toBe(201);
    expect((await give('owner', 'organization')).status).toBe(403);
    expect((await give('viewer', 'projects/hidden')).status).toBe(404);
    expect((await give('viewer', 'projects/no-such-project')).status).toBe(404);
    expect((await ada.api('GET', '/v1/projects/shop/groups')).status).toBe(200);
  });

  test('the owner of a project keeps its bindings, and sees no others', async () => {
    const local = await makePerson(server, { roles: [{ role: 'owner', level: 'projects/shop' }] });
    const ada = await makePerson(server, {
      roles: [{ role: 'viewer', level: 'projects/shop' }, { role: 'viewer' }],
    });
    const { body } = await must(local.api('GET', '/v1/bindings?project=shop&limit=200'));
    expect(new Set(body.items.map(({ level }) => level)).size).toBe(1);
    const mine = body.items.find(({ principal }) => (principal as { id: string }).id === ada.id);
    expect((await local.api('GET', '/v1/bindings')).status).toBe(403);
    expect((await local.api('DELETE', `/v1/bindings/${mine?.id}`)).status).toBe(204);
    const all = (await must(server.api('GET', '/v1/bindings?limit=200'))).body.items;
    const atTop = all.find(({ principal }) => (principal as { id: string }).id === ada.id);
    expect((await local.api('DELETE', `/v1/bindings/${atTop?.id}`)).status).toBe(403);
  });

  test('the same one is not made twice, at no level', async () => {
    const ada = await makePerson(server, { roles: [{ role: 'viewer' }] });
    const again = (level: string) =>
      server.api('POST', '/v1/bindings', { principal: ada.id, role: 'viewer', level });
    expect((await again('organization')).body.code).toBe('name_taken');
    expect((await again('projects/shop')).status).toBe(201);
    expect((await again('projects/shop')).body.code).toBe('name_taken');
  });

  test('the last owner stays: neither unbound nor disabled, and two at once cannot both go', async () => {
    const alone = await startTestServer();
    try {
      const { body } = await must(alone.api('GET', '/v1/bindings'));
      const binding = body.items[0]?.id;
      expect((await alone.api('DELETE', `/v1/bindings/${binding}`)).body.code).toBe('last_owner');
      expect((await alone.api('DELETE', '/v1/principals/owner')).body.code).toBe('last_owner');
      const second = await makePerson(alone, { roles: [{ role: 'owner' }] });
      const [first, other] = await Promise.all([
        alone.api('DELETE', `/v1/principals/${second.id}`),
        second.api('DELETE', '/v1/principals/owner'),
      ]);
      expect([first.status, other.status].filter((status) => status === 204).length).toBe(1);
      const survivor = first.status === 204 ? alone : second;
      expect((await survivor.api('GET', '/v1/bindings')).status).toBe(200);
    } finally {
      await alone.close();
    }
  });

  test('a role that is taken away is gone at the next request', async () => {
    const ada = await makePerson(server, { roles: [{ role: 'viewer', level: 'projects/shop' }] });
    expect((await ada.api('GET', '/v1/projects/shop')).status).toBe(200);
    const { body } = await must(server.api('GET', '/v1/bindings?project=shop&limit=200'));
    const mine = body.items.find(({ principal }) => (principal as { id: string }).id === ada.id);
    await must(server.api('DELETE', `/v1/bindings/${mine?.id}`));
    expect((await ada.api('GET', '/v1/projects/shop')).status).toBe(404);
  });

  test('unknown principals, roles and levels are refused with their own codes', async () => {
    const bind = (body: object) => server.api('POST', '/v1/bindings', body);
    expect((await bind({ principal: 'nobody', role: 'viewer' })).body.code).toBe('not_found');
    expect((await bind({ principal: 'owner', role: 'king' })).body.code).toBe('invalid_request');
    expect((await bind({ principal: 'owner', role: 'viewer', level: 'planet' })).body.code).toBe(
      'invalid_request',
    );
    expect((await bind({ principal: 'owner', role: 'viewer', level: 5 })).body.code).toBe('invalid_request');
    expect((await bind({ principal: 'owner', role: 'viewer', level: 'projects/none' })).body.code).toBe(
      'not_found',
    );
    expect((await server.api('DELETE', '/v1/bindings/not-an-id')).body.code).toBe('invalid_request');
  });

  test('many at once all get through', async () => {
    const people = await Promise.all(Array.from({ length: 20 }, () => makePerson(server)));
    const answers = await Promise.all(
      people.map(({ id }) => server.api('POST', '/v1/bindings', { principal: id, role: 'viewer' })),
    );
    expect(answers.map(({ status }) => status)).toEqual(people.map(() => 201));
  });
});

describe('asking whether one may', () => {
  const ask = (who: Pick<Person, 'api'>, body: object) => who.api('POST', '/v1/check', body);

  test('tells the decision and which bindings were looked at', async () => {
    const ada = await makePerson(server, { roles: [{ role: 'contributor', level: 'projects/shop' }] });
    const yes = await ask(ada, { permission: 'wayside.run.start', resource: 'projects/shop/actions/x' });
    expect(yes.body).toMatchObject({
      allowed: true,
      reason: 'allowed',
      considered: [{ role: 'contributor', grants: true }],
    });
    const no = await ask(ada, { permission: 'wayside.group.create', resource: 'projects/shop' });
    expect(no.body).toMatchObject({ allowed: false, reason: 'no_binding' });
    expect((await ask(ada, { permission: 'wayside.group.fly', resource: 'organization' })).status).toBe(400);
  });

  test('does not tell whether a project exists that one may not see', async () => {
    const ada = await makePerson(server, { roles: [{ role: 'contributor', level: 'projects/shop' }] });
    const hidden = await ask(ada, { permission: 'wayside.run.start', resource: 'projects/hidden' });
    const absent = await ask(ada, { permission: 'wayside.run.start', resource: 'projects/absent' });
    expect(hidden.status).toBe(404);
    expect(hidden.body.detail.replace('hidden', 'absent')).toBe(absent.body.detail);
  });

  test('about somebody else needs the right to explain, and the denial is recorded', async () => {
    const ada = await makePerson(server, { roles: [{ role: 'viewer' }] });
    const body = { permission: 'wayside.run.start', resource: 'projects/shop', principal: ada.name };
    expect((await ask(server, body)).body).toMatchObject({ allowed: false, principal: ada.id });
    expect((await ask(ada, body)).status).toBe(200);
    const denied = await ask(ada, { ...body, principal: 'owner' });
    expect(denied.body).toMatchObject({ code: 'forbidden', permission: 'iam.decision.explain' });
    expect(await newestEvent('&result=denied')).toMatchObject({ decision: denied.body['decision'] });
    expect((await ask(ada, { ...body, principal: 'nobody-at-all' })).status).toBe(403);
  });
});

test('a decision is explained to those who may, and only denials are kept', async () => {
  const ada = await makePerson(server, { roles: [{ role: 'viewer' }] });
  const denied = await ada.api('POST', '/v1/projects', { name: 'x' });
  const path = `/v1/decisions/${String(denied.body['decision'])}`;
  expect((await server.api('GET', path)).body).toMatchObject({ allowed: false, principal: ada.id });
  expect((await ada.api('GET', path)).status).toBe(403);
  expect((await server.api('GET', '/v1/decisions/00000000-0000-7000-8000-000000000000')).status).toBe(404);
});
