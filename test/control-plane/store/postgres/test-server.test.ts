// The database of these tests itself: it must not outlive them.
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { runProcess } from '../run-process.ts';
import { isMissing } from './database.ts';

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

it.skipIf(isMissing)('goes with the process that started it, and its folder too', async () => {
  const { child, line, ended } = runProcess('start-postgres.ts', []);
  const { port, folder } = JSON.parse(await line(() => true)) as {
    readonly port: number;
    readonly folder: string;
  };
  expect(await isListening(port)).toBe(true);

  child.kill('SIGKILL');
  await ended;
  await expect.poll(() => isListening(port), { timeout: 10_000 }).toBe(false);
  await expect.poll(() => existsSync(folder), { timeout: 10_000 }).toBe(false);
});
