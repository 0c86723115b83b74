// pg-boss: a queue in PostgreSQL for Node.js. Work is handed in with `send`, each in a commit of its own.
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'pg';
import { PgBoss } from 'pg-boss';
import { startConsumer } from './consumer-process.ts';
import { callMany } from './contender.ts';
import type { Contender } from './contender.ts';
import { bossOptions, queue } from './settings.ts';

/** In a database of its own. As it comes it looks for work every two seconds, and takes one at a time. */
export async function openBoss(url: string, tuning: 'default' | 'tuned'): Promise<Contender> {
  const isTuned = tuning === 'tuned';
  const consumer = await startConsumer('boss', url, isTuned);
  const boss = new PgBoss({ ...bossOptions(url, false), supervise: false, schedule: false });
  boss.on('error', (cause) => console.error(cause));
  await boss.start();
  const pool = new Pool({ connectionString: url, max: 1 });
  const hand = (timed: boolean) => boss.send(queue, { timed });
  return {
    acknowledges: isTuned
      ? 'taken: committed. Begun: up to 100 are marked as taken, in one commit. Done: marked as completed, in one commit'
      : 'taken: committed. Begun: marked as taken, committed. Done: marked as completed, committed',
    ...(isTuned ? {} : { slow: true }),
    starts: (count) => consumer.starts(count, () => hand(true)),
    async flow(count) {
      await callMany(count, () => hand(false));
      for (;;) {
        const { rows } = await pool.query(`select 1 from pgboss.job where state < 'completed' limit 1`);
        if (rows.length === 0) return;
        await sleep(5);
      }
    },
    async [Symbol.asyncDispose]() {
      await consumer[Symbol.asyncDispose]();
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
}
