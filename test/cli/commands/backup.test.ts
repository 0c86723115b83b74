import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { registerBackup } from '../../../cli/commands/backup.ts';
import { registerRestore } from '../../../cli/commands/restore.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite.ts';
import { serve } from '../../control-plane/store/serve.ts';
import { temporaryFolder } from '../../control-plane/store/temporary.ts';

async function wayside(
  args: readonly string[],
  options: { readonly url?: string; readonly token?: string; readonly stdin?: string } = {},
) {
  const out: string[] = [];
  const err: string[] = [];
  let code = 0;
  const stdin = new PassThrough();
  stdin.end(options.stdin ?? '');
  const home = temporaryFolder();
  const surroundings = {
    environment: {
      HOME: home,
      WAYSIDE_URL: options.url ?? 'http://127.0.0.1:1',
      WAYSIDE_TOKEN: options.token,
    },
    streams: {
      stdout: { write: (text: string | Uint8Array) => out.push(String(text)) },
      stderr: { write: (text: string) => err.push(text) },
    },
    stdin: stdin as unknown as NodeJS.ReadStream,
    exit: (given: number) => {
      code = given;
    },
  };
  const program = new Command('wayside').option('--json').exitOverride();
  registerBackup(program, surroundings);
  registerRestore(program, surroundings);
  await program.parseAsync(args, { from: 'user' });
  return { code, out: out.join(''), err: err.join('') };
}

it('asks the running server, encrypts to a new key, and restores into another folder', async () => {
  const server = await serve();
  const folder = temporaryFolder();
  const [file, key, data] = [join(folder, 'a.backup'), join(folder, 'a.key'), join(folder, 'data')];
  const made = await wayside(['--json', 'backup', file, '--new-key', key], server);
  expect(made).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(made.out)).toEqual({ file, bytes: statSync(file).size });
  expect(statSync(key).mode & 0o777).toBe(0o600);
  const events = await server.store.db.selectFrom('audit_events').select('operation').execute();
  expect(events.map((event) => event.operation)).toContain('store.backup');

  const again = await wayside(['backup', file, '--key-file', key], server);
  expect(again.code).not.toBe(0);
  expect(again.err).toContain('already there');

  const restored = await wayside(['restore', file, '--data', data, '--key-file', key]);
  expect(restored).toMatchObject({ code: 0, err: '' });
  expect(restored.out).toMatch(/Ended: .* 1 personal tokens\./);
  expect(restored.out).toContain('wayside server owner-token --data');
  const store = await openSqliteStore({ dataFolder: data });
  expect(await store.db.selectFrom('organizations').select('name').execute()).toEqual([{ name: 'default' }]);
  await store.close();

  const other = join(folder, 'other');
  const kept = await wayside(['restore', file, '--data', other, '--key-file', key, '--keep-tokens']);
  expect(kept.out).toContain('1 personal tokens work as they did then');
});

it('gives the owner a token at once where the keyring is in the folder', async () => {
  const server = await serve();
  const folder = temporaryFolder();
  const [file, key] = [join(folder, 'a.backup'), join(folder, 'a.key')];
  await wayside(['backup', file, '--new-key', key], server);
  await server.close();
  const args = ['restore', file, '--data', server.dataFolder, '--key-file', key, '--replace'];
  const restored = await wayside(['--json', ...args]);
  expect(restored).toMatchObject({ code: 0, err: '' });
  const { token, tokens_ended } = JSON.parse(restored.out) as { token: string; tokens_ended: number };
  expect(tokens_ended).toBe(1);
  expect(token).toMatch(/^wsp_/);
  expect((await wayside(args)).out).toMatch(/^Token of owner, until .*\nwsp_/m);
});

it('reads the folder when no server runs, with a passphrase from standard input', async () => {
  const server = await serve();
  const file = join(temporaryFolder(), 'a.backup');
  const offline = ['backup', file, '--data', server.dataFolder, '--passphrase-file', '-'];
  const stdin = 'a long enough passphrase\n';
  const locked = await wayside(offline, { stdin });
  expect(locked.code).not.toBe(0);
  expect(locked.err).toContain(`Process ${process.pid}`);
  await server.close();
  expect(await wayside(offline, { stdin })).toMatchObject({ code: 0, err: '' });
  const data = temporaryFolder();
  const wrong = await wayside(['restore', file, '--data', data, '--passphrase-file', '-'], {
    stdin: 'not that passphrase',
  });
  expect(wrong.err).toContain('passphrase or key is wrong');
  expect((await wayside(['restore', file, '--data', data, '--passphrase-file', '-'], { stdin })).code).toBe(
    0,
  );
});

it('says what is wrong: a short passphrase, no key, a key that would be replaced, no server', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'a.backup');
  expect((await wayside(['backup', file], { stdin: 'short' })).err).toContain('at least 12 characters');
  writeFileSync(join(folder, 'key'), 'not a key');
  expect((await wayside(['backup', file, '--key-file', join(folder, 'key')])).err).toContain(
    'not a backup key',
  );
  expect((await wayside(['backup', file, '--new-key', join(folder, 'key')])).err).toContain(
    'never replaces a file',
  );
  expect(readFileSync(join(folder, 'key'), 'utf8')).toBe('not a key');
  const nobody = await wayside(['backup', file], { stdin: 'a long enough passphrase' });
  expect(nobody).toMatchObject({ code: 68 });
  expect(nobody.err).toContain('cannot be reached');
});
