// graphile-worker: a queue in PostgreSQL for Node.js. Work is handed in with `addJob`, each in a commit of its own.
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, makeWorkerUtils } from 'graphile-worker';
import { Pool } from 'pg';
import { startConsumer } from './consumer-process.ts';
import type { ConsumerProcess } from './consumer-process.ts';
import { callMany } from './contender.ts';
import type { Contender } from './contender.ts';
import { queue } from './settings.ts';

/** In a database of its own. */
export async function openGraphile(url: string, tuning: 'default' | 'tuned'): Promise<Contender> {
  const isTuned = tuning === 'tuned';
  const pool = new Pool({ connectionString: url, max: 10 });
  pool.on('error', (cause) => console.error(cause));
  const utils = await makeWorkerUtils({ pgPool: pool, logger: new Logger(() => () => undefined) });
  await utils.migrate();
  const startIt = (): Promise<ConsumerProcess> => startConsumer('graphile', url, isTuned);
  let consumer = await startIt();
  const hand = (timed: boolean) => utils.addJob(queue, { timed });
  const untilDone = async (): Promise<void> => {
    for (;;) {
      const { rows } = await pool.query('select 1 from graphile_worker._private_jobs limit 1');
      if (rows.length === 0) return;
      await sleep(5);
    }
  };
  return {
    acknowledges: isTuned
      ? 'taken: committed. Begun: 500 at a time are marked as taken, in one commit. Done: deleted in a batch'
      : 'taken: committed. Begun: marked as taken, committed. Done: deleted, committed',
    starts: (count) => consumer.starts(count, () => hand(true)),
    async flow(count) {
      await callMany(count, () => hand(false));
      await untilDone();
    },
    async drain(count) {
      await consumer[Symbol.asyncDispose]();
      await pool.query('select graphile_worker.add_job($1, $2::json) from generate_series(1, $3)', [
        queue,
        '{}',
        count,
      ]);
      consumer = await startIt();
      const begun = performance.now();
      await untilDone();
      return performance.now() - begun;
    },
    async [Symbol.asyncDispose]() {
      await consumer[Symbol.asyncDispose]();
      await utils.release();
      await pool.end();
    },
  };
}
