// An attack on one account over real HTTP: who is slowed down, and who is not.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signInFailuresFree, signInForgetMs } from '../../../protocol/limits-authority.ts';
import { codeNow, makeRecoveryCodes, setUpPasskey, setUpTotp, usePasskey } from './factors.ts';
import { goodPassword, openWorld, sessionCookie, signIn } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const wrong = 'a wrong password for it';
/** Guesses from other addresses than those of the victim, until the account's are used up. */
async function attack(name: string): Promise<void> {
  for (let guess = 0; guess < signInFailuresFree; guess += 1) {
    const browser = world.browser({ address: `127.0.9.${guess + 1}` });
    expect((await signIn(browser, name, wrong)).status).toBe(401);
  }
  expect((await signIn(world.browser({ address: '127.0.9.99' }), name, goodPassword)).status).toBe(429);
}

const elsewhere = () => world.browser({ address: '127.0.7.7' });

describe('while somebody guesses the password of an account', () => {
  test('a browser that it knows gets in, one in its network gets in, and a new one elsewhere waits', async () => {
    await world.user('ada');
    const known = world.browser({ address: '127.0.1.1' });
    await signIn(known, 'ada');
    await known.submit('/account/sign-out', {});
    await attack('ada');
    expect((await signIn(known, 'ada')).path).toBe('/account');
    expect((await signIn(world.browser({ address: '127.0.1.1' }), 'ada')).path).toBe('/account');
    const refused = await signIn(elsewhere(), 'ada');
    expect(refused).toMatchObject({ status: 429, text: expect.stringContaining('Code or recovery code') });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    world.advance(signInForgetMs);
    expect((await signIn(elsewhere(), 'ada')).path).toBe('/account');
  });

  test('a cookie of the browser that was made up, or that belongs to another account, is none', async () => {
    await world.user('ada');
    await world.user('eve');
    await attack('ada');
    const eve = elsewhere();
    await signIn(eve, 'eve');
    expect((await signIn(eve, 'ada')).status).toBe(429);
    const made = elsewhere();
    made.cookies.set('wayside-device-loopback', 'A'.repeat(43));
    expect((await signIn(made, 'ada')).status).toBe(429);
  });

  test('a code beside the password gets in from a new place, and a wrong one tells nothing', async () => {
    const { seed } = await setUpTotp(world, 'ada');
    await attack('ada');
    const form = { name: 'ada', password: goodPassword };
    const send = (more: object) => elsewhere().submit('/sign-in', { ...form, ...more });
    const badCode = await send({ code: '000000' });
    const badPassword = await send({ code: codeNow(world, seed), password: wrong });
    expect([badCode.status, badPassword.status]).toEqual([401, 401]);
    expect((await send({ code: codeNow(world, seed) })).path).toBe('/account');
    expect((await send({ code: codeNow(world, seed) })).status, 'the same code again').toBe(401);
  });

  test('a code is no way around it for an account that has none', async () => {
    await world.user('ada');
    await attack('ada');
    for (const code of ['123456', 'AAAAA-BBBBB-CCCCC-DDDDD', 'x']) {
      const seen = await elsewhere().submit('/sign-in', { name: 'ada', password: goodPassword, code });
      expect(seen.status, code).toBe(401);
      expect(sessionCookie(elsewhere())).toBeUndefined();
    }
  });

  test('a recovery code beside the password gets in, also when guesses of codes are used up', async () => {
    const { browser } = await setUpTotp(world, 'ada');
    await signIn(browser, 'ada');
    world.advance(-60_000);
    const [code = ''] = await makeRecoveryCodes(browser);
    await attack('ada');
    const form = { name: 'ada', password: goodPassword };
    for (let guess = 0; guess < signInFailuresFree; guess += 1) {
      const attacker = world.browser({ address: `127.0.8.${guess + 1}` });
      expect((await attacker.submit('/sign-in', { ...form, code: `00000${guess}` })).status).toBe(401);
    }
    const late = await world
      .browser({ address: '127.0.8.9' })
      .submit('/sign-in', { ...form, code: '123456' });
    expect(late.status).toBe(429);
    expect((await elsewhere().submit('/sign-in', { ...form, code: code.toLowerCase() })).path).toBe(
      '/account',
    );
    expect((await elsewhere().submit('/sign-in', { ...form, code })).status, 'it is used').toBe(401);
  });

  test('a passkey gets in from anywhere', async () => {
    const { authenticator } = await setUpPasskey(world, 'ada');
    await attack('ada');
    const browser = world.browser({ address: '127.0.7.7' });
    browser.origin = world.url;
    expect((await usePasskey(browser, authenticator)).body.return_to).toBe('/account');
  });
});

test('names that do not exist are slowed down like those that do', async () => {
  await attack('nobody').catch(() => undefined);
  expect((await signIn(elsewhere(), 'nobody')).status).toBe(429);
});

test('guesses at the same moment count like guesses in a row', async () => {
  await world.user('ada');
  const all = await Promise.all(
    Array.from({ length: 24 }, (_, index) =>
      signIn(world.browser({ address: `127.0.6.${index + 1}` }), 'ada', wrong),
    ),
  );
  const statuses = all.map(({ status }) => status);
  expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(signInFailuresFree);
  expect(statuses.every((status) => status === 401 || status === 429)).toBe(true);
});

test('what is counted survives in the store, and nobody can read there what was typed', async () => {
  await signIn(elsewhere(), 'a password in the wrong field', 'x');
  const rows = await world.store.read(world.store.db.selectFrom('sign_in_throttles').selectAll().compile());
  expect(rows).toHaveLength(2);
  expect(JSON.stringify(rows)).not.toContain('wrong field');
  const { db } = world.store;
  const many = Array.from({ length: 1_200 }, (_, index) => ({
    key: `k${index}`,
    failures: 1,
    last_at: world.now(),
  }));
  await world.store.write([{ query: db.insertInto('sign_in_throttles').values(many).compile() }]);
  world.advance(signInForgetMs);
  await world.signIn.tidy();
  expect(
    await world.store.read(world.store.db.selectFrom('sign_in_throttles').selectAll().compile()),
  ).toEqual([]);
});

test('six digits after a good password are slowed down for strangers, and not for the browser that is known', async () => {
  const { browser, seed } = await setUpTotp(world, 'ada');
  await browser.submit('/account/sign-out', {});
  const stranger = elsewhere();
  const form = { name: 'ada', password: goodPassword };
  expect((await stranger.submit('/sign-in', form)).path).toBe('/sign-in/second-factor');
  for (let guess = 0; guess < signInFailuresFree; guess += 1) {
    expect((await stranger.submit('/sign-in/second-factor', { code: `00000${guess}` })).status).toBe(401);
  }
  const code = codeNow(world, seed);
  expect((await stranger.submit('/sign-in/second-factor', { code })).status).toBe(429);
  expect((await browser.submit('/sign-in', form)).path).toBe('/sign-in/second-factor');
  expect((await browser.submit('/sign-in/second-factor', { code })).path).toBe('/account');
});
