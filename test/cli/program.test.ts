// The whole command tree: help with examples everywhere, JSON from everything that lists or shows, no way to pass a
// secret as a word, and 64 for every wrong word. In this process, over the real API.
import type { Command } from 'commander';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../cli/program.ts';
import { advertise } from '../support/advertise.ts';
import { runCli } from '../support/cli.ts';
import { openFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';
import { must } from '../support/people.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let folder: Folder;
let run = '';
beforeAll(async () => {
  folder = openFolder();
  server = await startTestServer();
  const p = '/v1/projects/default';
  const { id } = (await must(server.api('POST', `${p}/groups`, { name: 'prod', description: 'a\u001b[2Jb' })))
    .body;
  const inputs = {
    type: 'object',
    properties: {
      version: { type: 'string', pattern: '^v' },
      token: { type: 'string', 'x-wayside-sensitive': true },
    },
    required: ['version'],
  };
  advertise(server.dataFolder, {
    group: id,
    agent: 'basement',
    operations: [{ operation: 'promote', inputs }],
  });
  await must(server.api('POST', `${p}/actions`, { name: 'promote', group: 'prod', operation: 'promote' }));
  await must(server.api('PUT', `${p}/variables/region`, { value: ['eu', 12] }));
  await must(server.api('POST', '/v1/principals', { name: 'ada' }));
  run = (await must(server.api('POST', `${p}/actions/promote/runs`, { inputs: { version: 'v1' } }))).body.id;
});
afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

const cli = (...args: string[]) =>
  runCli({ url: server.url, token: server.token, folder: folder.path } as never, args);

function commands(): readonly { readonly path: string; readonly command: Command }[] {
  const nothing = { write: () => true };
  const program = buildProgram({
    environment: {},
    streams: { stdout: nothing, stderr: nothing },
    stdin: process.stdin,
    exit: () => undefined,
  });
  const below = (command: Command, path: string): { path: string; command: Command }[] =>
    command.commands.flatMap((child) => {
      const here = `${path} ${child.name()}`.trim();
      const own = child.commands.length === 0 || here === 'server' ? [{ path: here, command: child }] : [];
      return [...own, ...below(child, here)];
    });
  return below(program, '');
}

describe('every command', () => {
  test.each(commands().map(({ path, command }) => [path, command] as const))(
    '%s says what it does, with an example of itself',
    async (path, command) => {
      expect(command.description().length).toBeGreaterThan(10);
      for (const option of command.options)
        expect(option.description, `${path} ${option.flags}`).not.toBe('');
      const { code, stdout } = await cli(...path.split(' '), '--help');
      expect(code).toBe(0);
      expect(stdout).toMatch(/Examples?:\n/);
      const examples = stdout.slice(stdout.search(/Examples?:\n/));
      expect(examples).toMatch(new RegExp(`wayside (--json )?${path}`));
    },
  );

  test('does not repeat a secret that was given as a word', async () => {
    const { code, stderr } = await cli('variable', 'set', 'deploy_token', '--sensitive', 'hunter-two');
    expect(code).toBe(64);
    expect(stderr).toContain('too many arguments');
    expect(stderr).not.toContain('hunter-two');
  });

  test('takes no secret as a word', () => {
    for (const { path, command } of commands()) {
      for (const { long } of command.options) {
        expect(long, path).not.toMatch(/^--(token|password|passphrase|value|key|private-key)$/);
      }
    }
  });
});

describe('--json', () => {
  const lists = [
    ...[
      'project list',
      'principal list',
      'token list',
      'token list ada',
      'binding list',
      'group list',
      'agent list',
    ],
    ...['action list', 'variable list', 'run list', 'schedule list', 'audit list', 'keyring list'],
    ...['pki list', 'pki role list'],
    ...['binding list --on projects/default', 'run list --state active --limit 1'],
  ];
  test.each(lists)('%s prints one array', async (call) => {
    const { code, stdout, stderr } = await cli('--json', ...call.split(' '));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.endsWith('\n')).toBe(true);
    expect(JSON.parse(stdout)).toBeInstanceOf(Array);
  });

  const shows = [
    ...[
      'whoami',
      'organization',
      'project show default',
      'principal show ada',
      'group show prod',
      'agent show basement',
    ],
    ...['action show promote', 'variable show region', 'audit head', 'audit verify', 'pki root'],
    ...['pki show root', 'pki crl data-plane', 'pki export intermediate', 'pki role show agent'],
    ...['can-i wayside.run.start', 'group token prod', 'token create --name x'],
  ];
  test.each(shows)('%s prints one object', async (call) => {
    const { code, stdout } = await cli('--json', ...call.split(' '));
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({});
    expect(stdout).not.toContain('\u001b');
  });

  test('run show prints one object, run logs and run watch one line an event', async () => {
    expect(JSON.parse((await cli('--json', 'run', 'show', run)).stdout)).toMatchObject({
      id: run,
      state: 'queued',
    });
    expect((await cli('--json', 'run', 'logs', run)).stdout).toBe('');
    expect(JSON.parse((await cli('--json', 'run', 'cancel', run)).stdout)).toMatchObject({
      result: 'canceled',
    });
    const { code, stdout } = await cli('--json', 'run', 'watch', run);
    expect(code).toBe(130);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string });
    expect(lines.map(({ kind }) => kind)).toEqual(['state', 'state', 'run']);
  });

  test('a failure is one line of JSON with its code', async () => {
    const { code, stdout, stderr } = await cli('--json', 'group', 'show', 'none');
    expect([code, stdout]).toEqual([1, '']);
    expect(JSON.parse(stderr)).toMatchObject({ code: 'not_found' });
  });
});

describe('for people', () => {
  test.each([
    ['whoami', 'owner (user) of default'],
    ['organization', 'default  trust domain'],
    ['project list', 'default'],
    ['principal list', 'ada'],
    ['group show prod', 'agents online 0 of 1'],
    ['agent list', 'basement'],
    ['agent update basement --description boiler', 'boiler'],
    ['audit settings show', 'Events are kept'],
    ['audit tail -n 2', 'allowed'],
    ['action show promote', 'input version (string, required, matches ^v)'],
    ['action show promote', 'input token (string, optional, sensitive)'],
    ['variable show region', 'region = ["eu",12]'],
    ['keyring list', 'VERSION'],
    ['audit list --limit 3', 'WHO'],
    ['audit verify', 'whole'],
    ['can-i wayside.run.start', 'yes'],
    ['schedule list', 'CRON'],
    ['run list', 'promote #1'],
  ])('%s says %s', async (call, text) => {
    const { code, stdout } = await cli(...call.split(' '));
    expect(code).toBe(0);
    expect(stdout).toContain(text);
  });

  test('what others wrote cannot control the terminal', async () => {
    const { stdout } = await cli('group', 'show', 'prod');
    expect(stdout).toContain('prod  ab');
    expect(stdout).not.toContain('\u001b');
  });
});

describe('the whole life of things', () => {
  const ok = async (...args: string[]) => {
    const ended = await cli(...args);
    expect(ended.code, `${args.join(' ')}: ${ended.stderr}`).toBe(0);
    return ended;
  };

  test('of a project, its group, action and variable', async () => {
    await ok('project', 'create', 'shop', '--description', 'sells');
    const inShop = (...args: string[]) => ok('--project', 'shop', ...args);
    await inShop('group', 'create', 'g', '--pinned');
    await inShop('group', 'accept', 'g', 'promote', 'sha256:x');
    expect((await inShop('action', 'create', 'a', '--group', 'g')).stdout).toContain('No agent advertises');
    expect((await inShop('action', 'create', '--publish-all', 'g')).stderr).toContain('Kept: a');
    await inShop('action', 'delete', 'a');
    await inShop('group', 'delete', 'g');
    await ok('project', 'delete', 'shop');
    expect((await cli('--project', 'shop', 'group', 'list')).code).toBe(1);
  });

  test('of a principal, its role and its tokens', async () => {
    await ok('principal', 'create', 'ben', '--service');
    await ok('binding', 'create', 'ben', 'viewer', '--on', 'projects/default');
    const issued = (
      await ok('token', 'create', 'ben', '--name', 'ci', '--expires', '1h', '--permission', 'iam.self.read')
    ).stdout;
    expect(issued).toMatch(/^wsp_\S+\n$/);
    const as = { url: server.url, token: issued.trim(), folder: folder.path } as never;
    expect((await runCli(as, ['whoami'])).stdout).toContain('ben (service)');
    expect((await runCli(as, ['group', 'list'])).stderr).toContain('You need wayside.group.read');
    const [token] = JSON.parse((await ok('--json', 'token', 'list', 'ben')).stdout) as { id: string }[];
    await ok('token', 'revoke', token?.id ?? '');
    expect((await runCli(as, ['whoami'])).code).toBe(77);
    await ok('principal', 'disable', 'ben');
  });

  test('of the keyring and the record', async () => {
    expect((await ok('keyring', 'rotate')).stdout).toContain('Version 2 is in use');
    expect((await cli('keyring', 'destroy', '1')).code).toBe(1);
    expect((await cli('keyring', 'destroy', 'x')).code).toBe(64);
    const head = join(folder.path, 'head.json');
    writeFileSync(head, (await ok('audit', 'head')).stdout);
    expect((await ok('audit', 'verify', '--against', head)).stdout).toContain('whole');
    writeFileSync(head, '{}');
    const wrong = await cli('audit', 'verify', '--against', head);
    expect([wrong.code, wrong.stderr]).toEqual([
      64,
      `Error: ${head} cannot be used: it is not what \`wayside audit head\` prints.\n`,
    ]);
    expect((await cli('audit', 'verify', '--against', '/none')).code).toBe(64);
  });
});

test.each([
  ['nonsense'],
  ['group create'],
  ['group create x y'],
  ['group list --nonsense'],
  ['run list --limit x'],
  ['run list --limit 0'],
  ['audit list --limit -1'],
  ['run start promote --input version'],
  ['run start promote --input unknown=1'],
  ['run start promote --input version=1'],
  ['run start promote --input token=hunter2'],
  ['run start promote --secret token'],
  ['run start promote --secret token=/none'],
  ['run start promote --expires soon'],
  ['run start promote --priority 101'],
  ['variable set x --bind nowhere'],
  ['--url nonsense whoami'],
  ['token create'],
  ['server --port 70000'],
  ['server --host 0.0.0.0'],
  ['server --trust-domain UPPER'],
  ['login --ca-file /none'],
])('%s is a mistake in the words, and ends with 64', async (call) => {
  const { code, stderr, stdout } = await cli(...call.split(' '));
  expect([code, stdout]).toEqual([64, '']);
  expect(stderr).not.toBe('');
  expect(stderr).not.toContain('Bug:');
});
