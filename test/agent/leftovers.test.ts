import { expect, test } from 'vitest';
import { readBootId, systemClock } from '../../agent/clock.ts';
import { killLeftovers } from '../../agent/leftovers.ts';
import type { SpawnRecord } from '../../agent/leftovers.ts';
import { isAlive, pidsOf, startScript } from '../support/children.ts';
import type { Child } from '../support/children.ts';

const bootId = readBootId();
const options = { clock: systemClock(), bootId, killContainer: () => Promise.resolve(true) };

function recordOf(child: Child, changes: Partial<SpawnRecord> = {}): SpawnRecord {
  const { pid, startTime, runId } = child;
  return { operation: 'o', pid, group: pid, startTime, container: null, runId, bootId, ...changes };
}

test('a group whose leader matches in everything is killed with its descendants', async () => {
  const script =
    'env -i /bin/sleep 300 & echo pid $!; env -i setsid /bin/sh -c "echo pid \\$\\$; exec /bin/sleep 300" & wait';
  const child = await startScript(script);
  const pids = await pidsOf(child.printed, 2);
  const done = await killLeftovers({ records: [recordOf(child, { runId: 'untagged' })], runs: [] }, options);
  expect(done).toEqual({ killed: 3, survivors: [] });
  expect([child.pid, ...pids].filter(isAlive)).toEqual([]);
});

test('every process that carries the tag of the run is killed, wherever it is', async () => {
  const child = await startScript('(setsid sh -c "(sleep 300 & echo pid \\$!) &")');
  const pids = await pidsOf(child.printed, 1);
  await child.exited;
  expect(await killLeftovers({ records: [], runs: [child.runId] }, options)).toEqual({
    killed: 1,
    survivors: [],
  });
  expect(pids.filter(isAlive)).toEqual([]);
});

test.each([
  ['start time', { startTime: '1' }],
  ['boot', { bootId: 'an earlier one' }],
])('a group whose leader has another %s is a stranger', async (_what, changes) => {
  const child = await startScript('exec sleep 300');
  const done = await killLeftovers(
    { records: [recordOf(child, { runId: 'other', ...changes })], runs: [] },
    options,
  );
  expect(done).toEqual({ killed: 0, survivors: [] });
  expect(isAlive(child.pid)).toBe(true);
  await child.stop(0);
});

test('what cannot be proved to be ours is named', async () => {
  // Until env has begun, the child still carries the tag of the run; hence the pause.
  const child = await startScript('env -i /bin/sleep 300 & sleep 0.5; echo pid $!; exit 0');
  const [pid = 0] = await pidsOf(child.printed, 1);
  await child.exited;
  const done = await killLeftovers({ records: [recordOf(child)], runs: [] }, options);
  expect(done).toEqual({ killed: 0, survivors: [`process ${pid} (sleep) may be left over`] });
  expect(isAlive(pid)).toBe(true);
  await child.stop(0);
});

test('containers are killed by name, and one that cannot be is named', async () => {
  const record = { operation: 'o', pid: null, group: null, startTime: null, runId: 'r', bootId };
  const asked: string[] = [];
  const done = await killLeftovers(
    {
      records: [
        { ...record, container: 'wayside-a' },
        { ...record, container: 'wayside-b' },
      ],
      runs: [],
    },
    {
      ...options,
      killContainer: (name) => {
        asked.push(name);
        return name === 'wayside-a' ? Promise.resolve(true) : Promise.reject(new Error('no engine answers'));
      },
    },
  );
  expect(asked).toEqual(['wayside-a', 'wayside-b']);
  expect(done).toEqual({ killed: 1, survivors: ['container wayside-b: no engine answers'] });
});
