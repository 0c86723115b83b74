// Loaded before a server that is to be weighed (`--import`, with `--expose-gc`): on SIGUSR2 it collects what is garbage
// and writes down what is left. Only the main thread answers; its numbers count the whole process.
import { renameSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const file = process.env['BENCH_MEMORY'] ?? '';
const collections = 4;

declare const gc: () => void;

if (isMainThread) {
  process.on('SIGUSR2', () => {
    for (let count = 0; count < collections; count += 1) gc();
    writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
    renameSync(`${file}.new`, file);
  });
}
