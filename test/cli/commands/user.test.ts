// The commands of sign-in over a real server: users, sessions, elevation, identity providers.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser } from '../../support/browser.ts';
import { runCli } from '../../support/cli.ts';
import { openFolder } from '../../support/folder.ts';
import type { Folder } from '../../support/folder.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

const password = 'a horse in the staircase';
let server: TestServer;
let folder: Folder;
beforeAll(async () => {
  folder = openFolder();
  server = await startTestServer();
});
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

const cli = (args: readonly string[], options: { readonly token?: string; readonly input?: string } = {}) =>
  runCli(
    { url: server.url, token: options.token ?? server.token, folder: folder.path } as never,
    args,
    options.input,
  );

async function open(url: string): Promise<Browser> {
  const code = new URL(url).searchParams.get('code') ?? '';
  const browser = new Browser(server.url);
  const seen = await browser.submit('/sign-in/setup', { code, password, again: password });
  expect(seen.path).toBe('/account');
  return browser;
}

test('a user is invited, signs in, is seen, and is signed out', async () => {
  const invited = await cli(['user', 'invite', 'ada', '--expires', '10m']);
  expect(invited).toMatchObject({ code: 0, stderr: expect.stringContaining('Once:') });
  expect(invited.stdout).toMatch(/^http:\/\/localhost:\d+\/sign-in\/setup\?code=[\w-]{43}\n$/);
  const browser = await open(invited.stdout.trim());
  expect((await cli(['user', 'show', 'ada'])).stdout).toContain('authenticator   none');
  const listed = await cli(['--json', 'session', 'list', 'ada']);
  const [session] = JSON.parse(listed.stdout) as { id: string; amr: string[] }[];
  expect(session).toMatchObject({ amr: ['pwd'] });
  expect((await cli(['session', 'list', 'ada'])).stdout).toContain('SIGNED IN BY');
  expect((await cli(['session', 'end', session?.id ?? ''])).code).toBe(0);
  expect((await browser.get('/v1/whoami')).status).toBe(401);
  await browser.submit('/sign-in', { name: 'ada', password });
  expect((await browser.get('/v1/whoami')).status).toBe(200);
  expect((await cli(['user', 'sign-out', 'ada'])).code).toBe(0);
  expect((await browser.get('/v1/whoami')).status).toBe(401);
});

test('a user who exists is invited again, and reset with or without their factors', async () => {
  expect((await cli(['user', 'invite', 'ada'])).code).toBe(0);
  const reset = await cli(['--json', 'user', 'reset', 'ada', '--remove-factors']);
  expect(JSON.parse(reset.stdout)).toMatchObject({ url: expect.stringContaining('/sign-in/setup?code=') });
  expect((await cli(['user', 'reset', 'nobody'])).code).toBe(1);
  expect((await cli(['user', 'invite', 'ada', '--expires', '9d'])).code).toBe(64);
});

test('elevation is of what somebody signed in with, and a token needs none', async () => {
  const reason = ['elevate', '--reason', 'a new colleague'];
  const { code, stderr } = await cli(reason, { input: password });
  expect([code, stderr]).toEqual([1, expect.stringContaining('A personal token has all its rights')]);
  expect((await cli(['elevate'])).code).toBe(64);
});

test('an identity provider is created, shown, changed, linked and removed, and its secret comes from a file', async () => {
  const secret = join(folder.path, 'secret');
  writeFileSync(secret, 'correct horse\n');
  await cli(['team', 'create', 'operators']);
  const create = [
    'identity-provider',
    'create',
    'corp',
    '--issuer',
    'https://login.example.com',
    '--client-id',
    'w',
  ];
  const made = await cli([
    ...create,
    '--client-secret-file',
    secret,
    '--create-users',
    '--domain',
    'example.com',
  ]);
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/\/sign-in\/callback\/corp\n$/) });
  expect((await cli(['identity-provider', 'list'])).stdout).toContain('https://login.example.com');
  const shown = await cli(['identity-provider', 'show', 'corp']);
  expect(shown.stdout).toMatch(/domains {9}example\.com\nmakes users {5}yes/);
  expect(shown.stdout).not.toContain('correct horse');
  const update = ['identity-provider', 'update', 'corp', '--disable', '--no-create-users', '--public'];
  const changed = await cli(['--json', ...update]);
  expect(JSON.parse(changed.stdout)).toMatchObject({
    enabled: false,
    creates_users: false,
    has_secret: false,
  });
  expect((await cli(['identity-provider', 'link', 'corp', 'sub-1', 'ada'])).code).toBe(0);
  expect((await cli(['user', 'show', 'ada'])).stdout).toContain('corp as sub-1');
  expect((await cli(['identity-provider', 'remove', 'corp'])).code).toBe(0);
  expect((await cli(['identity-provider', 'show', 'corp'])).code).toBe(1);
  for (const wrong of [
    ['--team', 'x'],
    ['--public', '--client-secret-file', secret],
    ['--scopes', 'email'],
  ]) {
    expect((await cli([...create, ...wrong])).code, wrong.join(' ')).toBe(64);
  }
});
