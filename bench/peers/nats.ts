// NATS JetStream: a stream on the disk of a server of its own, where a `nats-server` is installed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { endProcess, until } from '../system.ts';
import { startConsumer } from './consumer-process.ts';
import { callMany } from './contender.ts';
import type { Contender } from './contender.ts';
import { queue } from './settings.ts';

/** Null where there is no `nats-server` on the path. */
export async function openNats(folder: string): Promise<Contender | null> {
  if (spawnSync('nats-server', ['--version']).status !== 0) return null;
  const ports = join(folder, 'ports');
  mkdirSync(ports, { recursive: true });
  const args = ['-a', '127.0.0.1', '-p', '-1', '-js', '-sd', join(folder, 'data'), '--ports_file_dir', ports];
  const server = spawn('nats-server', args, { stdio: ['pipe', 'ignore', 'ignore'] });
  await until('nats-server listens', async () => Promise.resolve(readdirSync(ports).length > 0));
  const [file = ''] = readdirSync(ports);
  const listening = JSON.parse(readFileSync(join(ports, file), 'utf8')) as {
    readonly nats: readonly string[];
  };
  const url = listening.nats[0] ?? '';
  const connection = await connect({ servers: url });
  const manager = await jetstreamManager(connection);
  const retention = RetentionPolicy.Workqueue;
  await manager.streams.add({ name: queue, subjects: [queue], storage: StorageType.File, retention });
  const consumer = await startConsumer('nats', url, false);
  const stream = jetstream(connection);
  const hand = (timed: boolean) => stream.publish(queue, JSON.stringify({ timed }));
  return {
    acknowledges:
      'taken: written to a file, which is flushed to the disk every two minutes as it comes. Done: the same',
    starts: (count) => consumer.starts(count, () => hand(true)),
    async flow(count) {
      await callMany(count, () => hand(false));
      while ((await manager.streams.info(queue)).state.messages > 0) await sleep(5);
    },
    async [Symbol.asyncDispose]() {
      await consumer[Symbol.asyncDispose]();
      await connection.close();
      await endProcess(server);
    },
  };
}
