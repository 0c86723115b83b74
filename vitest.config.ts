// The whole suite runs in real processes and over real sockets, so files run in forks and few at a time.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    maxConcurrency: 2,
    testTimeout: 30_000,
    // Real processes on a shared machine: what fails once there is tried once more, and what fails twice is broken.
    retry: process.env['CI'] === undefined ? 0 : 1,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
});
