// Named points at which a fault test ends the process. In every other process a point does nothing at all.

/** Called between two durable steps with the name of the place, for instance `begun.durable`. */
export type FaultPoint = (name: string) => void;

export const noFaults: FaultPoint = () => undefined;

/**
 * `spec` is `NAME` or `NAME:N`: the process is killed, as by the kernel, when it comes to that point for the Nth time
 * (from 1). `kill` does not return where it is the real one.
 */
export function faultPointOf(spec: string, kill: () => void): FaultPoint {
  const [name = '', count = '1'] = spec.split(':');
  let left = Number(count);
  return (reached) => {
    if (reached !== name) return;
    left -= 1;
    if (left === 0) kill();
  };
}
