import { describe, expect, test } from 'vitest';
import { systemClock } from '../../agent/clock.ts';
import { stopTree } from '../../agent/stop.ts';
import { isAlive, pidsOf, startScript } from '../support/children.ts';
import type { Child } from '../support/children.ts';

const clock = systemClock();

async function stopAndCheck(
  child: Child,
  { pids, graceMs = 300 }: { pids: number; graceMs?: number },
): Promise<void> {
  const all = await pidsOf(child.printed, pids);
  for (const pid of all) expect(isAlive(pid)).toBe(true);
  const report = await child.stop(graceMs);
  await child.exited;
  await child.reading;
  expect(report.survivors).toEqual([]);
  expect([child.pid, ...all].filter(isAlive)).toEqual([]);
}

describe('stopping leaves nobody alive', () => {
  test('of a tree of three levels', async () => {
    await stopAndCheck(await startScript('sh -c "sleep 300 & echo pid \\$!; wait" & echo pid $!; wait'), {
      pids: 2,
    });
  });

  test('that called setsid and so left group and session', async () => {
    await stopAndCheck(await startScript('setsid sh -c "echo pid \\$\\$; exec sleep 300" & sleep 300'), {
      pids: 1,
    });
  });

  test('that forked twice and was adopted by init', async () => {
    await stopAndCheck(await startScript('(setsid sh -c "(sleep 300 & echo pid \\$!) &") & sleep 300'), {
      pids: 1,
    });
  });

  test('that dropped its environment and its session while its parent lives', async () => {
    const script = 'env -i setsid /bin/sh -c "echo pid \\$\\$; exec /bin/sleep 300" & sleep 300';
    await stopAndCheck(await startScript(script), { pids: 1 });
  });

  test('that ignores the request to terminate', async () => {
    await stopAndCheck(await startScript(`trap '' TERM; echo pid $$; while :; do sleep 0.05; done`), {
      pids: 1,
    });
  });

  test('that is stopped and could not handle a signal', async () => {
    await stopAndCheck(await startScript('sleep 300 & echo pid $!; kill -STOP $!; sleep 300'), { pids: 1 });
  });

  test('that goes on forking', async () => {
    const script = `trap '' TERM; f() { while :; do (exec sleep 0.2) & sleep 0.02; done; }; f & f & echo pid $!; f`;
    await stopAndCheck(await startScript(script), { pids: 1, graceMs: 100 });
  });

  test('whose leader has ended before', async () => {
    const child = await startScript(
      'setsid sh -c "echo pid \\$\\$; exec sleep 300" & sleep 300 & echo pid $!; exit 3',
    );
    expect(await child.exited).toEqual({ code: 3, signal: null });
    await stopAndCheck(child, { pids: 2 });
  });
});

test('what terminates in time may tidy up, and is not killed', async () => {
  const child = await startScript(
    `trap 'echo tidied; exit 7' TERM; echo pid $$; while :; do sleep 0.05; done`,
  );
  await pidsOf(child.printed, 1);
  await child.stop(5_000);
  expect(await child.exited).toEqual({ code: 7, signal: null });
  expect(child.printed()).toContain('tidied');
});

test('a grace of nothing kills at once', async () => {
  const child = await startScript(
    `trap 'echo tidied; exit 7' TERM; echo pid $$; while :; do sleep 0.05; done`,
  );
  await pidsOf(child.printed, 1);
  await child.stop(0);
  expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
});

test('a process that only has the number of a leader long gone is left alone', async () => {
  const stranger = await startScript('echo pid $$; exec sleep 300');
  await pidsOf(stranger.printed, 1);
  const report = await stopTree(
    { leader: stranger.pid, startTime: '1', runId: 'another run' },
    { graceMs: 0, clock },
  );
  expect(report).toEqual({ stopped: 0, survivors: [] });
  expect(isAlive(stranger.pid)).toBe(true);
  await stranger.stop(0);
});
