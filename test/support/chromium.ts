// A real browser for the tests: the Chromium of this machine, without a window. Where there is none the tests that need
// it are skipped, and say so.
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';

const names = ['chromium', 'chromium-headless-shell', 'chromium-browser', 'google-chrome'];

/** The program, or null where this machine has none. `CHROMIUM` names another one. */
export const chromiumPath: string | null = find();

function find(): string | null {
  const given = process.env['CHROMIUM'];
  if (given !== undefined && given !== '') return given;
  for (const name of names) {
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // The next one.
    }
  }
  if (process.env['WAYSIDE_NEEDS_CHROMIUM'] === '1') throw new Error('no Chromium on this machine');
  console.warn('SKIPPED: no Chromium on this machine (apt-get install chromium-headless-shell).');
  return null;
}

export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath ?? '',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
}

/** One person's browser: its cookies, its page, and everything that the page complained of. */
export interface PersonsBrowser {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly complaints: readonly string[];
}

export async function openBrowser(browser: Browser): Promise<PersonsBrowser> {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return { context, page, complaints };
}

/** A platform authenticator that verifies its holder (WebAuthn, section 11.2), for this page. */
export async function addAuthenticator({ context, page }: PersonsBrowser): Promise<void> {
  const session = await context.newCDPSession(page);
  await session.send('WebAuthn.enable');
  await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}
