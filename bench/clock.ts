// The clock that all processes of a bench share: CLOCK_MONOTONIC, of which every process of one machine reads the same
// value, so that a time taken in the agent can be set against one taken in the client.
import { hrtime } from 'node:process';

/** Milliseconds since an unnamed moment that is the same for every process of this machine. */
export function machineMs(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
