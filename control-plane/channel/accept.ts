// Lets new connections begin their TLS handshake at a bounded rate. After an outage every agent redials at once, and
// a handshake costs more than a millisecond: without a bound nothing else would get a turn.
import type { Socket } from 'node:net';
import type { ChannelClock } from './contract.ts';

export interface AcceptLimits {
  readonly acceptsPerSecondMax: number;
  readonly acceptQueueMax: number;
}

export interface AcceptGate {
  /** Begins now, later in order of arrival, or never, where the queue is full. */
  arrive(socket: Socket): void;
  waiting(): number;
  close(): void;
}

/** A tenth of a second's worth may begin at once; `dropped` hears of each one that was turned away. */
export function openAcceptGate(
  limits: AcceptLimits,
  clock: ChannelClock,
  on: { readonly begin: (socket: Socket) => void; readonly dropped: (socket: Socket) => void },
): AcceptGate {
  const burst = Math.max(1, Math.floor(limits.acceptsPerSecondMax / 10));
  const msEach = 1_000 / limits.acceptsPerSecondMax;
  const queue: Socket[] = [];
  let tokens = burst;
  let filledAt = clock.now();
  let cancelWake: (() => void) | null = null;

  const fill = (): void => {
    const now = clock.now();
    tokens = Math.min(burst, tokens + Math.max(0, now - filledAt) / msEach);
    filledAt = now;
  };
  const drain = (): void => {
    cancelWake = null;
    fill();
    while (tokens >= 1 && queue.length > 0) {
      const socket = queue.shift();
      if (socket === undefined || socket.destroyed) continue;
      tokens -= 1;
      on.begin(socket);
    }
    if (queue.length > 0) cancelWake = clock.after(Math.ceil(msEach), drain);
  };
  return {
    arrive(socket) {
      // Nobody else listens to a socket that waits, and an error without a listener ends the process.
      socket.on('error', () => socket.destroy());
      if (queue.length >= limits.acceptQueueMax) {
        socket.destroy();
        on.dropped(socket);
        return;
      }
      queue.push(socket);
      if (cancelWake === null) drain();
    },
    waiting: () => queue.length,
    close() {
      cancelWake?.();
      for (const socket of queue.splice(0)) socket.destroy();
    },
  };
}
