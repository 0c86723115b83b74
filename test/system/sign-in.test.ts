// Signing in by an identity provider, where the provider is a second control plane of ours: two whole servers, and a
// browser between them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../support/browser.ts';
import { must } from '../support/people.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

const password = 'a horse in the staircase';
let provider: TestServer;
let server: TestServer;

beforeAll(async () => {
  [provider, server] = await Promise.all([startTestServer(), startTestServer()]);
  const redirect_uris = [`${server.url}/sign-in/callback/elsewhere`];
  const client = await must(
    provider.api<{ id: string; client_secret: string }>('POST', '/v1/oauth-clients', {
      name: 'here',
      redirect_uris,
    }),
  );
  await must(provider.api('POST', '/v1/teams', { name: 'platform' }));
  for (const name of ['operators', 'readers']) await must(server.api('POST', '/v1/teams', { name }));
  await must(
    server.api('POST', '/v1/identity-providers', {
      name: 'elsewhere',
      issuer: provider.url,
      client_id: client.body.id,
      client_secret: client.body.client_secret,
      scopes: 'openid profile groups',
      name_claim: 'preferred_username',
      teams_claim: 'groups',
      teams: { platform: 'operators', other: 'readers' },
      creates_users: true,
    }),
  );
});
afterAll(async () => {
  await Promise.all([provider.close(), server.close()]);
});

/** A person at the provider, with a password. */
async function personThere(name: string): Promise<string> {
  const { id } = (await must(provider.api('POST', '/v1/principals', { name }))).body;
  const link = await must(
    provider.api<{ url: string }>('POST', `/v1/principals/${id}/sign-in-links`, { purpose: 'invite' }),
  );
  const code = new URL(link.body.url).searchParams.get('code') ?? '';
  await new Browser(provider.url).submit('/sign-in/setup', { code, password, again: password });
  return id;
}

/** A person with one browser at both; their cookies are kept apart, as names of hosts do it. */
class Person {
  readonly here = new Browser(server.url);
  readonly there = new Browser(provider.url);
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** To the provider, through its pages, and back to where the provider sends the browser. */
  async goThrough(path = '/sign-in/with/elsewhere?return_to=/account'): Promise<string> {
    const page = await this.here.get(path);
    const [, url = ''] = /content="0;url=([^"]+)"/.exec(page.text) ?? [];
    if (url === '') throw new Error(`${page.status}: ${page.text}`);
    let at = url.replaceAll('&amp;', '&');
    for (let hops = 0; hops < 20; hops += 1) {
      if (at.startsWith(server.url)) return at.slice(server.url.length);
      const seen = await this.answer(at, await this.there.get(at));
      at = new URL(seen, provider.url).href;
    }
    throw new Error(`the browser went round in circles, lastly to ${at}`);
  }

  /** Where a page of the provider leads, after what a person does on it. */
  async answer(at: string, seen: Awaited<ReturnType<Browser['get']>>): Promise<string> {
    if (seen.location !== null) return seen.location;
    const { pathname, searchParams } = new URL(at, provider.url);
    const [, refresh] = /content="0;url=([^"]+)"/.exec(seen.text) ?? [];
    if (refresh !== undefined) return refresh.replaceAll('&amp;', '&');
    const send = async (path: string, form: Record<string, string>) => {
      const { location, text } = await this.there.send('POST', path, { form });
      if (location === null) throw new Error(text);
      return location;
    };
    const fields = Object.fromEntries(searchParams);
    if (pathname === '/sign-in') return send('/sign-in', { ...fields, name: this.name, password });
    if (pathname === '/sign-in/elevate') return send('/sign-in/elevate', { ...fields, password });
    if (pathname.startsWith('/oauth2/interaction/')) return send(pathname, { decision: 'allow' });
    throw new Error(`${seen.status} at ${at}: ${seen.text}`);
  }

  async signIn(): Promise<Awaited<ReturnType<Browser['get']>>> {
    return this.here.get(await this.goThrough());
  }
}

const teamsOf = async (name: string): Promise<string[]> => {
  const all = await must(server.api('GET', '/v1/teams'));
  const found: string[] = [];
  for (const team of all.body.items) {
    const members = await must(server.api('GET', `/v1/teams/${team.name}/members`));
    if (members.body.items.some((member) => member.name === name)) found.push(team.name);
  }
  return found.sort();
};

describe('somebody whom the provider knows', () => {
  test('becomes a user with the first sign-in, with the teams of the mapping, and the same one with the next', async () => {
    const there = await personThere('ada');
    await must(provider.api('PUT', `/v1/teams/platform/members/${there}`));
    const ada = new Person('ada');
    expect((await ada.signIn()).location).toBe('/account');
    expect((await ada.here.get('/account')).text).toContain('elsewhere as ada');
    expect(await teamsOf('ada')).toEqual(['operators']);
    const again = new Person('ada');
    await again.signIn();
    const who = async (person: Person) =>
      JSON.parse((await person.here.get('/v1/whoami')).text) as { principal: { id: string } };
    expect((await who(again)).principal.id).toBe((await who(ada)).principal.id);
    const { body } = await server.api('GET', '/v1/audit?limit=50');
    const operations = body.items.map(({ operation }) => operation);
    expect(operations).toEqual(expect.arrayContaining(['principal.create', 'team.sync', 'session.create']));
  });

  test('loses with the next sign-in what the provider no longer says, and keeps what people gave', async () => {
    await must(server.api('PUT', '/v1/teams/readers/members/ada'));
    const { id } = (await must(provider.api('GET', '/v1/principals/ada'))).body;
    await must(provider.api('DELETE', `/v1/teams/platform/members/${id}`));
    await new Person('ada').signIn();
    expect(await teamsOf('ada')).toEqual(['readers']);
  });

  test('is taken out of no team as the last owner, and that is written down', async () => {
    const there = await personThere('olga');
    await must(provider.api('PUT', `/v1/teams/platform/members/${there}`));
    await new Person('olga').signIn();
    expect(await teamsOf('olga')).toEqual(['operators']);
    await must(server.api('POST', '/v1/bindings', { principal: 'operators', role: 'owner' }));
    const { token } = (await must(server.api('POST', '/v1/principals/olga/tokens', { name: 'hers' }))).body;
    const { items } = (await must(server.api('GET', '/v1/bindings?principal=owner'))).body;
    const asOlga = { authorization: `Bearer ${token}` };
    const anew = { principal: 'owner', role: 'owner' };
    await must(server.api('DELETE', `/v1/bindings/${items[0]?.id}`, undefined, asOlga));
    try {
      await must(provider.api('DELETE', `/v1/teams/platform/members/${there}`));
      expect((await new Person('olga').signIn()).location).toBe('/account');
      const members = await must(server.api('GET', '/v1/teams/operators/members', undefined, asOlga));
      expect(members.body.items.map(({ name }) => name)).toContain('olga');
      const events = await must(
        server.api('GET', '/v1/audit?operation=team.sync&limit=1', undefined, asOlga),
      );
      expect(events.body.items[0]).toMatchObject({ details: { left: [], refused: ['operators'] } });
    } finally {
      await must(server.api('POST', '/v1/bindings', anew, asOlga));
    }
    await new Person('olga').signIn();
    expect(await teamsOf('olga')).toEqual([]);
  });

  test('is elevated by showing the provider again who they are, and not by what it remembers', async () => {
    const ada = new Person('ada');
    await ada.signIn();
    const path = '/sign-in/with/elsewhere?again=1&return_to=/account&reason=a+new+colleague';
    expect((await ada.here.get(await ada.goThrough(path))).location).toBe('/account');
    expect((await ada.here.get('/account')).text).toContain('Elevated until');
  });

  test('is nobody else than the one who is signed in here', async () => {
    await personThere('eve');
    const ada = new Person('ada');
    await ada.signIn();
    const eve = new Person('eve');
    eve.here.cookies.set('wayside-loopback', ada.here.cookies.get('wayside-loopback') ?? '');
    const path = '/sign-in/with/elsewhere?again=1&return_to=/account&reason=a+new+colleague';
    const back = await eve.goThrough(path);
    expect((await eve.here.get(back)).status).toBe(401);
    expect((await ada.here.get('/account')).text).not.toContain('Elevated until');
  });
});

describe('nobody gets in', () => {
  test('by the name of a user who is here already; who may says that it is them', async () => {
    await must(server.api('POST', '/v1/principals', { name: 'bob' }));
    const there = await personThere('bob');
    const bob = new Person('bob');
    expect(await bob.signIn()).toMatchObject({
      status: 403,
      text: expect.stringContaining('Ask somebody to link you'),
    });
    const link = { subject: there, principal: 'bob' };
    expect((await server.api('POST', '/v1/identity-providers/elsewhere/links', link)).status).toBe(204);
    expect((await bob.signIn()).location).toBe('/account');
  });

  test('by an answer twice, in another browser, or with another state', async () => {
    const ada = new Person('ada');
    const back = await ada.goThrough();
    expect((await new Browser(server.url).get(back)).status).toBe(401);
    const other = new Person('ada');
    await other.goThrough();
    expect((await other.here.get(back)).status, 'the answer to another attempt').toBe(502);
    const forged = back.replace(/code=[^&]+/, 'code=x');
    const third = new Person('ada');
    await third.goThrough();
    expect((await third.here.get(forged)).status).toBe(502);
    expect((await ada.here.get(back)).location).toBe('/account');
    expect((await ada.here.get(back)).status, 'again').toBe(401);
  });

  test('who is new, where the provider makes no users, whose domain is not allowed, or when it is off', async () => {
    await personThere('carol');
    const path = '/v1/identity-providers/elsewhere';
    const change = async (body: object) => {
      const etag = (await server.api('GET', path)).headers.get('etag') ?? '';
      return must(server.api('PATCH', path, body, { 'if-match': etag }));
    };
    await change({ creates_users: false });
    expect((await new Person('carol').signIn()).status).toBe(403);
    await change({ allowed_domains: ['example.com'] });
    expect((await new Person('ada').signIn()).status).toBe(403);
    await change({ allowed_domains: [], enabled: false });
    expect((await new Browser(server.url).get('/sign-in/with/elsewhere')).status).toBe(404);
    expect((await new Browser(server.url).get('/sign-in')).text).not.toContain('elsewhere');
    await change({ enabled: true });
    expect((await new Browser(server.url).get('/sign-in')).text).toContain('Sign in with elsewhere');
  });
});

test('a provider that does not answer is said to, in words of ours', async () => {
  const body = { name: 'away', issuer: 'http://127.0.0.1:9', client_id: 'x' };
  await must(server.api('POST', '/v1/identity-providers', body));
  const seen = await new Browser(server.url).get('/sign-in/with/away');
  expect(seen).toMatchObject({ status: 502, text: expect.stringContaining('away did not sign you in') });
});

test('the secret of a client lies sealed, and is never shown', async () => {
  const { text, body } = await server.api('GET', '/v1/identity-providers');
  expect(text).not.toContain('client_secret');
  expect(body.items.map(({ has_secret }) => has_secret)).toEqual([false, true]);
});

test.each([
  [{ issuer: 'http://example.com' }],
  [{ issuer: 'https://example.com/?x' }],
  [{ scopes: 'profile' }],
  [{ teams: { x: 'no-such-team' } }],
])('%j is refused', async (wrong) => {
  const body = { name: 'odd', issuer: 'https://example.com', client_id: 'x', ...wrong };
  expect((await server.api('POST', '/v1/identity-providers', body)).status).toBeOneOf([400, 404]);
});

test('who does not see the newest state changes nothing', async () => {
  const path = '/v1/identity-providers/elsewhere';
  expect((await server.api('PATCH', path, { enabled: false })).status).toBe(428);
  expect((await server.api('PATCH', path, { enabled: false }, { 'if-match': '"1"' })).status).toBe(412);
  expect((await server.api('DELETE', path, undefined, { 'if-match': '"1"' })).status).toBe(412);
  const etag = (await server.api('GET', path)).headers.get('etag') ?? '';
  expect((await server.api('DELETE', path, undefined, { 'if-match': etag })).status).toBe(204);
  expect((await server.api('GET', path)).status).toBe(404);
});
