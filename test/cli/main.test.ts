// The command line as real processes: exit codes, secrets, colour, and what is said when something is wrong.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { advertise } from '../support/advertise.ts';
import { openFolder } from '../support/folder.ts';
import { openAuthority } from '../support/openssl.ts';
import type { Folder } from '../support/folder.ts';
import { makePerson, must } from '../support/people.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';
import { wayside } from '../support/wayside.ts';

let server: TestServer;
let home: Folder;
beforeAll(async () => {
  home = openFolder();
  server = await startTestServer();
  const { id } = (await must(server.api('POST', '/v1/projects/default/groups', { name: 'prod' }))).body;
  const token = { type: 'string', 'x-wayside-sensitive': true };
  const inputs = { type: 'object', properties: { version: { type: 'string' }, token } };
  advertise(server.dataFolder, { group: id, operations: [{ operation: 'promote', inputs }] });
  const action = { name: 'promote', group: 'prod', operation: 'promote' };
  await must(server.api('POST', '/v1/projects/default/actions', action));
});
afterAll(async () => {
  await server.close();
  home[Symbol.dispose]();
});

const environment = (more: Record<string, string> = {}) => ({
  HOME: home.path,
  WAYSIDE_URL: server.url,
  WAYSIDE_TOKEN: server.token,
  ...more,
});
const asOwner = (...args: string[]) => wayside(args, { environment: environment() });

describe('the exit code tells whose turn it is', () => {
  test('0: done', async () => {
    expect(await asOwner('whoami')).toMatchObject({ code: 0, stderr: '' });
    expect(await asOwner('--help')).toMatchObject({ code: 0, stderr: '' });
    expect((await asOwner('--version')).stdout).toBe('0.1.0\n');
  });

  test('1: refused by the server, with the decision that can be explained', async () => {
    const viewer = await makePerson(server, { roles: [{ role: 'viewer' }] });
    const as = environment({ WAYSIDE_TOKEN: viewer.token });
    const refused = await wayside(['group', 'create', 'x'], { environment: as });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('You need wayside.group.create');
    const decision = /decision ([0-9a-f-]{36})/.exec(refused.stderr)?.[1] ?? '';
    const shown = await asOwner('decision', 'show', decision);
    expect(shown.stdout).toContain('no: no role there gives it');
    expect(shown.stdout).toContain('viewer on organization does not give it');
    const json = await wayside(['--json', 'group', 'create', 'x'], { environment: as });
    expect(JSON.parse(json.stderr)).toMatchObject({ code: 'forbidden', permission: 'wayside.group.create' });
    expect((await wayside(['can-i', 'wayside.group.create'], { environment: as })).code).toBe(1);
  });

  test('64: the words of the call are wrong', async () => {
    for (const call of [['nonsense'], ['run', 'start', 'promote', '--input', 'unknown=1']]) {
      const ended = await asOwner(...call);
      expect(ended.code).toBe(64);
      expect(ended.stderr).not.toBe('');
    }
  });

  test('68: the server is not there; 77: not signed in', async () => {
    const nowhere = await wayside(['--url', 'http://127.0.0.1:1', 'whoami'], { environment: environment() });
    expect(nowhere.code).toBe(68);
    expect(nowhere.stderr).toContain('Is `wayside server` running there?');
    const nobody = await wayside(['whoami'], { environment: environment({ WAYSIDE_TOKEN: '' }) });
    expect(nobody.code).toBe(77);
    expect(nobody.stderr).toContain('wayside login');
    const wrong = await wayside(['whoami'], { environment: environment({ WAYSIDE_TOKEN: 'wsp_wrong' }) });
    expect(wrong.code).toBe(77);
  });

  test('130: the run was canceled; and what happened is shown', async () => {
    const following = wayside(['run', 'start', 'promote', '--input', 'version=v1', '--follow'], {
      environment: environment(),
    });
    const runs = () => server.api('GET', '/v1/projects/default/runs?state=queued');
    await eventually(async () => (await runs()).body.items.length).toBeGreaterThan(0);
    const id = (await runs()).body.items[0]?.id ?? '';
    const canceled = await asOwner('run', 'cancel', id, '--reason', 'enough');
    expect(canceled).toMatchObject({ code: 0, stdout: 'Canceled; it had not started.\n' });
    const { code, stdout } = await following;
    expect(code).toBe(130);
    expect(stdout).toContain('• queued');
    expect(stdout).toContain('• canceled');
    expect((await asOwner('run', 'watch', id)).code).toBe(130);
    expect((await asOwner('run', 'cancel', id)).code).toBe(1);
  });
});

describe('signing in', () => {
  test('stores the token for its server alone, readable by its owner alone, and never on a command line', async () => {
    using folder = openFolder();
    const alone = { HOME: folder.path };
    const lines: string[] = [];
    const ended = await wayside(['--url', server.url, 'login'], {
      environment: alone,
      input: `${server.token}\n`,
      onStart: (pid) => {
        if (process.platform === 'linux') lines.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      },
    });
    expect(ended).toMatchObject({ code: 0, stdout: `Signed in to ${server.url} as owner.\n` });
    expect(lines.join('')).not.toContain(server.token);
    const path = join(folder.path, '.config/wayside/config.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await wayside(['whoami'], { environment: alone })).stdout).toContain('owner (user) of default');
    const elsewhere = await wayside(['--url', server.url.replace('127.0.0.1', 'localhost'), 'whoami'], {
      environment: alone,
    });
    expect(elsewhere.code).toBe(77);
    expect((await wayside(['logout'], { environment: alone })).code).toBe(0);
    expect((await wayside(['--url', server.url, 'whoami'], { environment: alone })).code).toBe(77);
  }, 60_000);

  test('with a wrong token stores nothing', async () => {
    using folder = openFolder();
    const ended = await wayside(['--url', server.url, 'login'], {
      environment: { HOME: folder.path },
      input: 'wsp_x',
    });
    expect(ended.code).toBe(77);
    expect(() => statSync(join(folder.path, '.config'))).toThrow();
  });
});

// util-linux's `script` gives a command a terminal.
test.skipIf(spawnSync('script', ['--version']).status !== 0)(
  'a prompt does not show what is typed',
  async () => {
    using folder = openFolder();
    const program = join(import.meta.dirname, '../../cli/main.ts');
    const command = `'${process.execPath}' '${program}' --url ${server.url} login --with-token`;
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { PATH: process.env['PATH'], HOME: folder.path, SHELL: '/bin/sh' },
    });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    await eventually(() => shown).toContain('Token: ');
    child.stdin.write(`${server.token}\r`);
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
    expect(shown).toContain('as owner.');
    expect(shown).not.toContain(server.token);
  },
);

test('a secret comes from a file or standard input, and is refused on the command line', async () => {
  using folder = openFolder();
  const file = join(folder.path, 'secret');
  writeFileSync(file, 'hunter2-hunter2\n');
  const refused = await asOwner('run', 'start', 'promote', '--input', 'token=hunter2-hunter2');
  expect(refused.code).toBe(64);
  expect(refused.stderr).toContain('--secret token=FILE');
  expect(refused.stderr).not.toContain('hunter2');
  const pressed = await asOwner('--json', 'run', 'start', 'promote', '--secret', `token=${file}`);
  expect(JSON.parse(pressed.stdout)).toMatchObject({ inputs: { token: { sensitive: true } } });
  const set = await wayside(['variable', 'set', 'token', '--sensitive', '--bind', 'promote.token'], {
    environment: environment(),
    input: 'from-standard-input\n',
  });
  expect(set).toMatchObject({ code: 0, stdout: 'Stored token, sealed.\n' });
  expect((await asOwner('variable', 'show', 'token')).stdout).toContain('token = (sensitive)');
});

test('colour is for terminals, and for who insists', async () => {
  const colored = async (more: Record<string, string>) =>
    (await wayside(['run', 'list'], { environment: environment(more) })).stdout.includes('\u001b[');
  await asOwner('run', 'start', 'promote');
  expect(await colored({})).toBe(false);
  expect(await colored({ FORCE_COLOR: '1' })).toBe(true);
  expect(await colored({ NO_COLOR: '1' })).toBe(false);
});

describe('wayside server', () => {
  test('has its data folder for itself, and names who else has it', async () => {
    const alone = await startTestServer({ mode: 'process' });
    try {
      const second = await wayside(['--json', 'server', '--data', alone.dataFolder, '--port', '0']);
      expect(second.code).toBe(1);
      expect(JSON.parse(second.stderr)).toMatchObject({ code: 'store_locked', pid: alone.process?.pid });
    } finally {
      await alone.close();
    }
  });

  test('speaks TLS where it is told to, and the command line knows whom to trust', async () => {
    using folder = openFolder();
    await using authority = await openAuthority();
    const issued = await authority.issue({
      extensions: ['extendedKeyUsage=serverAuth', 'subjectAltName=IP:127.0.0.1'],
    });
    const files = { cert: issued.cert + authority.chain, key: issued.key, ca: authority.root };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, name), text);
    const secure = await startTestServer({
      options: { 'tls-cert': join(folder.path, 'cert'), 'tls-key': join(folder.path, 'key') },
    });
    try {
      expect(secure.url).toMatch(/^https:/);
      const alone = { HOME: folder.path };
      const login = (...more: string[]) =>
        wayside(['--url', secure.url, 'login', ...more], { environment: alone, input: secure.token });
      expect((await login()).code).toBe(68);
      expect(await login('--ca-file', join(folder.path, 'ca'))).toMatchObject({ code: 0, stderr: '' });
      expect((await wayside(['whoami'], { environment: alone })).code).toBe(0);
    } finally {
      await secure.close();
    }
  });

  test('says in words what keeps it from starting', async () => {
    using folder = openFolder();
    const port = new URL(server.url).port;
    const free = ['--agent-port', '0', '--enroll-port', '0'];
    const taken = await wayside(['server', '--data', join(folder.path, 'a'), '--port', port, ...free]);
    expect(taken.code).toBe(1);
    expect(taken.stderr).toContain(`Error: The port ${port} on 127.0.0.1 for the API is in use.`);
    const open = await wayside(['server', '--data', join(folder.path, 'b'), '--host', '0.0.0.0', ...free]);
    expect(open.code).toBe(64);
    expect(open.stderr).toContain('Tokens would cross the network in the clear');
  });
});
