// Signing in by name and password, over real HTTP.
import { generateSync } from 'otplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../../support/browser.ts';
import { must } from '../../support/people.ts';
import { setUpTotp } from './factors.ts';
import { goodPassword, openWorld, sessionCookie, signIn } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const codeOf = (link: string): string => new URL(link, world.url).searchParams.get('code') ?? '';
const linkFor = async (name: string, body: object): Promise<string> => {
  const path = `/v1/principals/${name}/sign-in-links`;
  return (await must(world.api<{ url: string }>('POST', path, body))).body.url;
};
const failed = 'That did not match.';

test('the first owner sets a password by the link of the first start, once', async () => {
  const browser = world.browser();
  const page = await browser.get(world.setupPath);
  expect(page).toMatchObject({ status: 200, text: expect.stringContaining('owner') });
  const code = codeOf(world.setupPath);
  const made = (await world.events()).find(({ operation }) => operation === 'sign_in_link.create');
  expect(made).toMatchObject({ result: 'allowed', details: { after: { purpose: 'setup' } } });
  expect(JSON.stringify(made)).not.toContain(code);
  const form = { code, password: goodPassword, again: goodPassword };
  const seen = await browser.submit('/sign-in/setup', form);
  expect(seen).toMatchObject({ status: 200, path: '/account' });
  expect(sessionCookie(browser)).toMatch(/^[\w-]{43}$/);
  expect((await browser.get(world.setupPath)).status).toBe(403);
  expect((await world.browser().submit('/sign-in/setup', form)).status).toBe(403);
  expect((await signIn(world.browser(), 'owner')).path).toBe('/account');
});

describe('a session', () => {
  test('comes in a cookie that scripts and other sites do not get, and is another one each time', async () => {
    await world.user('ada');
    const browser = world.browser();
    const form = { name: 'ada', password: goodPassword };
    const first = await browser.send('POST', '/sign-in', { form });
    const cookies = [first.headers['set-cookie'] ?? []].flat();
    expect(cookies).toHaveLength(3);
    for (const cookie of cookies) expect(cookie).toMatch(/; Path=\/; HttpOnly; SameSite=Lax/);
    const before = sessionCookie(browser);
    await browser.send('POST', '/sign-in', { form });
    expect(sessionCookie(browser)).not.toBe(before);
  });

  test('is written down, without its cookie', async () => {
    const browser = world.browser();
    await signIn(browser, 'ada');
    const [event] = await world.events();
    expect(event).toMatchObject({
      operation: 'session.create',
      details: { methods: ['pwd'], provider: null },
    });
    const rows = await world.store.read(world.store.db.selectFrom('sessions').selectAll().compile());
    expect(JSON.stringify(rows)).not.toContain(sessionCookie(browser));
  });
});

describe('whoever does not get in', () => {
  test('learns nothing: the same page and the same work for each reason', async () => {
    await world.user('bob');
    await world.user('gone');
    await must(world.api('DELETE', '/v1/principals/gone'));
    await must(world.api('POST', '/v1/principals', { name: 'robot', kind: 'service' }));
    await must(world.api('POST', '/v1/principals', { name: 'never' }));
    const answers = new Set<string>();
    for (const [name, password] of [
      ['bob', 'a wrong password'],
      ['nobody-of-this-name', goodPassword],
      ['gone', goodPassword],
      ['robot', goodPassword],
      ['never', goodPassword],
      ['', ''],
      ['__proto__', goodPassword],
    ] as const) {
      const before = world.signIn.hashesComputed();
      const browser = world.browser();
      const seen = await browser.send('POST', '/sign-in', { form: { name, password } });
      expect(world.signIn.hashesComputed() - before, name).toBe(1);
      expect(seen.status).toBe(401);
      expect(browser.cookies.size).toBe(0);
      answers.add(seen.text.replaceAll(`value="${name}"`, '').replace(/nonce="[^"]*"/g, ''));
    }
    expect(answers.size).toBe(1);
    expect([...answers][0]).toContain(failed);
    expect(world.denials.filter((code) => code === 'sign_in_failed').length).toBeGreaterThanOrEqual(7);
  });

  test('is told apart from a name by its case', async () => {
    expect((await signIn(world.browser(), 'Bob')).status).toBe(401);
  });
});

test('a password counts in whichever form a keyboard writes it', async () => {
  await world.user('zoë'.replace('ë', 'e'), { password: 'Stra\u00dfe nach Zu\u0308rich \ufb01' });
  expect((await signIn(world.browser(), 'zoe', 'Stra\u00dfe nach Z\u00fcrich fi')).status).toBe(200);
});

test('a stored hash is made again where it costs something else by now', async () => {
  await world.user('old');
  const { db } = world.store;
  const read = async (): Promise<string> =>
    (
      await world.store.read(
        db
          .selectFrom('passwords')
          .innerJoin('principals', 'principals.id', 'principal')
          .select('hash')
          .where('name', '=', 'old')
          .compile(),
      )
    )[0]!.hash;
  const { openPasswordHasher } = await import('../../../control-plane/sign-in/hash-password.ts');
  const cheap = await openPasswordHasher({ memoryKibibytes: 8, passes: 1, lanes: 1 }).hash(goodPassword);
  const now = await read();
  await world.store.write([
    { query: db.updateTable('passwords').set({ hash: cheap }).where('hash', '=', now).compile() },
  ]);
  expect((await signIn(world.browser(), 'old')).status).toBe(200);
  expect(await read()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect((await signIn(world.browser(), 'old')).status).toBe(200);
});

describe('a link', () => {
  test('is refused a weak password and is still good then', async () => {
    await must(world.api('POST', '/v1/principals', { name: 'carol' }));
    const code = codeOf(await linkFor('carol', { purpose: 'invite' }));
    const browser = world.browser();
    for (const [password, again] of [
      ['short', 'short'],
      ['password1234', 'password1234'],
      ['carol carol carol 1', 'carol carol carol 1'],
      [goodPassword, `${goodPassword}!`],
    ] as const) {
      const seen = await browser.submit('/sign-in/setup', { code, password, again });
      expect(seen, password).toMatchObject({ status: 422, text: expect.stringContaining('role="alert"') });
    }
    const good = await browser.submit('/sign-in/setup', {
      code,
      password: goodPassword,
      again: goodPassword,
    });
    expect(good.path).toBe('/account');
  });

  test('is void when it is old, and when there is a newer one', async () => {
    const first = codeOf(await linkFor('carol', { purpose: 'reset' }));
    const second = codeOf(await linkFor('carol', { purpose: 'reset', expires_in_ms: 60_000 }));
    const status = async (code: string) => (await world.browser().get(`/sign-in/setup?code=${code}`)).status;
    expect(await status(first)).toBe(403);
    expect(await status(second)).toBe(200);
    world.advance(60_001);
    expect(await status(second)).toBe(403);
    expect(await status('')).toBe(403);
  });

  test('used by many at once lets one in', async () => {
    const code = codeOf(await linkFor('carol', { purpose: 'reset' }));
    const form = { code, password: goodPassword, again: goodPassword };
    const all = await Promise.all(
      Array.from({ length: 8 }, () => world.browser().send('POST', '/sign-in/setup', { form })),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([303, ...Array<number>(7).fill(403)]);
  });

  test('to reset ends every session, keeps the second factor unless it says otherwise', async () => {
    const { browser, seed } = await setUpTotp(world, 'dora');
    const link = await linkFor('dora', { purpose: 'reset' });
    world.endedTokens.length = 0;
    const other = world.browser();
    const password = 'another horse in the staircase';
    const set = await other.submit('/sign-in/setup', { code: codeOf(link), password, again: password });
    expect(set.path).toBe('/sign-in/second-factor');
    // Command lines of hers, too, that somebody else may have signed in with the old one.
    expect(world.endedTokens).toHaveLength(1);
    expect((await browser.get('/account')).location).toContain('/sign-in');
    world.advance(60_000);
    const code = generateSync({ secret: seed, epoch: Math.floor(world.now() / 1_000) });
    expect((await other.submit('/sign-in/second-factor', { code })).path).toBe('/account');
    const removing = await linkFor('dora', { purpose: 'reset', removes_factors: true });
    const last = world.browser();
    const form = { code: codeOf(removing), password, again: password };
    expect((await last.submit('/sign-in/setup', form)).path).toBe('/account');
  });

  test('is not made for who may do more, for a service, or by who may not', async () => {
    const ask = (token: string, name: string) =>
      world.api(
        'POST',
        `/v1/principals/${name}/sign-in-links`,
        { purpose: 'reset' },
        { authorization: token },
      );
    const owner = `Bearer ${world.token}`;
    expect((await ask(owner, 'robot')).status).toBe(409);
    const id = await world.user('admin-1', { role: 'admin' });
    const admin = await must(world.api('POST', `/v1/principals/${id}/tokens`, { name: 'x' }));
    expect((await ask(`Bearer ${admin.body.token}`, 'owner')).body.code).toBe('forbidden');
    expect((await ask(`Bearer ${admin.body.token}`, 'bob')).status).toBe(201);
    const bob = await must(world.api('POST', '/v1/principals/bob/tokens', { name: 'x' }));
    expect((await ask(`Bearer ${bob.body.token}`, 'carol')).status).toBe(403);
  });
});

describe('where a sign-in leads', () => {
  test.each([
    ['/account?x=1#y', '/account?x=1#y'],
    ['//evil.example/', '/account'],
    ['/\\evil.example/', '/account'],
    ['/\t/evil.example/', '/account'],
    ['/..//evil.example/', '/account'],
    ['https://evil.example/', '/account'],
    ['javascript:alert(1)', '/account'],
    ['account', '/account'],
  ])('%j is %s', async (to, path) => {
    const form = { name: 'ada', password: goodPassword, return_to: to };
    expect((await world.browser().send('POST', '/sign-in', { form })).location).toBe(path);
  });

  test('to what redirects to others by a page in between, because browsers hold forms to `form-action`', async () => {
    const form = { name: 'ada', password: goodPassword, return_to: '/oauth2/auth?x=<">' };
    const browser = world.browser();
    const { location } = await browser.send('POST', '/sign-in', { form });
    expect(location).toMatch(/^\/sign-in\/continue\?return_to=/);
    const page = await browser.get(location ?? '');
    expect(page.text).toContain('content="0;url=/oauth2/auth?x=%3C%22%3E"');
    expect((await browser.get('/sign-in?return_to=/account')).location).toBe('/account');
  });
});

describe('every page', () => {
  test('allows no code but its own, shows what it is given as text, and is kept nowhere', async () => {
    const name = '"><script>alert(1)</script>';
    const seen = await world.browser().send('POST', '/sign-in', { form: { name, password: 'x' } });
    expect(seen.text).not.toContain('<script>alert');
    const policy = String(seen.headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; script-src 'nonce-([\w-]{24})'; style-src 'nonce-\1'/);
    expect(policy).toContain("form-action 'self'");
    expect(policy).not.toContain('unsafe');
    expect(seen.headers).toMatchObject({ 'referrer-policy': 'same-origin', 'cache-control': 'no-store' });
  });

  test('takes forms from itself only', async () => {
    const form = { name: 'ada', password: goodPassword };
    const send = (headers: Record<string, string>, origin: string | null) => {
      const browser = new Browser(world.url);
      browser.origin = origin;
      return browser.send('POST', '/sign-in', { form, headers });
    };
    expect((await send({}, null)).status).toBe(403);
    expect((await send({}, 'null')).status).toBe(403);
    expect((await send({}, 'https://evil.example')).status).toBe(403);
    expect((await send({}, world.url.replace('127.0.0.1', '127.0.0.2'))).status).toBe(403);
    expect((await send({ 'sec-fetch-site': 'same-site' }, world.url)).status).toBe(403);
    expect((await send({ 'sec-fetch-site': 'same-origin' }, world.url)).status).toBe(303);
    expect((await send({}, world.url.replace('127.0.0.1', 'localhost'))).status).toBe(303);
  });

  test('refuses fields that are there twice or too long', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: world.url };
    const post = (body: string) => fetch(`${world.url}/sign-in`, { method: 'POST', headers, body });
    expect((await post('name=a&name=b&password=x')).status).toBe(400);
    expect((await post(`name=a&password=${'x'.repeat(2_000)}`)).status).toBe(400);
    expect((await post(`name=a&password=${'x'.repeat(40_000)}`)).status).toBe(413);
  });
});
