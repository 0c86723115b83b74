// Passkeys with real signatures: made, used, and every way in which an answer can be wrong.
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeCbor } from '../../support/authenticator.ts';
import type { Deviation, RequestOptions } from '../../support/authenticator.ts';
import { addPasskey, authenticatorOf, setUpPasskey, usePasskey } from './factors.ts';
import { goodPassword, openWorld, sessionCookie, signIn } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

test('the CBOR of the authenticator is that of RFC 8949, appendix A', () => {
  const hex = (value: Parameters<typeof encodeCbor>[0]) => encodeCbor(value).toString('hex');
  expect([hex(0), hex(23), hex(24), hex(100), hex(1000), hex(-1), hex(-100)]).toEqual([
    '00',
    '17',
    '1818',
    '1864',
    '1903e8',
    '20',
    '3863',
  ]);
  expect([
    hex(Buffer.from([1, 2, 3, 4])),
    hex('IETF'),
    hex(
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ),
  ]).toEqual(['4401020304', '6449455446', 'a201020304']);
});

describe('a passkey', () => {
  test('signs in without a name or a password, as two factors', async () => {
    const { id, authenticator } = await setUpPasskey(world, 'ada');
    const browser = world.browser();
    const seen = await usePasskey(browser, authenticator, { fields: { return_to: '/account?here' } });
    expect(seen).toMatchObject({ status: 200, body: { return_to: '/account?here' } });
    const { body } = await world.api('GET', `/v1/principals/${id}/sessions`);
    expect(body.items[0]).toMatchObject({ amr: ['mfa', 'hwk', 'user'], acr: 'urn:wayside:acr:multi-factor' });
    expect((await browser.get('/account')).text).toContain('used 2');
  });

  test('is asked for after a password, which alone is not enough then', async () => {
    const browser = world.browser();
    const page = await signIn(browser, 'ada');
    expect(page).toMatchObject({
      path: '/sign-in/second-factor',
      text: expect.stringContaining('Use a passkey'),
    });
    expect(sessionCookie(browser)).toBeUndefined();
    expect((await browser.get('/account')).location).toContain('/sign-in');
  });

  test('that does not count its uses stays good', async () => {
    const { authenticator } = await setUpPasskey(world, 'bob', { counts: false });
    for (let use = 0; use < 3; use += 1) {
      expect((await usePasskey(world.browser(), authenticator)).status).toBe(200);
    }
  });

  test('that was copied is noticed by its count, refused and written down', async () => {
    const { authenticator } = await setUpPasskey(world, 'carol');
    expect((await usePasskey(world.browser(), authenticator)).status).toBe(200);
    expect((await usePasskey(world.browser(), authenticator)).status).toBe(200);
    authenticator.passkeys[0]!.counter = 0;
    const copied = await usePasskey(world.browser(), authenticator);
    expect(copied).toMatchObject({ status: 401, body: { code: 'sign_in_failed' } });
    expect(copied.text).not.toContain('copied');
    const events = await world.events();
    expect(events.find(({ operation }) => operation === 'passkey.suspect')).toMatchObject({
      result: 'denied',
    });
    const zero = await usePasskey(world.browser(), authenticator, { deviation: { counter: 0 } });
    expect(zero.status, 'a count that stopped').toBe(401);
  });

  test('of somebody who is disabled does nothing', async () => {
    const { authenticator } = await setUpPasskey(world, 'gone');
    await world.api('DELETE', '/v1/principals/gone');
    expect((await usePasskey(world.browser(), authenticator)).status).toBe(401);
  });
});

describe('an answer is refused', () => {
  test.each<[string, Deviation]>([
    ['of another page', { origin: 'https://evil.example' }],
    ['of the same page in the clear elsewhere', { origin: 'http://localhost' }],
    ['to another question', { challenge: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
    ['for another site', { rpId: 'evil.example' }],
    ['without a verified holder', { unverified: true }],
    ['with a bad signature', { badSignature: true }],
    ['in the name of another account', { userHandle: Buffer.from('somebody').toString('base64url') }],
    ['of another ceremony', { type: 'webauthn.create' }],
  ])('%s', async (_what, deviation) => {
    const { authenticator } = await setUpPasskey(world, `p-${_what.replaceAll(' ', '-')}`.slice(0, 60));
    const browser = world.browser();
    const seen = await usePasskey(browser, authenticator, { deviation });
    expect(seen).toMatchObject({ status: 401, body: { code: 'sign_in_failed' } });
    expect(sessionCookie(browser)).toBeUndefined();
  });

  test('that came before, in another browser, or too late', async () => {
    const { authenticator } = await setUpPasskey(world, 'dora');
    const browser = world.browser();
    const asked = await browser.json<RequestOptions>('/sign-in/passkey/options', {});
    const response = authenticator.get(asked.body);
    expect((await world.browser().json('/sign-in/passkey', { response })).status).toBe(401);
    const cookie = browser.cookies.get('wayside-attempt-loopback') ?? '';
    expect((await browser.json('/sign-in/passkey', { response })).status).toBe(200);
    browser.cookies.set('wayside-attempt-loopback', cookie);
    expect((await browser.json('/sign-in/passkey', { response })).status, 'again').toBe(401);
    const late = await browser.json<RequestOptions>('/sign-in/passkey/options', {});
    world.advance(10 * 60_000);
    expect((await browser.json('/sign-in/passkey', { response: authenticator.get(late.body) })).status).toBe(
      401,
    );
  });

  test('by a key that nobody has registered', async () => {
    const { authenticator } = await setUpPasskey(world, 'erin');
    const forged = authenticatorOf(world);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    forged.passkeys.push({ ...authenticator.passkeys[0]!, key: privateKey, counter: 100 });
    expect((await usePasskey(world.browser(), forged)).status).toBe(401);
    forged.passkeys[0] = { ...forged.passkeys[0]!, id: 'AAAA' };
    expect((await usePasskey(world.browser(), forged)).status).toBe(401);
  });

  test('that is nonsense', async () => {
    const browser = world.browser();
    for (const response of [
      null,
      {},
      { id: 'a b' },
      'x',
      { id: 'AA', rawId: 'AA', type: 'public-key', response: {} },
    ]) {
      await browser.json('/sign-in/passkey/options', {});
      expect((await browser.json('/sign-in/passkey', { response })).status).toBe(400);
    }
    const garbage = { clientDataJSON: 'AAAA', authenticatorData: 'AAAA', signature: 'AAAA' };
    const response = { id: 'AA', rawId: 'AA', type: 'public-key', response: garbage };
    await browser.json('/sign-in/passkey/options', {});
    expect((await browser.json('/sign-in/passkey', { response })).status).toBe(401);
  });
});

describe('a registration is refused', () => {
  test.each<[string, Deviation]>([
    ['of another page', { origin: 'https://evil.example' }],
    ['for another site', { rpId: 'evil.example' }],
    ['without a verified holder', { unverified: true }],
    ['to another question', { challenge: 'AAAA' }],
  ])('%s', async (what, deviation) => {
    const name = `r-${what.replaceAll(' ', '-')}`;
    await world.user(name);
    const browser = world.browser();
    await signIn(browser, name);
    expect(await addPasskey(browser, authenticatorOf(world), deviation)).toBe(401);
  });

  test('of somebody who did not show moments ago who they are', async () => {
    await world.user('frank');
    const browser = world.browser();
    await signIn(browser, 'frank');
    world.advance(5 * 60_000);
    expect(await addPasskey(browser, authenticatorOf(world))).toBe(401);
    const elevated = { reason: 'a new laptop', password: goodPassword, return_to: '/account' };
    expect((await browser.submit('/sign-in/elevate', elevated)).path).toBe('/account');
    expect(await addPasskey(browser, authenticatorOf(world))).toBe(201);
  });

  test('of a passkey that somebody has', async () => {
    const { authenticator } = await setUpPasskey(world, 'grace');
    await world.user('henry');
    const browser = world.browser();
    await signIn(browser, 'henry');
    const { body } = await browser.json<{ challenge: string }>('/account/passkeys/options', {});
    const made = authenticatorOf(world);
    const response = made.create({ challenge: body.challenge, rp: { id: 'localhost' }, user: { id: 'x' } });
    expect((await browser.json('/account/passkeys', { name: 'a', response })).status).toBe(201);
    const other = world.browser();
    await signIn(other, 'henry');
    expect(authenticator.passkeys).toHaveLength(1);
  });
});
