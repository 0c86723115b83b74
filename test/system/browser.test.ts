// Signing in with a real browser: what its rules for scripts, forms, cookies and passkeys make of our pages.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { generateSync } from 'otplib';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { addAuthenticator, chromiumPath, launchChromium, openBrowser } from '../support/chromium.ts';
import type { PersonsBrowser } from '../support/chromium.ts';
import { must } from '../support/people.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { wayside } from '../support/wayside.ts';

const password = 'a horse in the staircase';

describe.runIf(chromiumPath !== null)('in a browser', () => {
  let chromium: Browser;
  let server: TestServer;
  let origin: string;
  let ada: PersonsBrowser;
  let invitation: string;

  beforeAll(async () => {
    [chromium, server] = await Promise.all([launchChromium(), startTestServer()]);
    const { id } = (await must(server.api('POST', '/v1/principals', { name: 'ada' }))).body;
    const link = await must(
      server.api<{ url: string }>('POST', `/v1/principals/${id}/sign-in-links`, { purpose: 'invite' }),
    );
    invitation = link.body.url;
    origin = new URL(invitation).origin;
    ada = await openBrowser(chromium);
    await addAuthenticator(ada);
  });
  afterAll(async () => {
    await chromium?.close();
    await server?.close();
  });
  afterEach(() => {
    expect(ada.complaints).toEqual([]);
  });

  const press = (name: string) => ada.page.getByRole('button', { name, exact: true }).click();
  const signedIn = () => ada.page.getByText('You are signed in as ada.').waitFor();
  const signOut = async () => {
    await ada.page.goto(`${origin}/account`);
    await press('Sign out');
    await ada.page.getByLabel('Password').waitFor();
  };

  test('an invited person sets a password and is signed in with it', async () => {
    await ada.page.goto(invitation);
    await ada.page.getByLabel('Password').fill(password);
    await ada.page.getByLabel('The same again').fill(password);
    await press('Set the password');
    await signedIn();
    await signOut();
    await ada.page.getByLabel('Name').fill('ada');
    await ada.page.getByLabel('Password').fill(password);
    await press('Sign in');
    await signedIn();
    // No script of any page can read what signs her in.
    expect(await ada.page.evaluate('document.cookie')).toBe('');
    const cookies = await ada.context.cookies();
    expect(cookies.every(({ httpOnly, sameSite }) => httpOnly && sameSite !== 'None')).toBe(true);
    expect(cookies.length).toBeGreaterThan(0);
  });

  test('a passkey is added, and signs her in without anything else', async () => {
    await ada.page.goto(`${origin}/account`);
    await ada.page.getByLabel('Name of the new one').fill('laptop');
    await press('Add a passkey');
    await ada.page.getByRole('cell', { name: 'laptop' }).waitFor();
    await signOut();
    await press('Sign in with a passkey');
    await signedIn();
  });

  test('an authenticator application is set up, and asked for after the password', async () => {
    await ada.page.goto(`${origin}/account`);
    await press('Set one up');
    const seed = (await ada.page.locator('code').innerText()).replaceAll(' ', '');
    const code = (at: number) => generateSync({ secret: seed, epoch: at });
    await ada.page.locator('input[name=code]').fill(code(Math.floor(Date.now() / 1_000)));
    await ada.page.locator('main form button, form button').last().click();
    await ada.page.goto(`${origin}/account`);
    await ada.page.getByText('Set up on').waitFor();
    await signOut();
    await ada.page.getByLabel('Name').fill('ada');
    await ada.page.getByLabel('Password').fill(password);
    await press('Sign in');
    await ada.page.getByRole('heading', { name: 'Second factor' }).waitFor();
    // The step that set it up counts once, so the code of the next one, which is within the tolerance.
    await ada.page.locator('input[name=code]').fill(code(Math.floor(Date.now() / 1_000) + 30));
    await press('Go on');
    await signedIn();
  });

  test('a command line is let in on the page that it shows', async () => {
    const home = mkdtempSync(join(tmpdir(), 'wayside-browser-'));
    const environment = { ...process.env, HOME: home, WAYSIDE_URL: origin, NO_COLOR: '1' };
    const main = join(import.meta.dirname, '../../cli/main.ts');
    const login = spawn(process.execPath, [main, 'login', '--device'], { env: environment });
    try {
      let said = '';
      const address = await new Promise<string>((resolve, reject) => {
        login.stderr.on('data', (bytes: Buffer) => {
          said += bytes.toString();
          const found = /\S+\/device\?user_code=\S+/.exec(said);
          if (found !== null) resolve(found[0]);
        });
        login.once('exit', () => reject(new Error(said)));
      });
      await ada.page.goto(address);
      await press('It shows this code');
      const [code] = await once(login, 'exit');
      expect([code, said.includes('user_code')]).toEqual([0, true]);
      const whoami = await wayside(['whoami'], { environment: { HOME: home, WAYSIDE_URL: origin } });
      expect(whoami.stdout).toContain('ada (user)');
    } finally {
      login.kill('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    }
  });
});
