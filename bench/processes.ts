// What the kernel says of a process (proc(5)): the CPU time that it has used and the memory that it holds. Both are
// steadier on a busy machine than any duration. Elsewhere than on Linux they are not a number.
import { readdirSync, readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';

/** `getconf CLK_TCK` is 100 on every Linux that Node runs on. */
const msPerTick = 10;

/** CPU time of all its threads so far, in user and kernel mode, ms. */
export function cpuMs(process: Pick<ChildProcess, 'pid'>): number {
  try {
    return timesOf(`/proc/${process.pid}/stat`).ms;
  } catch {
    return Number.NaN;
  }
}

/**
 * The same for each kind of thread that lives now, by the name that Node gives it: `node-MainThread`, `WorkerThread`
 * for one that the program started, `node-V8Worker` for the garbage collector's, `libuv-worker`.
 */
export function threadCpuMs(process: Pick<ChildProcess, 'pid'>): ReadonlyMap<string, number> {
  const kinds = new Map<string, number>();
  try {
    const threads = `/proc/${process.pid}/task`;
    for (const thread of readdirSync(threads)) {
      const { name, ms } = timesOf(`${threads}/${thread}/stat`);
      kinds.set(name, (kinds.get(name) ?? 0) + ms);
    }
  } catch {
    kinds.clear();
  }
  return kinds;
}

function timesOf(path: string): { readonly name: string; readonly ms: number } {
  const stat = readFileSync(path, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  return { name, ms: (Number(fields[11]) + Number(fields[12])) * msPerTick };
}

/** Resident memory, bytes. */
export function residentBytes(process: Pick<ChildProcess, 'pid'>): number {
  try {
    const status = readFileSync(`/proc/${process.pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
  } catch {
    return Number.NaN;
  }
}

/** CPU time of this process and of all that descend from it and live now, ms. */
export function treeCpuMs(): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It has ended meanwhile.
    }
  }
  const sum = (pid: number): number => {
    const own = cpuMs({ pid });
    const below = (children.get(pid) ?? []).map(sum);
    return below.reduce((all, ms) => all + ms, Number.isNaN(own) ? 0 : own);
  };
  return sum(process.pid);
}
