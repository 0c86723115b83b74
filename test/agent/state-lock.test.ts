// One process per state folder; the kernel lets go when it dies.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockState } from '../../agent/state-lock.ts';
import { openFolder } from '../support/folder.ts';

const holder = `
import { lockState } from ${JSON.stringify(new URL('../../agent/state-lock.ts', import.meta.url).pathname)};
lockState(process.argv[1], process.pid);
process.stdout.write('held\\n');
setInterval(() => undefined, 1000);
`;

test('a second process is refused by the name of the first, and gets the folder when that is killed', async () => {
  using folder = openFolder();
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', holder, folder.path]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  expect(() => lockState(folder.path, 1)).toThrow(`Process ${String(child.pid)}`);
  const gone = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGKILL');
  await gone;
  const lock = lockState(folder.path, process.pid);
  expect(() => lockState(folder.path, 1)).toThrow(expect.objectContaining({ code: 'state_locked' }));
  lock.release();
  expect(existsSync(join(folder.path, 'lock.pid'))).toBe(false);
  lockState(folder.path, process.pid).release();
});

test('a folder that cannot be written is told', () => {
  expect(() => lockState('/proc', 1)).toThrow(expect.objectContaining({ code: 'state_unusable' }));
});
