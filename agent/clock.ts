// The agent's only clock. Boot time counts suspension, which a monotonic clock does not, so that a laptop that slept
// or a machine that was paused cannot take an old `go` for a fresh one (rules.md 7).
import { openSync, readFileSync, readSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Clock } from './contract.ts';

/** The clock of this machine. Boot time has a resolution of 10 ms on Linux and of a second elsewhere. */
export function systemClock(): Clock {
  const read = bootReader();
  const wall = () => Date.now();
  return {
    now: wall,
    boot: bootBetween({ read, wall, monotonic: () => performance.now() }),
    sleep,
  };
}

/** As `node:timers/promises` has it, for a third of the price: that makes an error with a stack for each sleep cut short. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopped = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stopped);
      resolve();
    }, ms);
    if (signal?.aborted === true) stopped();
    else signal?.addEventListener('abort', stopped, { once: true });
  });
}

/** How long a reading of the boot time is carried on by the monotonic clock. */
const carriedMsMax = 100;
/** Further than this the wall clock does not run ahead of the monotonic one, unless the machine slept or it was set. */
const aheadMsMax = 5;

/**
 * Boot time without reading the kernel's for each question, of which a run has a dozen. Between two readings the
 * monotonic clock carries it on, as long as the wall clock, which counts suspension too, says the same.
 */
export function bootBetween(clocks: {
  readonly read: () => number;
  readonly wall: () => number;
  readonly monotonic: () => number;
}): () => number {
  let at = Number.NEGATIVE_INFINITY;
  let ahead = 0;
  let boot = 0;
  let latest = 0;
  return () => {
    const monotonic = clocks.monotonic();
    const aheadNow = clocks.wall() - monotonic;
    if (monotonic - at > carriedMsMax || Math.abs(aheadNow - ahead) > aheadMsMax) {
      [at, ahead, boot] = [monotonic, aheadNow, clocks.read()];
    }
    // A reading is rounded down, so the one after it may lie behind what was carried on.
    latest = Math.max(latest, Math.round(boot + monotonic - at));
    return latest;
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
