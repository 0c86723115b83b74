// `wayside login` by a browser, the renewal of what it keeps, `logout`, and the commands about services and tokens.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { decodeJwt, exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildProgram, runProgram } from '../../../cli/program.ts';
import { Browser, makePerson, openWorld, post, whoami } from '../../control-plane/oauth/world.ts';
import type { Person, World } from '../../control-plane/oauth/world.ts';

let world: World;
let ada: Person;
let home: string;

beforeAll(async () => {
  world = await openWorld();
  ada = await makePerson(world, { name: 'ada', roles: [{ role: 'owner' }] });
});
afterAll(() => world.close());

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'wayside-login-'));
  return () => rmSync(home, { recursive: true, force: true });
});

const configFile = () => join(home, '.config/wayside/config.json');
const stored = () =>
  JSON.parse(readFileSync(configFile(), 'utf8')) as {
    token: string;
    sign_in?: { refresh_token: string; expires_at: number };
  };

/** Runs a command; `said` sees what it has written so far, for commands that wait for a person. */
async function wayside(
  args: readonly string[],
  options: {
    readonly token?: string;
    readonly input?: string;
    readonly said?: (stderr: string) => void;
  } = {},
) {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: false,
    write: (chunk: string | Uint8Array) => {
      written[name] += Buffer.from(chunk as string).toString();
      if (name === 'stderr') options.said?.(written.stderr);
      return true;
    },
  });
  let code = 0;
  const surroundings = {
    environment: {
      WAYSIDE_URL: world.url,
      HOME: home,
      NO_COLOR: '1',
      ...(options.token === undefined ? {} : { WAYSIDE_TOKEN: options.token }),
    },
    streams: { stdout: stream('stdout'), stderr: stream('stderr') },
    stdin: Readable.from([options.input ?? '']),
    exit: (next: number) => {
      code = next;
    },
  };
  await runProgram(buildProgram(surroundings as never), args, surroundings as never);
  return { code, ...written };
}

/** Confirms, or stops, the device whose page and code a command shows. */
function confirming(browser: Browser, answer: 'confirm' | 'abort' = 'confirm') {
  let begun = false;
  return (stderr: string) => {
    const address = /(\S+\/device\?user_code=\S+)/.exec(stderr)?.[1];
    if (begun || address === undefined) return;
    begun = true;
    void confirm(browser, address, answer);
  };
}

async function confirm(browser: Browser, address: string, answer: 'confirm' | 'abort'): Promise<void> {
  const fieldsOf = (html: string) =>
    Object.fromEntries(
      [...html.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
    );
  const filled = await browser.open(address);
  const asked = await browser.open('/device', fieldsOf(filled.text));
  const { abort: _abort, ...fields } = fieldsOf(asked.text);
  await browser.open('/device', answer === 'confirm' ? fields : { ...fields, abort: 'yes' });
}

function adasBrowser(): Browser {
  const browser = new Browser(world);
  browser.signIn(ada.id);
  return browser;
}

const login = (said: (stderr: string) => void) => wayside(['login', '--device'], { said });

describe('login', () => {
  test('shows a page and a code, waits, and keeps what the browser confirmed', async () => {
    const done = await login(confirming(adasBrowser()));
    expect(done).toMatchObject({ code: 0, stdout: `Signed in to ${world.url} as ada.\n` });
    expect(done.stderr).toContain(`${world.url}/device\n`);
    expect(done.stderr).toMatch(/enter the code [A-Z]{4}-[A-Z]{4}/);
    expect(statSync(configFile()).mode & 0o777).toBe(0o600);
    expect(stored().token).toMatch(/^wsa_/);
    expect((await wayside(['whoami'])).stdout).toContain('ada (user)');
  });

  test('ends with the exit code of what was canceled where the person stops it', async () => {
    const done = await login(confirming(adasBrowser(), 'abort'));
    expect([done.code, done.stdout]).toEqual([130, '']);
    expect(done.stderr).toContain('stopped in the browser');
  });

  test('takes a token too, piped or asked for', async () => {
    const piped = await wayside(['login'], { input: `${ada.token}\n` });
    expect(piped).toMatchObject({ code: 0, stdout: `Signed in to ${world.url} as ada.\n` });
    expect(stored()).toMatchObject({ token: ada.token });
    const asked = await wayside(['login', '--with-token'], { input: ada.token });
    expect(asked.code).toBe(0);
    const out = await wayside(['logout']);
    expect(out.stderr).toContain('token itself still works');
    expect((await whoami(world, ada.token)).status).toBe(200);
  });
});

describe('what is kept', () => {
  test('is renewed before it lapses, by one of many that need it at once', async () => {
    await login(confirming(adasBrowser()));
    const before = stored();
    const old = { ...before, sign_in: { ...before.sign_in, expires_at: Date.now() + 10_000 } };
    writeFileSync(configFile(), JSON.stringify(old), { mode: 0o600 });
    const all = await Promise.all(Array.from({ length: 6 }, () => wayside(['whoami'])));
    expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(all.map(() => [0, '']));
    const after = stored();
    expect(after.token).not.toBe(before.token);
    expect(after.sign_in?.refresh_token).not.toBe(before.sign_in?.refresh_token);
    expect(after.sign_in?.expires_at).toBeGreaterThan(Date.now() + 500_000);
    expect(statSync(configFile()).mode & 0o777).toBe(0o600);
    expect((await whoami(world, after.token)).status).toBe(200);
  });

  test('says what to do when the sign-in has ended', async () => {
    await login(confirming(adasBrowser()));
    const before = stored();
    await world.oauth.revokeAllOf(ada.id);
    writeFileSync(
      configFile(),
      JSON.stringify({ ...before, sign_in: { ...before.sign_in, expires_at: Date.now() } }),
    );
    const late = await wayside(['whoami']);
    expect(late.code).toBe(77);
    expect(late.stderr).toContain('Your sign-in has ended. Sign in again with `wayside login`.');
  });

  test('ends at the server too with logout', async () => {
    await login(confirming(adasBrowser()));
    const { token, sign_in } = stored();
    expect((await wayside(['logout'])).stderr).toBe('Signed out, here and at the server.\n');
    expect((await whoami(world, token)).status).toBe(401);
    const again = await post(world, '/oauth2/token', {
      grant_type: 'refresh_token',
      client_id: 'wayside-cli',
      refresh_token: sign_in?.refresh_token ?? '',
    });
    expect(again.body.error).toBe('invalid_grant');
    expect((await wayside(['whoami'])).code).toBe(77);
  });
});

const asOwner = (...args: readonly string[]) => wayside(args, { token: world.token });

test('a service gets a credential, uses it, and loses it', async () => {
  expect((await asOwner('service', 'create', 'ci')).stdout).toContain('Created ci.');
  const made = await asOwner(
    'service',
    'credential',
    'create',
    'ci',
    '--name',
    'pipeline',
    '--permission',
    'iam.self.read',
  );
  expect(made.stderr).toContain('not shown again');
  const clientId = /client id +(\S+)/.exec(made.stdout)?.[1] ?? '';
  const clientSecret = /client secret +(\S+)/.exec(made.stdout)?.[1] ?? '';
  const ask = () =>
    post(world, '/oauth2/token', { grant_type: 'client_credentials' }, { as: { clientId, clientSecret } });
  expect((await ask()).body).toMatchObject({ scope: 'iam.self.read' });
  expect((await asOwner('service', 'credential', 'list', 'ci')).stdout).toContain('pipeline');
  expect((await asOwner('service', 'credential', 'revoke', clientId)).code).toBe(0);
  expect((await ask()).status).toBe(401);

  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const [open, secret] = [join(home, 'public.jwk'), join(home, 'private.jwk')];
  writeFileSync(open, JSON.stringify(await exportJWK(publicKey)));
  writeFileSync(secret, JSON.stringify(await exportJWK(privateKey)));
  const keyed = await asOwner('service', 'credential', 'create', 'ci', '--name', 'keyed', '--key-file', open);
  expect([keyed.code, keyed.stdout.includes('secret')]).toEqual([0, false]);
  const wrong = await asOwner(
    'service',
    'credential',
    'create',
    'ci',
    '--name',
    'oops',
    '--key-file',
    secret,
  );
  expect([wrong.code, wrong.stderr.includes('keep this one to yourself')]).toEqual([64, true]);
});

test('a token is exchanged for a narrower one, and for one that acts for somebody', async () => {
  const narrow = await asOwner(
    'token',
    'exchange',
    '--permission',
    'iam.self.read',
    '--on',
    'projects/default',
  );
  expect(narrow.code).toBe(0);
  expect(decodeJwt(narrow.stdout.trim())).toMatchObject({ scope: 'iam.self.read' });
  const acting = await asOwner('token', 'exchange', '--as', 'ada');
  expect(decodeJwt(acting.stdout.trim())).toMatchObject({
    sub: ada.id,
    act: { sub: expect.any(String) as string },
  });
  const wider = await wayside(['token', 'exchange'], { token: narrow.stdout.trim() });
  expect(wider.code).toBe(0);
  const refused = await wayside(['token', 'exchange', '--permission', 'iam.binding.read'], {
    token: narrow.stdout.trim(),
  });
  expect([refused.code, refused.stderr.includes('invalid_scope')]).toEqual([64, true]);
});

test('issuers, applications and keys have their commands', async () => {
  await asOwner('service', 'create', 'deployer');
  const federation = await asOwner(
    ...['federation', 'create', 'github', '--service', 'deployer', '--issuer', 'https://ci.example'],
    ...['--audience', 'wayside', '--condition', 'claims.repository == "acme/shop"'],
  );
  expect(federation).toMatchObject({ code: 0, stderr: '' });
  expect((await asOwner('federation', 'list')).stdout).toContain('https://ci.example');
  const { stdout: application } = await asOwner(
    ...['client', 'create', 'tickets', '--redirect-uri', 'https://tickets.example/cb'],
  );
  const id = /client id +(\S+)/.exec(application)?.[1] ?? '';
  expect((await asOwner('client', 'list')).stdout).toContain('https://tickets.example/cb');
  expect((await asOwner('client', 'delete', id)).code).toBe(0);
  const before = (await asOwner('--json', 'token-key', 'list')).stdout;
  expect((await asOwner('token-key', 'rotate')).code).toBe(0);
  const [first] = JSON.parse(before) as { kid: string }[];
  expect((await asOwner('token-key', 'list')).stdout).toContain('retired');
  expect((await asOwner('token-key', 'remove', first?.kid ?? '')).code).toBe(0);
});
