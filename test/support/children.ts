// What tests of processes share: children with a scrubbed environment, and a look at who is still alive.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../agent/clock.ts';
import type { Fence } from '../../agent/fence.ts';
import type { Keeper } from '../../agent/keeper.ts';
import { readProcess } from '../../agent/processes.ts';
import { startProcess } from '../../agent/spawn.ts';
import type { RunningProcess } from '../../agent/spawn.ts';

export const path = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

export const noKeeper: Keeper = {
  watch: () => undefined,
  forget: () => undefined,
  watchContainer: () => undefined,
  forgetContainer: () => undefined,
  watchFence: () => undefined,
  forgetFence: () => undefined,
  close: () => undefined,
};

export interface Child extends RunningProcess {
  readonly runId: string;
  /** Everything printed so far, both streams. */
  printed(): string;
  readonly reading: Promise<void>;
}

/** Starts a shell script as an operation would, and collects what it prints. */
export async function startScript(
  script: string,
  {
    keeper = noKeeper,
    runId = randomUUID(),
    fence = null,
    take = () => Promise.resolve(),
  }: {
    readonly keeper?: Keeper;
    readonly runId?: string;
    readonly fence?: Fence | null;
    readonly take?: (chunk: Uint8Array) => Promise<void>;
  } = {},
): Promise<Child> {
  const running = await startProcess(
    { file: 'sh', args: ['-c', script], dir: '/', env: { PATH: path, WAYSIDE_RUN_ID: runId }, runId },
    { clock: systemClock(), keeper, fence },
  );
  let printed = '';
  const reading = running.read(async (_stream, chunk) => {
    printed += Buffer.from(chunk).toString();
    await take(chunk);
  });
  return { ...running, runId, reading, printed: () => printed };
}

export function isAlive(pid: number): boolean {
  return readProcess(pid) !== null;
}

/** Waits until `check` holds; fails after ten seconds with what was waited for. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  for (let round = 0; round < 1_000; round += 1) {
    if (await check()) return;
    await delay(10);
  }
  throw new Error(`waited ten seconds for ${what}`);
}

/** The pids that a script printed as `pid 123`, once there are `count` of them. */
export async function pidsOf(printed: () => string, count: number): Promise<readonly number[]> {
  const read = (): number[] => [...printed().matchAll(/pid (\d+)\n/g)].map((match) => Number(match[1]));
  await until(`${count} pids in ${printed()}`, () => read().length >= count);
  return read();
}
