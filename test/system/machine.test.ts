// What the machine can do to a control plane: ports and folders that are taken, disks that cannot be written. Each is
// a sentence and a code, and nothing that was there is lost.
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runProgram } from '../support/processes.ts';
import { System } from '../support/system.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Of the user `nobody`, for whom a folder of root is read-only. */
const nobody = 65_534;
let system: System;

beforeAll(async () => {
  system = await System.open();
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
});

const anyPort = ['--port', '0', '--agent-port', '0', '--enroll-port', '0'];

function serve(...args: readonly string[]) {
  return runProgram('cli/main.ts', ['server', ...args], { cwd: system.folder });
}

test('a second control plane on the same data is told who holds it, and the first goes on', async () => {
  const second = await serve('--data', system.dataFolder, ...anyPort);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(String(system.server.pid));
  expect(second.stderr).not.toMatch(/^\s+at /m);
  expect((await system.api('GET', '/v1/projects')).status).toBe(200);
});

test.each(['port', 'agent-port', 'enroll-port'])('a taken --%s is named', async (option) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const data = join(system.folder, `data-${option}`);
  const refused = await serve('--data', data, ...anyPort, `--${option}`, String(port));
  taken.close();
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/port .*in use|in use.*port/i);
  expect(refused.stderr).not.toMatch(/^\s+at /m);
  // A first start that came to nothing has not given its only token away.
  expect(refused.stdout).not.toContain('wsp_');
});

test('a data folder that cannot be written is named', async () => {
  const folder = join(system.folder, 'read-only');
  mkdirSync(folder);
  writeFileSync(join(folder, 'something'), 'here');
  chmodSync(folder, 0o555);
  chmodSync(system.folder, 0o755);
  const asRoot = process.getuid?.() === 0;
  const refused = await runProgram('cli/main.ts', ['server', '--data', folder, ...anyPort], {
    ...(asRoot ? { uid: nobody } : {}),
  });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(folder);
  expect(refused.stderr).not.toMatch(/^\s+at /m);
});

test('a keyring that is gone or of another installation is not replaced by a new one', async () => {
  await system.stopServer('SIGTERM');
  const copy = join(system.folder, 'copy');
  cpSync(system.dataFolder, copy, { recursive: true });
  const keyring = readFileSync(join(copy, 'keyring.json'));
  writeFileSync(join(copy, 'keyring.json'), keyring.subarray(0, keyring.length / 2));
  const refused = await serve('--data', copy, ...anyPort);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/keyring/);
  expect(refused.stderr).not.toMatch(/^\s+at /m);
  await system.startServer();
  expect((await system.api('GET', '/v1/projects')).status).toBe(200);
});

test('what was written is there after every one of these', async () => {
  await system.createGroup('lasting');
  await system.stopServer('SIGKILL');
  await system.startServer();
  const { items } = await system.ask<{ items: { name: string }[] }>('GET', '/v1/projects/default/groups');
  expect(items.map(({ name }) => name)).toEqual(['lasting']);
});
