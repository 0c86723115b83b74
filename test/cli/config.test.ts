import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configPath, readConfig, writeConfigFile } from '../../cli/config.ts';
import { openFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';

let folder: Folder;
beforeEach(() => (folder = openFolder()));
afterEach(() => folder[Symbol.dispose]());

const here = (more: Record<string, string> = {}) => ({ HOME: folder.path, ...more });
const stored = { url: 'https://wayside.internal', token: 'wsp_stored', project: 'shop', ca: 'PEM' };

test('is written for its owner alone, also over a file that others could read', async () => {
  const path = configPath(here());
  expect(path).toBe(`${folder.path}/.config/wayside/config.json`);
  expect(configPath(here({ XDG_CONFIG_HOME: '/etc/x' }))).toBe('/etc/x/wayside/config.json');
  await writeConfigFile(path, stored);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  chmodSync(path, 0o644);
  await writeConfigFile(path, stored);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(dirname(path))).toEqual(['config.json']);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(stored);
});

describe('flags win over the environment, that over the file, that over the defaults', () => {
  test('without anything', async () => {
    const nothing = { url: 'http://127.0.0.1:7400', token: null, project: 'default', ca: null };
    expect(await readConfig(here())).toEqual(nothing);
    expect(await readConfig(here({ WAYSIDE_URL: '', WAYSIDE_TOKEN: '', WAYSIDE_PROJECT: '' }))).toEqual(
      nothing,
    );
  });

  test('with all of them', async () => {
    await writeConfigFile(configPath(here()), stored);
    expect(await readConfig(here())).toEqual(stored);
    const environment = here({
      WAYSIDE_URL: 'http://x:1/',
      WAYSIDE_TOKEN: 'wsp_env',
      WAYSIDE_PROJECT: 'env',
    });
    expect(await readConfig(environment)).toEqual({
      url: 'http://x:1',
      token: 'wsp_env',
      project: 'env',
      ca: null,
    });
    const flags = { url: 'https://y/prefix/', project: 'flag' };
    expect(await readConfig(environment, flags)).toMatchObject({ url: 'https://y/prefix', project: 'flag' });
  });
});

test('a stored token goes to no other server than the one it was stored for', async () => {
  await writeConfigFile(configPath(here()), stored);
  expect(await readConfig(here(), { url: 'https://evil.example' })).toMatchObject({ token: null, ca: null });
  expect(await readConfig(here({ WAYSIDE_URL: 'http://wayside.internal' }))).toMatchObject({ token: null });
  expect(await readConfig(here(), { url: 'https://wayside.internal/' })).toMatchObject({
    token: 'wsp_stored',
  });
});

test('WAYSIDE_CA_FILE names the authorities for this once', async () => {
  const path = `${folder.path}/ca.pem`;
  writeFileSync(path, 'PEM OF A FILE');
  await writeConfigFile(configPath(here()), stored);
  expect(await readConfig(here({ WAYSIDE_CA_FILE: path }))).toMatchObject({ ca: 'PEM OF A FILE' });
  await expect(readConfig(here({ WAYSIDE_CA_FILE: `${path}.not` }))).rejects.toMatchObject({
    code: 'invalid_configuration',
  });
});

test.each([
  'wayside.internal',
  'ftp://x',
  'javascript:alert(1)',
  'http://',
  'https://x?y',
  'https://user:secret@x',
])('%s is not the address of a server', async (url) => {
  await expect(readConfig(here(), { url })).rejects.toMatchObject({ code: 'invalid_configuration' });
  await expect(readConfig(here(), { url })).rejects.not.toThrow('secret@');
});

test('a broken file is named, and what to do about it', async () => {
  const path = configPath(here());
  await writeConfigFile(path, stored);
  for (const text of ['{', '[]', '{"token":5}', '']) {
    writeFileSync(path, text);
    await expect(readConfig(here())).rejects.toThrow(`${path} is not valid. Delete it and sign in again`);
  }
});
