// Reduced by default, elevated when needed (F8), over real HTTP with the cookie of a browser.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../support/people.ts';
import { elevationMsMax, signInFailuresFree } from '../../../protocol/limits-authority.ts';
import { addPasskey, authenticatorOf, codeNow, makeRecoveryCodes, setUpTotp, usePasskey } from './factors.ts';
import { goodPassword, openWorld, sessionCookie, signIn } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  const form = { code: new URL(world.setupPath, world.url).searchParams.get('code') ?? '' };
  await world.browser().submit('/sign-in/setup', { ...form, password: goodPassword, again: goodPassword });
});
afterAll(() => world[Symbol.asyncDispose]());

const sensitive = { json: { name: 'made-by-elevation' } };
const reason = 'a new colleague';

describe('what is sensitive', () => {
  test('is answered with a challenge, done after showing again who one is, and challenged again later', async () => {
    const browser = world.browser();
    await signIn(browser, 'owner');
    const refused = await browser.send('POST', '/v1/principals', sensitive);
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toMatch(/error="insufficient_user_authentication"/);
    expect(refused.headers['www-authenticate']).toMatch(
      /acr_values="urn:wayside:acr:elevated", max_age="?900"?/,
    );
    const before = sessionCookie(browser);
    const elevated = await browser.json('/v1/elevate', { reason, password: goodPassword });
    expect(elevated).toMatchObject({ status: 200, body: { elevated_until: world.now() + elevationMsMax } });
    expect(sessionCookie(browser), 'another cookie').not.toBe(before);
    expect((await browser.send('POST', '/v1/principals', sensitive)).status).toBe(201);
    world.advance(elevationMsMax - 1);
    expect((await browser.send('DELETE', '/v1/principals/made-by-elevation')).status).toBe(204);
    world.advance(1);
    expect((await browser.send('POST', '/v1/principals', sensitive)).status).toBe(401);
    const event = (await world.events()).find(({ operation }) => operation === 'session.elevate');
    expect(event).toMatchObject({ result: 'allowed', details: { reason, methods: ['pwd'] } });
  });

  test('is not done by the cookie of before the elevation', async () => {
    const browser = world.browser();
    await signIn(browser, 'owner');
    const stolen = browser.cookieHeader();
    await must(
      Promise.resolve({
        ...(await browser.json('/v1/elevate', { reason, password: goodPassword })),
      }) as never,
    );
    const answer = await fetch(`${world.url}/v1/whoami`, { headers: { cookie: stolen } });
    expect(answer.status).toBe(401);
  });

  test('is not reached around: an ordinary session makes no token that may do it', async () => {
    const browser = world.browser();
    await signIn(browser, 'owner');
    const made = await browser.send('POST', '/v1/principals/self/tokens', { json: { name: 'mine' } });
    expect(made.status).toBe(401);
  });

  test("ends with the session, and is nobody else's", async () => {
    const [one, two] = [world.browser(), world.browser()];
    await signIn(one, 'owner');
    await signIn(two, 'owner');
    await one.json('/v1/elevate', { reason, password: goodPassword });
    expect((await two.send('POST', '/v1/principals', sensitive)).status).toBe(401);
  });
});

describe('showing again who one is', () => {
  test('takes the second factor where there is one', async () => {
    const { browser, seed } = await setUpTotp(world, 'ada');
    const elevate = (more: object) =>
      browser.json('/v1/elevate', { reason, password: goodPassword, ...more });
    expect(await elevate({})).toMatchObject({ status: 401, body: { second_factor: true } });
    expect((await elevate({ code: '000000' })).status).toBe(401);
    expect((await elevate({ code: codeNow(world, seed), password: 'a wrong password' })).status).toBe(401);
    expect((await elevate({ code: codeNow(world, seed) })).status).toBe(200);
    expect((await elevate({ code: codeNow(world, seed) })).status, 'the same code').toBe(401);
    const [code = ''] = await makeRecoveryCodes(browser);
    expect((await elevate({ code })).status).toBe(200);
    expect((await elevate({ code })).status).toBe(401);
  });

  test('by a passkey, on the page', async () => {
    await world.user('bob');
    const browser = world.browser();
    await signIn(browser, 'bob');
    const authenticator = authenticatorOf(world);
    await addPasskey(browser, authenticator);
    const page = await browser.get('/sign-in/elevate?return_to=/account');
    expect(page.text).toContain('name="reason"');
    const noReason = await usePasskey(browser, authenticator, { fields: { again: '1', reason: ' ' } });
    expect(noReason.status).toBe(400);
    const fields = { again: '1', reason, return_to: '/account' };
    expect((await usePasskey(browser, authenticator, { fields })).body.return_to).toBe('/account');
    expect((await browser.get('/account')).text).toContain('Elevated until');
  });

  test('by the passkey of somebody else is refused', async () => {
    await world.user('carol');
    const carol = world.browser();
    await signIn(carol, 'carol');
    const authenticator = authenticatorOf(world);
    await addPasskey(carol, authenticator);
    await world.user('dora');
    const dora = world.browser();
    await signIn(dora, 'dora');
    const fields = { again: '1', reason, return_to: '/account' };
    expect((await usePasskey(dora, authenticator, { fields })).status).toBe(401);
    expect((await dora.get('/account')).text).toContain('<strong>dora</strong>');
    expect((await dora.get('/account')).text).not.toContain('Elevated');
  });

  test('is slowed down for whoever took a session, and not for its owner elsewhere', async () => {
    await world.user('erin');
    const [taken, own] = [world.browser(), world.browser()];
    await signIn(taken, 'erin');
    await signIn(own, 'erin');
    const guess = (password: string) => taken.json('/v1/elevate', { reason, password });
    for (let tries = 0; tries < signInFailuresFree; tries += 1)
      expect((await guess('wrong')).status).toBe(401);
    const slowed = await guess(goodPassword);
    expect(slowed).toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
    expect((await own.json('/v1/elevate', { reason, password: goodPassword })).status).toBe(200);
  });

  test('asks for a reason, and of a person: a token needs none', async () => {
    const browser = world.browser();
    await signIn(browser, 'owner');
    expect((await browser.json('/v1/elevate', { reason: '', password: goodPassword })).status).toBe(400);
    expect((await browser.json('/v1/elevate', { reason: '  a  ', password: goodPassword })).status).toBe(400);
    const token = await world.api('POST', '/v1/elevate', { reason, password: goodPassword });
    expect(token).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });
});

describe('the page', () => {
  test('leads back to where elevation was asked for, as an authorization server asks for it', async () => {
    const browser = world.browser();
    await signIn(browser, 'owner');
    const acr = 'urn:wayside:acr:elevated';
    const query = new URLSearchParams({
      return_to: '/v1/whoami?x',
      acr_values: `other ${acr}`,
      max_age: '900',
    });
    const first = await browser.get(`/sign-in?${query}`);
    expect(first.location).toContain('/sign-in/elevate?');
    const fields = Object.fromEntries(new URL(first.location ?? '', world.url).searchParams);
    expect(fields).toEqual({ return_to: '/v1/whoami?x', acr_values: acr, max_age: '900' });
    const wrong = await browser.submit('/sign-in/elevate', { ...fields, reason, password: 'no' });
    expect(wrong).toMatchObject({ status: 401, text: expect.stringContaining(`value="${reason}"`) });
    const done = await browser.send('POST', '/sign-in/elevate', {
      form: { ...fields, reason, password: goodPassword },
    });
    expect(done.location).toBe('/v1/whoami?x');
    expect((await browser.get(`/sign-in?${query}`)).location, 'it is now').toBe('/v1/whoami?x');
  });

  test('asks for no reason where somebody only has to show again who they are, and elevates nobody', async () => {
    const browser = world.browser();
    await signIn(browser, 'owner');
    world.advance(10_000);
    const { location } = await browser.get('/sign-in?return_to=/account&max_age=5');
    expect((await browser.get(location ?? '')).text).not.toContain('name="reason"');
    const fields = Object.fromEntries(new URL(location ?? '', world.url).searchParams);
    const seen = await browser.submit('/sign-in/elevate', { ...fields, password: goodPassword });
    expect(seen).toMatchObject({ path: '/account', text: expect.not.stringContaining('Elevated') });
    expect((await browser.get('/sign-in?return_to=/account&max_age=5')).location).toBe('/account');
  });

  test('is for who is signed in, and signing in first leads on to it', async () => {
    const browser = world.browser();
    const acr_values = 'urn:wayside:acr:elevated';
    const elevate = `/sign-in/elevate?${new URLSearchParams({ return_to: '/account', acr_values })}`;
    const first = await browser.get(elevate);
    expect(first.location).toMatch(/^\/sign-in\?/);
    const fields = Object.fromEntries(new URL(first.location ?? '', world.url).searchParams);
    const seen = await browser.submit('/sign-in', { ...fields, name: 'owner', password: goodPassword });
    expect(seen.path).toMatch(/^\/sign-in\/elevate\?/);
  });
});
