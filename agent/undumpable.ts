// Keeps the memory of the agent, which holds keys and secrets, out of core dumps (rules.md 27). Node cannot call
// prctl(2), so other processes of the same user may still read it where the kernel lets them: that is said, not hidden.
import { readFileSync, writeFileSync } from 'node:fs';

export interface DumpReport {
  /** True when a core dump of this process would hold none of its memory (core(5), coredump_filter). */
  readonly memoryLeftOut: boolean;
  /** True when only ancestors may trace processes of this user (Yama, ptrace_scope); null where it is not known. */
  readonly tracingRestricted: boolean | null;
  /** What the operator can do, in sentences. */
  readonly advice: readonly string[];
}

export function leaveMemoryOutOfDumps(): DumpReport {
  const memoryLeftOut = writeFilter();
  const tracingRestricted = readScope();
  const advice: string[] = [];
  if (!memoryLeftOut)
    advice.push('Start the agent with core dumps off: LimitCORE=0 in its systemd unit, or ulimit -c 0.');
  if (tracingRestricted !== true) {
    advice.push(
      'Set kernel.yama.ptrace_scope to 1 or more, and run_as in the agent block, so that commands cannot read the memory of the agent.',
    );
  }
  return { memoryLeftOut, tracingRestricted, advice };
}

function writeFilter(): boolean {
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
    return true;
  } catch {
    return false;
  }
}

function readScope(): boolean | null {
  try {
    return Number(readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'latin1')) >= 1;
  } catch {
    return null;
  }
}
