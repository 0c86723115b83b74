// Named points at which a fault test ends the process, as the kernel would. In every other process there are none.
import { Failure } from '../protocol/failures.ts';
import type { FaultPoint } from './runs/contract.ts';

const variable = 'WAYSIDE_FAULT';

/** Where to end the process: at the point of that name, when it is reached for the `count`th time. */
export interface Fault {
  readonly name: string;
  readonly count: number;
}

/** `NAME` or `NAME:N`; null where the variable is not set. Throws `invalid_configuration` outside of fault tests. */
export function readFault(environment: Readonly<Record<string, string | undefined>>): Fault | null {
  const text = environment[variable];
  if (text === undefined || text === '') return null;
  if (environment['NODE_ENV'] !== 'test') {
    throw new Failure(
      'invalid_configuration',
      `${variable} is set: it ends the process on purpose and is allowed in fault tests only. Unset it.`,
    );
  }
  const [name = '', count = '1'] = text.split(':');
  return { name, count: Number(count) };
}

/** `kill` does not return where it is the real one. */
export function faultPointOf({ name, count }: Fault, kill: () => void): (point: FaultPoint) => void {
  let left = count;
  return (point) => {
    if (point !== name) return;
    left -= 1;
    if (left === 0) kill();
  };
}
