// Sees the first byte that a spawned program writes, without anything of the product between: the program writes its
// name into a named pipe, and this process waits at the other end.
import { execFileSync } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { machineMs } from './clock.ts';

export interface ByteWatch extends Disposable {
  readonly path: string;
  /** When the byte of that name arrived, in `machineMs`. */
  arrival(name: string): Promise<number>;
}

export function watchFirstBytes(path: string): ByteWatch {
  execFileSync('mkfifo', [path]);
  // Open for both directions, so that it never ends between two writers.
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const pipe = new Socket({ fd: descriptor, readable: true, writable: false });
  const arrived = new Map<string, number>();
  const waiting = new Map<string, (at: number) => void>();
  pipe.on('data', (chunk: Buffer) => {
    const at = machineMs();
    for (const name of chunk.toString('latin1').split('\n').filter(Boolean)) {
      const resolve = waiting.get(name);
      if (resolve === undefined) arrived.set(name, at);
      else resolve(at);
      waiting.delete(name);
    }
  });
  return {
    path,
    arrival(name) {
      const at = arrived.get(name);
      arrived.delete(name);
      return at === undefined ? new Promise((resolve) => waiting.set(name, resolve)) : Promise.resolve(at);
    },
    [Symbol.dispose]() {
      pipe.destroy();
    },
  };
}
