// A control group for each run where the kernel and the agent's rights allow one (cgroups(7), version 2): whatever a
// run starts is in it and cannot leave it by setsid, by forking twice or by dropping its environment. Where there is
// none, processes are found by their group, session, parents and tag.
//
// The groups are threaded ones. Into such a group a single thread can step, which takes some fifty microseconds; into
// any other only a whole process, for which the kernel waits until every processor has been through its scheduler: ten
// milliseconds and more in which the agent could do nothing else.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signal } from './processes.ts';

export interface Fence {
  readonly path: string;
  /**
   * Calls `start`, which forks at once, from inside: what it starts is in from its first instruction on. The agent's
   * own thread steps in and out, because a process could fork before it is moved.
   */
  within<Result>(start: () => Result): Result;
  /** Everything alive in it. */
  pids(): readonly number[];
  /** Freezes everything in it, so that nothing is forked any more, and kills it. */
  kill(): void;
  /** Takes the empty group away; one that is not empty stays. */
  remove(): void;
}

export interface Fences {
  /** A new one for a run, or null where that is not possible. */
  open(runId: string): Fence | null;
  /** The one that an earlier process of the agent made for a run, or null. */
  find(runId: string): Fence | null;
}

export const noFences: Fences = { open: () => null, find: () => null };

/** Fences below the agent's own control group. Whether that is possible shows when the first is opened. */
export function createFences(): Fences {
  const base = ownGroup();
  if (base === null) return noFences;
  const pathOf = (runId: string): string => join(base, `wayside-${runId.replaceAll(/[^A-Za-z0-9-]/g, '-')}`);
  let possible = true;
  return {
    open: (runId) => {
      if (!possible) return null;
      const path = pathOf(runId);
      try {
        mkdirSync(path);
        writeFileSync(join(path, 'cgroup.type'), 'threaded');
        return fenceAt(path, base);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return fenceAt(path, base);
        possible = false;
        return null;
      }
    },
    find: (runId) => {
      const path = pathOf(runId);
      return existsSync(join(path, threads)) ? fenceAt(path, base) : null;
    },
  };
}

/** Reading the processes of a threaded group is refused; its threads are told. */
const threads = 'cgroup.threads';

/** The folder of the group that this process is in; null without version 2. */
function ownGroup(): string | null {
  try {
    const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
    const mount = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .find((fields) => fields[fields.indexOf('-') + 1] === 'cgroup2')?.[4];
    return own === undefined || mount === undefined ? null : join(mount, own);
  } catch {
    return null;
  }
}

function fenceAt(path: string, base: string): Fence {
  const pids = (): readonly number[] => {
    try {
      const ids = readFileSync(join(path, threads), 'latin1').split('\n').filter(Boolean).map(Number);
      return [...new Set(ids.map(processOf))];
    } catch {
      return [];
    }
  };
  return {
    path,
    within: (start) => {
      const isInside = move(path);
      try {
        return start();
      } finally {
        if (isInside) move(base);
      }
    },
    pids,
    kill: () => {
      const inside = pids();
      // Should the agent ever have got stuck in it, it must not freeze itself.
      if (inside.length === 0 || inside.includes(process.pid)) return;
      try {
        writeFileSync(join(path, 'cgroup.freeze'), '1');
      } catch {
        // An older kernel: whoever goes on killing until nothing is left wins all the same.
      }
      for (const pid of pids()) signal(pid, 'SIGKILL');
    },
    remove: () => {
      try {
        rmdirSync(path);
      } catch {
        // What is in it was named as a survivor.
      }
    },
  };
}

/** Moves this thread; zero stands for who writes. */
function move(group: string): boolean {
  try {
    writeFileSync(join(group, threads), '0');
    return true;
  } catch {
    return false;
  }
}

/** The process of a thread (proc(5)); the thread itself where it is gone by now. */
function processOf(thread: number): number {
  try {
    const status = readFileSync(`/proc/${thread}/status`, 'latin1');
    return Number(/^Tgid:\s+(\d+)/m.exec(status)?.[1] ?? thread);
  } catch {
    return thread;
  }
}
