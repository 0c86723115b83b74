// The agent's only clock. Boot time counts suspension, which a monotonic clock does not, so that a laptop that slept
// or a machine that was paused cannot take an old `go` for a fresh one (rules.md 7).
import { openSync, readFileSync, readSync } from 'node:fs';
import { uptime } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from './contract.ts';

/** The clock of this machine. Boot time has a resolution of 10 ms on Linux and of a second elsewhere. */
export function systemClock(): Clock {
  const boot = bootReader();
  return {
    now: () => Date.now(),
    boot,
    sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
  };
}

/** `/proc/uptime` is the kernel's boot-time clock (proc(5)); elsewhere the platform's uptime has to do. */
function bootReader(): () => number {
  try {
    const file = openSync('/proc/uptime', 'r');
    const bytes = Buffer.alloc(64);
    return () => {
      const length = readSync(file, bytes, 0, bytes.length, 0);
      return Math.round(Number.parseFloat(bytes.toString('latin1', 0, length)) * 1_000);
    };
  } catch {
    return () => Math.round(uptime() * 1_000);
  }
}

/** Differs after each boot of the machine, so that a process id of an earlier one is never taken for ours. */
export function readBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return null;
  }
}
