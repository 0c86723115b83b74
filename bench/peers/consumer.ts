// The process that does the work of one peer, as a process of its own: it begins what its queue gives it and does
// nothing. Work that is being timed is told to the parent with the moment at which it was begun.
import { run, Logger } from 'graphile-worker';
import { PgBoss } from 'pg-boss';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { machineMs } from '../clock.ts';
import { bossOptions, bossTuning, graphileTuning, queue } from './settings.ts';

const [, , peer = '', url = '', tuned = ''] = process.argv;
const isTuned = tuned === 'tuned';

function begun(work: unknown): void {
  if ((work as { timed?: boolean } | null)?.timed === true) process.send?.({ begun: machineMs() });
}

async function consumeGraphile(): Promise<void> {
  const runner = await run({
    connectionString: url,
    noHandleSignals: true,
    logger: new Logger(() => () => undefined),
    taskList: { [queue]: begun },
    ...(isTuned ? { preset: { worker: graphileTuning } } : {}),
  });
  process.once('SIGTERM', () => void runner.stop().finally(() => process.exit(0)));
}

async function consumeBoss(): Promise<void> {
  const boss = new PgBoss(bossOptions(url, isTuned));
  boss.on('error', (cause) => console.error(cause));
  await boss.start();
  await boss.createQueue(queue, { notify: isTuned });
  await boss.work(queue, isTuned ? bossTuning : {}, async (works) => {
    for (const { data } of works) begun(data);
    return Promise.resolve();
  });
  process.once('SIGTERM', () => void boss.stop({ graceful: false }).finally(() => process.exit(0)));
}

async function consumeNats(): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection);
  await manager.consumers.add(queue, { durable_name: queue, ack_policy: AckPolicy.Explicit });
  const consumer = await jetstream(connection).consumers.get(queue, queue);
  const messages = await consumer.consume();
  process.once('SIGTERM', () => process.exit(0));
  process.send?.({ ready: true });
  for await (const message of messages) {
    begun(message.json());
    message.ack();
  }
}

if (peer === 'graphile') await consumeGraphile();
else if (peer === 'boss') await consumeBoss();
else await consumeNats();
process.send?.({ ready: true });
