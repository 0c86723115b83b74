// Starts the process that does the work of a peer, and hears from it when timed work was begun.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineMs } from '../clock.ts';
import { restMs } from './contender.ts';

export interface ConsumerProcess extends AsyncDisposable {
  /** Hands in timed work that many times, one after the other; ms until each was begun. */
  starts(count: number, handIn: () => Promise<unknown>): Promise<readonly number[]>;
}

const readyMsMax = 30_000;

/** Resolves when it waits for work. */
export async function startConsumer(
  peer: 'graphile' | 'boss' | 'nats',
  url: string,
  isTuned: boolean,
): Promise<ConsumerProcess> {
  const child = fork(join(import.meta.dirname, 'consumer.ts'), [peer, url, isTuned ? 'tuned' : ''], {
    execPath: process.execPath,
  });
  const waiting: ((begun: number) => void)[] = [];
  child.on('message', (heard: { readonly begun?: number }) => waiting.shift()?.(heard.begun ?? Number.NaN));
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the process of ${peer} ended`);
  });
  ended.catch(() => undefined);
  /** Of the next message; `NaN` of the first, which says that it waits. */
  const next = async (): Promise<number> => {
    const heard = new Promise<number>((resolve) => waiting.push(resolve));
    const silence = new AbortController();
    const late = sleep(readyMsMax, null, { ref: false, signal: silence.signal }).then(() => {
      throw new Error(`the process of ${peer} is silent`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([heard, ended, late]);
    } finally {
      silence.abort();
    }
  };
  await next();
  return {
    async starts(count, handIn) {
      const took: number[] = [];
      for (let at = 0; at < count; at += 1) {
        await sleep(restMs);
        const heard = next();
        const left = machineMs();
        await handIn();
        took.push((await heard) - left);
      }
      return took;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      const gone = ended.catch(() => undefined);
      await Promise.race([gone, sleep(5_000, null, { ref: false })]);
      child.kill('SIGKILL');
      await gone;
    },
  };
}
