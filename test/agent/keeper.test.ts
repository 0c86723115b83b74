import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createKeeper } from '../../agent/keeper.ts';
import { listProcesses } from '../../agent/processes.ts';
import { isAlive, path, pidsOf, startScript, until } from '../support/children.ts';

const script = 'setsid sh -c "echo pid \\$\\$; exec sleep 300" & sleep 300 & echo pid $!; sleep 300';

async function killAgentThatRuns(mode: 'keep' | 'alone'): Promise<readonly number[]> {
  const file = join(import.meta.dirname, '../support/programs/kept-agent.ts');
  const agent = spawn(process.execPath, [file, script, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  agent.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  const pids = await pidsOf(() => printed, 2);
  for (const pid of pids) expect(isAlive(pid)).toBe(true);
  agent.kill('SIGKILL');
  await once(agent, 'exit');
  return pids;
}

async function keepers(): Promise<readonly number[]> {
  return (await listProcesses()).flatMap(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').endsWith('\0wayside-keeper\0') ? [pid] : [];
    } catch {
      return [];
    }
  });
}

test('when the agent is killed, what it had started dies at once, also what left the session', async () => {
  const pids = await killAgentThatRuns('keep');
  await until('the children to be dead', () => !pids.some(isAlive));
});

test('without the keeper it would live on', async () => {
  const pids = await killAgentThatRuns('alone');
  await delay(300);
  expect(pids.filter(isAlive)).toEqual(pids);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
});

test('what was forgotten is spared, and a closed keeper kills nothing and goes', async () => {
  const before = new Set(await keepers());
  const keeper = createKeeper({ env: { PATH: path } });
  const spared = await startScript('echo pid $$; exec sleep 300', { keeper });
  await pidsOf(spared.printed, 1);
  await until('the keeper', async () => (await keepers()).some((pid) => !before.has(pid)));
  keeper.close();
  await until('the keeper to go', async () => (await keepers()).every((pid) => before.has(pid)));
  expect(isAlive(spared.pid)).toBe(true);
  await spared.stop(0);
});

test('a keeper that someone killed is started again with all that is watched', async () => {
  const before = new Set(await keepers());
  const keeper = createKeeper({ env: { PATH: path } });
  const first = await startScript('exec sleep 300', { keeper });
  let mine: readonly number[] = [];
  await until('the keeper', async () => {
    mine = (await keepers()).filter((pid) => !before.has(pid));
    return mine.length === 1;
  });
  process.kill(mine[0] ?? 0, 'SIGKILL');
  await until('the keeper to be dead', async () => !(await keepers()).includes(mine[0] ?? 0));
  await delay(50);
  const second = await startScript('exec sleep 300', { keeper });
  await until('another keeper', async () => (await keepers()).some((pid) => !before.has(pid)));
  await first.stop(0);
  await second.stop(0);
  keeper.close();
});

test('a container that is watched is killed by its engine', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wayside-keeper-'));
  const engine = join(folder, 'engine');
  const log = join(folder, 'log');
  writeFileSync(engine, `#!/bin/sh\necho "$@" >> ${log}\n`);
  chmodSync(engine, 0o755);
  const agent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { createKeeper } from ${JSON.stringify(join(import.meta.dirname, '../../agent/keeper.ts'))};
       const keeper = createKeeper({ env: { PATH: ${JSON.stringify(path)} } });
       keeper.watchContainer({ engine: ${JSON.stringify(engine)}, name: 'forgotten' });
       keeper.watchContainer({ engine: ${JSON.stringify(engine)}, name: 'wayside-1' });
       keeper.forgetContainer({ engine: ${JSON.stringify(engine)}, name: 'forgotten' });
       setTimeout(() => process.kill(process.pid, 'SIGKILL'), 200);
       setInterval(() => {}, 1000);`,
    ],
    { stdio: 'inherit' },
  );
  await once(agent, 'exit');
  await until('the engine to be called', () => existsSync(log) && readFileSync(log, 'utf8').endsWith('\n'));
  await delay(100);
  expect(readFileSync(log, 'utf8')).toBe('kill wayside-1\n');
  rmSync(folder, { recursive: true });
});
