// `wayside store` on an embedded store; the moves between the engines are tested with the store itself.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { migrations } from '../../../control-plane/store/migrate.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite.ts';
import { runCli } from '../../support/cli.ts';
import { openFolder } from '../../support/folder.ts';
import type { Folder } from '../../support/folder.ts';

let folder: Folder;
beforeEach(() => {
  folder = openFolder();
});
afterEach(() => folder[Symbol.dispose]());

const wayside = (...args: string[]) => runCli({ url: '', token: '', folder: folder.path }, args);

test('status says what there is, also while a server uses it, and changes nothing', async () => {
  const data = join(folder.path, 'data');
  const store = await openSqliteStore({ dataFolder: data, trustDomain: 'acme.example' });
  const words = await wayside('store', 'status', '--data', data);
  expect(words).toMatchObject({ code: 0, stderr: '' });
  expect(words.stdout).toContain(store.incarnation);
  expect(words.stdout).toContain('acme.example');
  expect(words.stdout).not.toContain('pending');
  const { stdout } = await wayside('--json', 'store', 'status', '--data', data);
  expect(JSON.parse(stdout)).toMatchObject({
    engine: 'sqlite',
    incarnation: store.incarnation,
    trust_domain: 'acme.example',
    pending: [],
    moved_to: null,
    control_planes: null,
  });
  expect((JSON.parse(stdout) as { applied: unknown[] }).applied).toHaveLength(migrations.length);
  await store.close();
});

test('status of an empty folder says that there is nothing, and makes nothing', async () => {
  const data = join(folder.path, 'data');
  mkdirSync(data);
  const { code, stderr } = await wayside('store', 'status', '--data', data);
  expect(code).not.toBe(0);
  expect(stderr).toContain('There is no database in');
});

test('migrate makes the newest schema, and is harmless again', async () => {
  const data = join(folder.path, 'data');
  for (const time of ['first', 'second']) {
    const { code, stdout } = await wayside('store', 'migrate', '--data', data);
    expect([time, code]).toEqual([time, 0]);
    expect(stdout).toContain(`schema       ${migrations.length} ${migrations.at(-1)?.name ?? ''}`);
  }
});

test.each(['import', 'export'])(
  '%s asks for the database of PostgreSQL where none is named',
  async (name) => {
    const { code, stderr } = await wayside('store', name, '--data', join(folder.path, 'data'));
    expect(code).toBe(64);
    expect(stderr).toContain('set DATABASE_URL');
  },
);

test('a database that is not there is told, with what to do', async () => {
  const url = 'postgres://wayside@127.0.0.1:1/wayside?connections=2';
  const { code, stderr } = await wayside('store', 'status', '--database-url', url);
  expect(code).toBe(64);
  expect(stderr).toContain('connections is a number from 3');
  const secret = await wayside('store', 'status', '--database-url', 'postgres://a:secret@127.0.0.1/b');
  expect(secret.stderr).toContain('--database-password-file');
  expect(secret.stderr).not.toContain('secret');
});
