// The page of one's own account: password, authenticator application, passkeys, recovery codes, sessions.
import { generateSync } from 'otplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshSignInMsMax } from '../../../protocol/limits-authority.ts';
import { addPasskey, addTotp, authenticatorOf, codeNow, makeRecoveryCodes, setUpTotp } from './factors.ts';
import { goodPassword, openWorld, sessionCookie, signIn } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

async function signedIn(name: string) {
  await world.user(name);
  const browser = world.browser();
  await signIn(browser, name);
  return browser;
}
const again = { name: '', password: goodPassword };

test('whoever is not signed in is sent to sign in, whatever they ask for', async () => {
  const browser = world.browser();
  for (const path of [
    'password',
    'totp',
    'totp/confirm',
    'totp/remove',
    'passkeys/remove',
    'recovery-codes',
    'sessions/end',
    'sign-out',
    'sign-out-everywhere',
  ]) {
    expect((await browser.send('POST', `/account/${path}`, { form: {} })).location, path).toContain(
      '/sign-in?',
    );
  }
  expect((await browser.json('/account/passkeys/options', {})).status).toBe(401);
  expect((await browser.json('/account/passkeys', {})).status).toBe(401);
});

test('what somebody signs in with is changed by who showed moments ago who they are', async () => {
  const browser = await signedIn('fresh');
  world.advance(freshSignInMsMax);
  for (const path of [
    'password',
    'totp',
    'totp/confirm',
    'totp/remove',
    'passkeys/remove',
    'recovery-codes',
  ]) {
    expect((await browser.send('POST', `/account/${path}`, { form: {} })).location, path).toContain(
      '/sign-in/elevate?',
    );
  }
  const challenged = await browser.json('/account/passkeys/options', {});
  expect(challenged.text).toContain('elevation_needed');
  expect(challenged.headers['www-authenticate']).toMatch(
    /^Bearer .*error="insufficient_user_authentication".*max_age=300$/,
  );
  expect(challenged.headers['www-authenticate']).not.toContain('undefined');
  await browser.submit('/sign-in/elevate', { ...again, reason: 'a new phone', return_to: '/account' });
  expect((await browser.send('POST', '/account/totp', { form: {} })).status).toBe(200);
});

describe('an authenticator application', () => {
  test('is set up by its first code, asked for from then on, and each code counts once', async () => {
    const { browser, seed } = await setUpTotp(world, 'ada');
    await browser.submit('/account/sign-out', {});
    const form = { ...again, name: 'ada' };
    const page = await browser.submit('/sign-in', form);
    expect(page.path).toBe('/sign-in/second-factor');
    expect(sessionCookie(browser)).toBeUndefined();
    expect((await browser.get('/account')).location).toContain('/sign-in');
    const code = codeNow(world, seed);
    const spaced = `${code.slice(0, 3)} ${code.slice(3)}`;
    expect((await browser.submit('/sign-in/second-factor', { code: spaced })).path).toBe('/account');
    await browser.submit('/account/sign-out', {});
    await browser.submit('/sign-in', form);
    expect((await browser.submit('/sign-in/second-factor', { code })).status).toBe(401);
    const before = generateSync({ secret: seed, epoch: Math.floor(world.now() / 1_000) - 30 });
    expect((await browser.submit('/sign-in/second-factor', { code: before })).status, 'an older one').toBe(
      401,
    );
    const next = generateSync({ secret: seed, epoch: Math.floor(world.now() / 1_000) + 30 });
    expect((await browser.submit('/sign-in/second-factor', { code: next })).path, 'a clock ahead').toBe(
      '/account',
    );
  });

  test('one code sent many times at once lets one in', async () => {
    const { seed } = await setUpTotp(world, 'bob');
    const browsers = Array.from({ length: 4 }, () => world.browser());
    for (const browser of browsers) await browser.submit('/sign-in', { ...again, name: 'bob' });
    const code = codeNow(world, seed);
    const all = await Promise.all(
      browsers.map((browser) => browser.send('POST', '/sign-in/second-factor', { form: { code } })),
    );
    expect(all.filter(({ location }) => location === '/account')).toHaveLength(1);
  });

  test('the seed lies sealed in the store', async () => {
    const { seed } = await setUpTotp(world, 'carol');
    const rows = await world.store.read(world.store.db.selectFrom('totp_seeds').selectAll().compile());
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(seed);
  });

  test('a wrong first code leaves everything as it was; a new one takes the place of the old one', async () => {
    const { browser, seed } = await setUpTotp(world, 'dora');
    const replaced = await browser.send('POST', '/account/totp', { form: {} });
    const wrong = await browser.submit('/account/totp/confirm', { code: '000000' });
    expect(wrong).toMatchObject({
      status: 401,
      text: expect.stringContaining('otpauth://totp/Wayside:dora'),
    });
    expect(replaced.text).not.toContain(seed);
    const fresh = await addTotp(world, browser);
    world.advance(60_000);
    await browser.submit('/account/sign-out', {});
    await browser.submit('/sign-in', { ...again, name: 'dora' });
    expect((await browser.submit('/sign-in/second-factor', { code: codeNow(world, seed) })).status).toBe(401);
    expect((await browser.submit('/sign-in/second-factor', { code: codeNow(world, fresh) })).path).toBe(
      '/account',
    );
    await browser.submit('/account/totp/remove', {});
    await browser.submit('/account/sign-out', {});
    expect((await browser.submit('/sign-in', { ...again, name: 'dora' })).path).toBe('/account');
  });
});

describe('recovery codes', () => {
  test('are shown once, each gets in once, and new ones void the old ones', async () => {
    const { browser } = await setUpTotp(world, 'erin');
    const first = await makeRecoveryCodes(browser);
    expect(first).toHaveLength(10);
    expect(new Set(first).size).toBe(10);
    expect((await browser.get('/account')).text).toContain('10 are left');
    const second = await makeRecoveryCodes(browser);
    const enter = async (code: string) => {
      const other = world.browser();
      await other.submit('/sign-in', { ...again, name: 'erin' });
      return (await other.submit('/sign-in/second-factor', { code })).path;
    };
    expect(await enter(first[0] ?? '')).toBe('/sign-in/second-factor');
    expect(await enter((second[0] ?? '').toLowerCase().replaceAll('-', ' '))).toBe('/account');
    expect(await enter(second[0] ?? '')).toBe('/sign-in/second-factor');
    expect((await browser.get('/account')).text).toContain('9 are left');
    const rows = await world.store.read(world.store.db.selectFrom('recovery_codes').selectAll().compile());
    expect(JSON.stringify(rows)).not.toContain((second[1] ?? '').replaceAll('-', ''));
  });

  test('of somebody else get nobody in', async () => {
    const { browser } = await setUpTotp(world, 'frank');
    const [code = ''] = await makeRecoveryCodes(browser);
    const other = world.browser();
    await other.submit('/sign-in', { ...again, name: 'erin' });
    expect((await other.submit('/sign-in/second-factor', { code })).status).toBe(401);
  });
});

test('a new password ends all other sessions, and the old one gets nobody in', async () => {
  const [here, there] = [await signedIn('grace'), world.browser()];
  await signIn(there, 'grace');
  const password = 'a zebra in the staircase';
  const weak = await here.submit('/account/password', { password: 'short', again: 'short' });
  expect(weak).toMatchObject({ status: 422, text: expect.stringContaining('12 characters') });
  world.endedTokens.length = 0;
  const seen = await here.submit('/account/password', { password, again: password });
  expect(seen.text).toContain('All other sessions ended');
  const { principals } = world.authority.policy();
  expect(world.endedTokens.map((id) => principals.get(id)?.name)).toEqual(['grace']);
  expect([(await here.get('/account')).status, (await there.get('/account')).status]).toEqual([200, 303]);
  expect((await signIn(world.browser(), 'grace')).status).toBe(401);
  expect((await signIn(world.browser(), 'grace', password)).path).toBe('/account');
});

test('a passkey is named and removed by its owner alone', async () => {
  const [browser, other] = [await signedIn('henry'), await signedIn('ines')];
  expect(await addPasskey(browser, authenticatorOf(world))).toBe(201);
  const [, id = ''] = /name="id"\s+value="([\w-]{43})"/.exec((await browser.get('/account')).text) ?? [];
  expect(id).not.toBe('');
  expect((await other.send('POST', '/account/passkeys/remove', { form: { id } })).status).toBe(404);
  expect((await browser.submit('/account/passkeys/remove', { id })).text).toContain('You have none.');
  const done = (await world.events()).map(({ operation }) => operation);
  expect(done).toEqual(expect.arrayContaining(['passkey.add', 'passkey.remove']));
});

test("a session of one's own is ended from the list, one of somebody else is not", async () => {
  const [here, there] = [await signedIn('jack'), world.browser()];
  await signIn(there, 'jack');
  const ids = async (browser: typeof here) =>
    (
      JSON.parse((await browser.get('/v1/principals/self/sessions')).text) as {
        items: { id: string; current: boolean }[];
      }
    ).items;
  const current = (await ids(there)).find((each) => each.current)?.id ?? '';
  const stranger = await signedIn('kate');
  await stranger.submit('/account/sessions/end', { id: current });
  expect((await there.get('/account')).status).toBe(200);
  await here.submit('/account/sessions/end', { id: current });
  expect((await there.get('/account')).status).toBe(303);
});
