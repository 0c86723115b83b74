import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../agent/clock.ts';
import { createFences } from '../../agent/fence.ts';
import { createKeeper } from '../../agent/keeper.ts';
import { killLeftovers } from '../../agent/leftovers.ts';
import { isAlive, path, pidsOf, startScript, until } from '../support/children.ts';
import { runText } from '../support/run-action.ts';

const fences = createFences();
const probe = fences.open(`probe-${randomUUID()}`);
probe?.remove();

/** Leaves session, parents and environment behind: nothing but the fence knows it. */
const escape = `env -i /usr/bin/setsid /bin/sh -c '(/bin/sleep 300 & echo pid $!)'`;

// Control groups of version 2 need root, or a group that was handed over to the agent.
test.skipIf(probe === null)('what nothing else shows is stopped by the fence', async () => {
  const runId = randomUUID();
  const fence = fences.open(runId);
  const child = await startScript(`${escape}; sleep 300`, { runId, fence });
  const pids = await pidsOf(child.printed, 1);
  await child.stop(100);
  expect(pids.filter(isAlive)).toEqual([]);
  fence?.remove();
  expect(fences.find(runId)).toBeNull();
});

test.skipIf(probe === null)('a run leaves neither process nor control group behind', async () => {
  const text = `group "g" {\n action "a" {\n run {\n command = "${escape.replaceAll('$', '$').replaceAll('"', '\\"')} >&2; sleep 0.1"\n }\n }\n}`;
  const told = await runText(text, { host: { fences } });
  const [pid = 0] = [...told.stderr.matchAll(/pid (\d+)/g)].map((match) => Number(match[1]));
  expect(pid).toBeGreaterThan(1);
  expect(isAlive(pid)).toBe(false);
  expect(told.outcome).toMatchObject({ result: 'succeeded', survivors: [] });
  expect(fences.find(told.runId)).toBeNull();
});

test.skipIf(probe === null)('a restarted agent finds the fence of a run by its name', async () => {
  const runId = randomUUID();
  const fence = fences.open(runId);
  const child = await startScript(`${escape}; exit 0`, { runId, fence });
  const pids = await pidsOf(child.printed, 1);
  await child.exited;
  const done = await killLeftovers(
    { records: [], runs: [runId] },
    {
      clock: systemClock(),
      bootId: null,
      killContainer: () => Promise.resolve(false),
      fences: createFences(),
    },
  );
  expect(done).toEqual({ killed: 1, survivors: [] });
  expect(pids.filter(isAlive)).toEqual([]);
  expect(existsSync(fence?.path ?? '')).toBe(false);
});

test.skipIf(probe === null)('the keeper kills what is in it when the agent is killed', async () => {
  const runId = randomUUID();
  const fence = fences.open(runId);
  const keeper = createKeeper({ env: { PATH: path } });
  const child = await startScript(`${escape}; exit 0`, { runId, fence });
  const pids = await pidsOf(child.printed, 1);
  const agent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { createKeeper } from ${JSON.stringify(join(import.meta.dirname, '../../agent/keeper.ts'))};
       createKeeper({ env: { PATH: ${JSON.stringify(path)} } }).watchFence(${JSON.stringify(fence?.path)});
       setTimeout(() => process.kill(process.pid, 'SIGKILL'), 200);
       setInterval(() => {}, 1000);`,
    ],
    { stdio: 'inherit' },
  );
  await once(agent, 'exit');
  await until('the escaped process to be dead', () => !pids.some(isAlive));
  keeper.close();
  await until('the group to be empty', () => {
    fence?.remove();
    return fences.find(runId) === null;
  });
});

test('without control groups nothing is fenced, and nothing fails', async () => {
  const told = await runText('group "g" {\n action "a" {\n run {\n command = ["echo", "ok"]\n }\n }\n}', {
    host: { fences: { open: () => null, find: () => null } },
  });
  expect(told.stdout).toBe('ok\n');
});
