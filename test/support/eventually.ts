// `expect.poll` with the patience that a machine under load needs; a test that holds does not wait longer for it.
import { expect } from 'vitest';

export function eventually<Value>(read: () => Value | Promise<Value>) {
  return expect.poll(read, { timeout: 20_000, interval: 20 });
}
