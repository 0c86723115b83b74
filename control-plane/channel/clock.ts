// The listener's only clock in production.
import type { ChannelClock } from './contract.ts';

/** Waits do not keep the process alive: a listener that has closed has nothing left to wait for. */
export function systemClock(): ChannelClock {
  return {
    now: () => Date.now(),
    after(ms, wake) {
      const timer = setTimeout(wake, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
  };
}
