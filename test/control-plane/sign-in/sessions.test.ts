// Sessions as credentials of the API: where they are heard, when they are over, who ends them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Browser } from '../../support/browser.ts';
import { must } from '../../support/people.ts';
import { sessionIdleMsMax, sessionKeptMs, sessionMsMax } from '../../../protocol/limits-authority.ts';
import { openWorld, sessionCookie, signIn } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.user('ada', { role: 'admin' });
  await world.user('bob');
});
afterAll(() => world[Symbol.asyncDispose]());

async function signedIn(name = 'ada'): Promise<Browser> {
  const browser = world.browser();
  await signIn(browser, name);
  return browser;
}
const whoami = async (browser: Browser): Promise<number> => (await browser.get('/v1/whoami')).status;

/** The last use of a session is written, which no request waits for. */
async function noted(): Promise<void> {
  const newest = world.store.db.selectFrom('sessions').select('last_seen_at').orderBy('last_seen_at', 'desc');
  const lastSeen = async () => (await world.store.read(newest.limit(1).compile()))[0]?.last_seen_at;
  await expect.poll(lastSeen, { interval: 5, timeout: 10_000 }).toBe(world.now());
}

describe('the API hears a session', () => {
  test('in place of a token', async () => {
    const browser = await signedIn();
    const seen = await browser.get('/v1/whoami');
    expect(JSON.parse(seen.text)).toMatchObject({ principal: { name: 'ada' }, token: { name: 'session' } });
  });

  test('in a write only from a page of ours, and never from a page of somebody else', async () => {
    const browser = await signedIn();
    const check = { permission: 'iam.self.read', resource: 'organization' };
    const post = (origin: string | null) => {
      browser.origin = origin;
      return browser.send('POST', '/v1/check', { json: check });
    };
    expect((await post(world.url)).status).toBe(200);
    expect((await post(null)).status).toBe(403);
    expect((await post('null')).status).toBe(403);
    expect((await post('https://evil.example')).status).toBe(403);
    expect((await post(`${world.url}.evil.example`)).status).toBe(403);
    const read = (headers: Record<string, string>) => browser.send('GET', '/v1/whoami', { headers });
    expect((await read({})).status).toBe(200);
    expect((await read({ origin: world.url })).status).toBe(200);
    expect((await read({ origin: 'https://evil.example' })).status).toBe(403);
    const upgrade = { connection: 'upgrade', upgrade: 'websocket', origin: 'https://evil.example' };
    const answer = await fetch(`${world.url}/v1/whoami`, {
      headers: { cookie: browser.cookieHeader(), origin: upgrade.origin },
    });
    expect(answer.status).toBe(403);
  });

  test('beside a token not at all', async () => {
    const browser = await signedIn('bob');
    const headers = { authorization: `Bearer ${world.token}` };
    const seen = await browser.send('GET', '/v1/whoami', { headers });
    expect(JSON.parse(seen.text)).toMatchObject({ principal: { name: 'owner' } });
    const bad = await browser.send('GET', '/v1/whoami', { headers: { authorization: 'Bearer wsp_none' } });
    expect(bad.status).toBe(401);
  });

  test('only under its own name, once, and whole', async () => {
    const browser = await signedIn();
    const cookie = sessionCookie(browser) ?? '';
    const send = async (header: string) =>
      (await fetch(`${world.url}/v1/whoami`, { headers: { cookie: header } })).status;
    expect(await send(`wayside-loopback=${cookie}`)).toBe(200);
    for (const header of [
      `__Host-wayside=${cookie}`,
      `wayside-loopback=${cookie}; wayside-loopback=${cookie}`,
      `wayside-loopback=${cookie}x`,
      `wayside-loopback="${cookie}"`,
      `wayside-loopback=${'A'.repeat(43)}`,
      'wayside-loopback=',
    ]) {
      expect(await send(header), header).toBe(401);
    }
  });
});

describe('a session is over', () => {
  test('after half an hour without use, and not while it is used', async () => {
    const browser = await signedIn();
    for (let use = 0; use < 4; use += 1) {
      world.advance(sessionIdleMsMax - 120_000);
      expect(await whoami(browser)).toBe(200);
      await noted();
    }
    world.advance(sessionIdleMsMax);
    expect(await whoami(browser)).toBe(401);
  });

  test('after twelve hours, however much it is used', async () => {
    const browser = await signedIn();
    const step = sessionIdleMsMax / 2;
    for (let passed = step; passed < sessionMsMax; passed += step) {
      world.advance(step);
      expect(await whoami(browser), `${passed}`).toBe(200);
      await noted();
    }
    world.advance(step);
    expect(await whoami(browser)).toBe(401);
  });

  test('at once where somebody signs out, here or everywhere', async () => {
    const [here, there, other] = [await signedIn('bob'), await signedIn('bob'), await signedIn('ada')];
    const stolen = here.cookieHeader();
    await here.submit('/account/sign-out', {});
    expect(sessionCookie(here)).toBeUndefined();
    expect((await fetch(`${world.url}/v1/whoami`, { headers: { cookie: stolen } })).status).toBe(401);
    expect(await whoami(there)).toBe(200);
    const last = await signedIn('bob');
    await last.submit('/account/sign-out-everywhere', {});
    expect([await whoami(there), await whoami(last), await whoami(other)]).toEqual([401, 401, 200]);
    const operations = (await world.events()).map(({ operation }) => operation);
    expect(operations).toEqual(expect.arrayContaining(['session.end', 'session.end_all']));
  });

  test('at once where its principal is disabled', async () => {
    await world.user('gone');
    const browser = await signedIn('gone');
    expect(await whoami(browser)).toBe(200);
    await must(world.api('DELETE', '/v1/principals/gone'));
    expect(await whoami(browser)).toBe(401);
    expect((await browser.get('/account')).location).toContain('/sign-in');
  });

  test('where the store is another one than it began in', async () => {
    const browser = await signedIn();
    await world.store.write([
      { query: world.store.db.updateTable('sessions').set({ store_incarnation: 'before' }).compile() },
    ]);
    expect(await whoami(browser)).toBe(401);
  });

  test('and is forgotten a month later', async () => {
    await signedIn();
    world.advance(sessionMsMax + sessionKeptMs);
    await world.signIn.tidy();
    expect(await world.store.read(world.store.db.selectFrom('sessions').selectAll().compile())).toEqual([]);
  });
});

describe('over the API', () => {
  test('everybody sees and ends their own, and admins those of others', async () => {
    const [mine, other] = [await signedIn('bob'), await signedIn('bob')];
    const seen = await mine.get('/v1/principals/self/sessions');
    const { items } = JSON.parse(seen.text) as { items: { id: string; current: boolean }[] };
    expect(items.map(({ current }) => current)).toEqual([false, true]);
    const [first] = items;
    expect((await mine.send('DELETE', `/v1/sessions/${first?.id}`)).status).toBe(204);
    expect([await whoami(mine), await whoami(other)]).toEqual([200, 401]);
    const admin = await signedIn('ada');
    expect((await mine.get('/v1/principals/ada/sessions')).status).toBe(403);
    expect((await mine.send('DELETE', '/v1/principals/ada/sessions')).status).toBe(403);
    expect((await admin.get('/v1/principals/bob/sessions')).status).toBe(200);
    expect((await admin.send('DELETE', '/v1/principals/bob/sessions')).status).toBe(204);
    expect(await whoami(mine)).toBe(401);
    expect((await admin.send('DELETE', `/v1/sessions/${first?.id.replace(/.$/, '0')}`)).status).toBeOneOf([
      204, 404,
    ]);
  });

  test('is said what somebody can sign in with, without any of it', async () => {
    const browser = await signedIn('bob');
    const seen = await browser.get('/v1/principals/self/sign-in');
    expect(JSON.parse(seen.text)).toEqual({
      password: { changed_at: expect.any(Number) },
      totp: null,
      passkeys: [],
      recovery_codes: 0,
      identity_providers: [],
    });
  });
});

test('who holds the contract learns how strongly and since when somebody is signed in', async () => {
  const browser = await signedIn();
  const request = (headers: Record<string, string>, method = 'GET') =>
    ({ method, headers: { cookie: browser.cookieHeader(), ...headers } }) as never;
  const signed = await world.signIn.signedInOf(request({}));
  expect(signed).toMatchObject({
    acr: 'urn:wayside:acr:single-factor',
    amr: ['pwd'],
    authenticatedAt: world.now(),
    elevatedUntil: null,
  });
  expect(await world.signIn.signedInOf(request({}, 'POST'))).toBeNull();
  expect(await world.signIn.signedInOf(request({ origin: 'https://evil.example' }))).toBeNull();
  expect(await world.signIn.signedInOf({ method: 'GET', headers: {} } as never)).toBeNull();
  const held = request({});
  await browser.submit('/account/sign-out', {});
  expect(await world.signIn.signedInOf(held)).toBeNull();
});
