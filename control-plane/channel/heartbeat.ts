// Finds the half-open connection: pings one peer at its own moment of the interval, and counts what stays silent.
import type { ChannelClock } from './contract.ts';

export interface HeartbeatOptions {
  readonly intervalMs: number;
  readonly missesMax: number;
  readonly clock: ChannelClock;
  readonly ping: () => void;
  /** Nothing was heard for `missesMax` intervals. */
  readonly lost: () => void;
  /** Called once in each interval, before its ping. */
  readonly turn: () => void;
  /** While this is true the socket is not read by our own choice, and silence means nothing. */
  readonly isDeaf: () => boolean;
}

export interface Heartbeat {
  /** Something arrived: a frame, a ping, a pong. */
  heard(): void;
  stop(): void;
}

/** The first ping comes at a random moment of the interval, so that thousands of peers never share one. */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { clock, intervalMs, missesMax } = options;
  let isAlive = true;
  let misses = 0;
  const beat = (): void => {
    options.turn();
    misses = isAlive || options.isDeaf() ? 0 : misses + 1;
    if (misses >= missesMax) {
      options.lost();
      return;
    }
    isAlive = false;
    options.ping();
    cancel = clock.after(intervalMs, beat);
  };
  let cancel = clock.after(clock.random() * intervalMs, beat);
  return {
    heard() {
      isAlive = true;
    },
    stop() {
      cancel();
    },
  };
}
