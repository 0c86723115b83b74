// Every example of examples/oauth, run as it stands there, prints what docs/oauth.md says it prints.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Browser, makePerson, makeService, openWorld, post } from './control-plane/oauth/world.ts';
import type { World } from './control-plane/oauth/world.ts';

const root = join(import.meta.dirname, '..');
const hcp = '4edd6521-6eb9-4d78-9039-7ce8569d667c';
const callback = 'http://localhost:8443/oidc/callback';

let world: World;
let environment: Record<string, string>;

beforeAll(async () => {
  world = await openWorld();
  const service = await makeService(world, { name: 'example' });
  const owner = await makePerson(world, { roles: [{ role: 'owner' }] });
  environment = {
    WAYSIDE_URL: world.url,
    CLIENT_ID: service.clientId,
    CLIENT_SECRET: service.clientSecret,
    REDUCED_TOKEN: await tokenOf(owner.id, 'single-factor'),
    ELEVATED_TOKEN: await tokenOf(owner.id, 'elevated'),
  };
});
afterAll(() => world.close());

async function tokenOf(person: string, acr: string): Promise<string> {
  const browser = new Browser(world);
  browser.signIn(person, acr);
  const asked = { client_id: hcp, redirect_uri: callback, response_type: 'code', scope: 'openid' };
  const arrived = await browser.open(`/oauth2/auth?${new URLSearchParams(asked).toString()}`);
  const code = new URL(arrived.url).searchParams.get('code') ?? '';
  const form = { grant_type: 'authorization_code', client_id: hcp, redirect_uri: callback, code };
  return (await post(world, '/oauth2/token', form)).body.access_token;
}

/** In the page, each example is followed by what it prints; `…` stands for what differs each time. */
const page = readFileSync(join(root, 'docs/oauth.md'), 'utf8');
const examples = [
  ...page.matchAll(/```sh\nnode (examples\/oauth\/[\w-]+\.ts)\n```\n\n```text\n([\s\S]*?)```/g),
];

test('the page shows the five that the notes ask for', () => {
  expect(examples.map(([, file]) => file)).toEqual([
    'examples/oauth/introspect.ts',
    'examples/oauth/exchange.ts',
    'examples/oauth/revoke.ts',
    'examples/oauth/verify.ts',
    'examples/oauth/elevated-or-reduced.ts',
  ]);
});

test.each(examples.map(([, file = '', printed = '']) => [file, printed]))(
  '%s prints what the page says',
  async (file, printed) => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, file)], { env: environment });
    const lines = stdout.trimEnd().split('\n');
    const expected = printed.trimEnd().split('\n');
    expect(lines.length, stdout).toBe(expected.length);
    for (const [index, line] of expected.entries()) {
      const pattern = line
        .split('…')
        .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('.+');
      expect(lines[index]).toMatch(new RegExp(`^${pattern}$`));
    }
  },
);
