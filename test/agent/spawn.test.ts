import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../agent/clock.ts';
import { readProcess } from '../../agent/processes.ts';
import { startProcess } from '../../agent/spawn.ts';
import { isAlive, noKeeper, path, pidsOf, startScript } from '../support/children.ts';

const surroundings = { clock: systemClock(), keeper: noKeeper, fence: null };

function start(file: string, args: readonly string[] = []): ReturnType<typeof startProcess> {
  return startProcess({ file, args, dir: '/', env: { PATH: path }, runId: 'r' }, surroundings);
}

test('a process leads its own group and session', async () => {
  const child = await startScript('echo pid $$; exec sleep 300');
  await pidsOf(child.printed, 1);
  expect(readProcess(child.pid)).toMatchObject({
    group: child.pid,
    session: child.pid,
    startTime: child.startTime,
  });
  expect(readProcess(child.pid)?.group).not.toBe(readProcess(process.pid)?.group);
  await child.stop(0);
});

test('its environment is exactly what it was given', async () => {
  const child = await startProcess(
    { file: '/usr/bin/env', args: ['-0'], dir: '/', env: { A: '1', B: 'x y' }, runId: 'r' },
    surroundings,
  );
  let printed = '';
  await child.read((_stream, chunk) => {
    printed += Buffer.from(chunk).toString();
    return Promise.resolve();
  });
  expect(printed.split('\0').filter(Boolean).sort()).toEqual(['A=1', 'B=x y']);
});

test('arguments arrive as they are, the empty one too', async () => {
  const child = await start('printf', ['[%s]', '', 'a b', '$HOME', '*', "'"]);
  let printed = '';
  await child.read((_stream, chunk) => {
    printed += Buffer.from(chunk).toString();
    return Promise.resolve();
  });
  expect(printed).toBe(`[][a b][$HOME][*][']`);
});

test('what it prints is read no faster than it is taken, and not kept', async () => {
  let taken = 0;
  const gate = Promise.withResolvers<undefined>();
  const child = await startScript('echo pid $$; head -c 20000000 /dev/zero; echo written', {
    take: async (chunk) => {
      taken += chunk.length;
      await gate.promise;
    },
  });
  await pidsOf(child.printed, 1);
  await delay(300);
  // Nothing beyond the first chunk and what the pipe holds: the writer waits.
  expect(taken).toBeLessThan(100_000);
  expect(isAlive(child.pid)).toBe(true);
  gate.resolve(undefined);
  await child.exited;
  expect(await child.cleanUp()).toBeNull();
  expect(taken).toBeGreaterThan(20_000_000);
  expect(child.printed().endsWith('written\n')).toBe(true);
});

test('a slow reader loses nothing of a process that has ended', async () => {
  const child = await startScript('seq 1 8000', { take: () => delay(400) });
  await child.exited;
  expect(await child.cleanUp()).toBeNull();
  expect(child.printed()).toMatch(/\n8000\n$/);
});

test('something left behind that holds a pipe is stopped, and the reading ends', async () => {
  const child = await startScript('sleep 300 & echo pid $!; setsid sleep 300 & echo pid $!; exit 0');
  const pids = await pidsOf(child.printed, 2);
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(await child.cleanUp()).toMatchObject({ stopped: 2, survivors: [] });
  await child.reading;
  expect(pids.filter(isAlive)).toEqual([]);
});

test('something left behind in the group is stopped also when it holds no pipe', async () => {
  const child = await startScript('sleep 300 >/dev/null 2>&1 & echo pid $!');
  const [pid = 0] = await pidsOf(child.printed, 1);
  await child.exited;
  expect(await child.cleanUp()).toMatchObject({ stopped: 1 });
  expect(isAlive(pid)).toBe(false);
});

test.each([
  ['a missing program', '/no/such/program', 'exec_not_found', /\/no\/such\/program was not found/],
  ['a name that PATH does not have', 'no-such-program', 'exec_not_found', /no-such-program was not found/],
  ['a file that is not executable', '/etc/passwd', 'exec_not_permitted', /may not be executed/],
  ['a folder', '/etc', 'exec_not_permitted', /may not be executed/],
])('%s is said by name', async (_what, file, code, message) => {
  await expect(start(file)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as string,
  });
});

test('arguments beyond the limit of the system are said', async () => {
  await expect(start('true', ['x'.repeat(3_000_000)])).rejects.toMatchObject({ code: 'exec_failed' });
});
