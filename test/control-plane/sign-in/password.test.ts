import { afterAll, beforeAll, expect, test } from 'vitest';
import { goodPassword, openWorld, sessionCookie, signIn } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

test('the first owner sets a password by the link of the first start, once', async () => {
  const browser = world.browser();
  const page = await browser.get(world.setupPath);
  expect(page.status).toBe(200);
  expect(page.text).toContain('owner');
  const code = new URL(world.setupPath, world.url).searchParams.get('code') ?? '';
  const seen = await browser.submit('/sign-in/setup', { code, password: goodPassword, again: goodPassword });
  expect(seen).toMatchObject({ status: 200, path: '/account' });
  expect(sessionCookie(browser)).toMatch(/^[\w-]{43}$/);
  expect((await browser.get(world.setupPath)).status).toBe(403);
  expect((await signIn(world.browser(), 'owner')).path).toBe('/account');
});
