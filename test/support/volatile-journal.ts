// Loaded before an agent (`node --import`): what is written to its journal stays in memory until it is flushed to the
// disk. A SIGKILL of the process then loses what a power failure of the machine would lose, and nothing else.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { promisify } from 'node:util';

/** Bytes that are not on the disk, by file. */
const unflushed = new Map<number, Buffer[]>();
const real = { ...fs };

function flush(file: number): void {
  const pieces = unflushed.get(file);
  for (const piece of pieces?.splice(0) ?? []) real.writeSync(file, piece);
}

fs.openSync = ((path: fs.PathLike, flags: fs.OpenMode, mode?: fs.Mode) => {
  const file = real.openSync(path, flags, mode);
  if (String(path).endsWith('/journal.log')) unflushed.set(file, []);
  return file;
}) as typeof fs.openSync;

fs.writeSync = ((file: number, bytes: Uint8Array, ...rest: [number?, number?, number?]) => {
  const pieces = unflushed.get(file);
  if (pieces === undefined) return real.writeSync(file, bytes, ...rest);
  const [offset = 0, length = bytes.length - offset] = rest;
  pieces.push(Buffer.from(bytes.subarray(offset, offset + length)));
  return length;
}) as typeof fs.writeSync;

for (const name of ['fdatasync', 'fsync'] as const) {
  const asynchronous = real[name];
  const flushing = (file: number, done: (error: NodeJS.ErrnoException | null) => void): void => {
    flush(file);
    asynchronous(file, done);
  };
  const promised = promisify(asynchronous);
  fs[name] = Object.assign(flushing, {
    __promisify__: promised,
    [promisify.custom]: (file: number) => {
      flush(file);
      return promised(file);
    },
  }) as typeof asynchronous;
}

for (const name of ['fdatasyncSync', 'fsyncSync'] as const) {
  const synchronous = real[name];
  fs[name] = (file: number) => {
    flush(file);
    synchronous(file);
  };
}

fs.closeSync = (file: number) => {
  flush(file);
  unflushed.delete(file);
  real.closeSync(file);
};

syncBuiltinESMExports();
