// People with second factors, made the way in which people make them.
import { generateSync } from 'otplib';
import type { Browser } from '../../support/browser.ts';
import { Authenticator } from '../../support/authenticator.ts';
import type { CreationOptions, Deviation, RequestOptions } from '../../support/authenticator.ts';
import { goodPassword, signIn } from './world.ts';
import type { World } from './world.ts';

/** The code that an application would show now. */
export function codeNow(world: World, seed: string): string {
  return generateSync({ secret: seed, epoch: Math.floor(world.now() / 1_000) });
}

/** A user whose browser is signed in, with an authenticator application. The next code is a minute away. */
export async function setUpTotp(
  world: World,
  name: string,
): Promise<{ readonly id: string; readonly browser: Browser; readonly seed: string }> {
  const id = await world.user(name);
  const browser = world.browser();
  await signIn(browser, name);
  const seed = await addTotp(world, browser);
  world.advance(60_000);
  return { id, browser, seed };
}

export async function addTotp(world: World, browser: Browser): Promise<string> {
  const page = await browser.send('POST', '/account/totp', { form: {} });
  const seed = /<code>([A-Z2-7 ]+)<\/code>/.exec(page.text)?.[1]?.replaceAll(' ', '') ?? '';
  const confirmed = await browser.submit('/account/totp/confirm', { code: codeNow(world, seed) });
  if (confirmed.path !== '/account') throw new Error(confirmed.text);
  return seed;
}

export async function makeRecoveryCodes(browser: Browser): Promise<string[]> {
  const page = await browser.send('POST', '/account/recovery-codes', { form: {} });
  return [...page.text.matchAll(/<code>([0-9A-Z-]{23})<\/code>/g)].map(([, code]) => code ?? '');
}

/** Passkeys are made for a name, so the browser is at `localhost`. */
export function authenticatorOf(world: World, options?: { readonly counts?: boolean }): Authenticator {
  return new Authenticator(world.url.replace('127.0.0.1', 'localhost'), options);
}

export async function addPasskey(
  browser: Browser,
  authenticator: Authenticator,
  deviation: Deviation = {},
): Promise<number> {
  const options = await browser.json<CreationOptions>('/account/passkeys/options', {});
  if (options.status !== 200) return options.status;
  const response = authenticator.create(options.body, deviation);
  return (await browser.json('/account/passkeys', { name: 'key', response })).status;
}

export async function usePasskey(
  browser: Browser,
  authenticator: Authenticator,
  options: { readonly deviation?: Deviation; readonly fields?: object } = {},
) {
  const asked = await browser.json<RequestOptions>('/sign-in/passkey/options', options.fields ?? {});
  if (asked.status !== 200) return { ...asked, body: {} as { return_to?: string; code?: string } };
  const response = authenticator.get(asked.body, options.deviation);
  return browser.json<{ return_to?: string; code?: string }>('/sign-in/passkey', { response });
}

/** A user whose browser is signed in, with a passkey. */
export async function setUpPasskey(world: World, name: string, options?: { readonly counts?: boolean }) {
  const id = await world.user(name);
  const browser = world.browser();
  await signIn(browser, name, goodPassword);
  const authenticator = authenticatorOf(world, options);
  const status = await addPasskey(browser, authenticator);
  if (status !== 201) throw new Error(`the passkey was answered ${status}`);
  return { id, browser, authenticator };
}
