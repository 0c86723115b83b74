// What the peers are tuned to where they are tuned; everything else is as each one comes.
import type { ConstructorOptions, WorkOptions } from 'pg-boss';

export const queue = 'noop';

/** Work is fetched 500 at a time and completed in batches, as its own documentation advises for much small work. */
export const graphileTuning = {
  concurrentJobs: 24,
  maxPoolSize: 26,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};

/** Woken by a notification, batches of 100, the next one at once while the last was full. */
export const bossTuning: WorkOptions = {
  batchSize: 100,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
};

export function bossOptions(connectionString: string, isTuned: boolean): ConstructorOptions {
  return { connectionString, useListenNotify: isTuned };
}
