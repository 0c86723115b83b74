// What the kernel says of a process (proc(5)): the CPU time that it has used and the memory that it holds. Both are
// steadier on a busy machine than any duration. Elsewhere than on Linux they are not a number.
import { readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';

/** `getconf CLK_TCK` is 100 on every Linux that Node runs on. */
const msPerTick = 10;

/** CPU time of all its threads so far, in user and kernel mode, ms. */
export function cpuMs(process: Pick<ChildProcess, 'pid'>): number {
  try {
    const stat = readFileSync(`/proc/${process.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * msPerTick;
  } catch {
    return Number.NaN;
  }
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
