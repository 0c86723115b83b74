// Wayside itself beside the peers, on either engine: a press over HTTP, authorized and audited, until the agent that it
// was sent to over mutual TLS has `begun` on its disk. No flow is measured with a probe loaded.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { machineMs } from '../clock.ts';
import { openPresser, openPressers } from '../press.ts';
import type { Presser } from '../press.ts';
import { readTraces } from '../steps.ts';
import type { Sample, Traced } from '../steps.ts';
import { startAgentProcess, startServerProcess } from '../system.ts';
import type { SystemOptions } from '../system.ts';
import { checkAll, noteAgent, pressAll } from '../throughput.ts';
import { callersAtOnce, restMs } from './contender.ts';
import type { Contender } from './contender.ts';

export interface WaysideContender extends Contender {
  /** Where the time of all starts went, medians. */
  steps(): Traced['steps'];
}

/** The probes write their notes this often. */
const notesMs = 600;
const probe = join(import.meta.dirname, '../probes/trace.ts');

/** Two systems, in folders below `folder`; on PostgreSQL where there are URLs of two databases. */
export async function openWayside(options: {
  readonly folder: string;
  readonly databases: readonly [string, string] | null;
  readonly profile: string | null;
}): Promise<WaysideContender> {
  const { databases, profile } = options;
  const [watchedDatabase, plainDatabase] = databases ?? [null, null];
  const watched = join(options.folder, 'watched');
  const traces = join(watched, 'traces');
  const plain = join(options.folder, 'plain');
  for (const folder of [traces, plain]) mkdirSync(folder, { recursive: true });
  const stack = new AsyncDisposableStack();
  const open = async (system: Omit<SystemOptions, 'profile'>, database: string | null) => {
    const environment = { ...system.environment, ...(database === null ? {} : { DATABASE_URL: database }) };
    const all = { ...system, environment, profile };
    const server = stack.use(await startServerProcess(all));
    stack.use(await startAgentProcess(all, server, noteAgent));
    return server;
  };
  const single = stack.use(
    openPresser(
      await open(
        { folder: watched, preload: [probe], environment: { BENCH_TRACE: traces } },
        watchedDatabase,
      ),
    ),
  );
  const many = stack.use(openPressers(await open({ folder: plain }, plainDatabase), callersAtOnce));
  const samples: Sample[] = [];
  let flowed = 0;
  return {
    acknowledges:
      'taken: authorized, audited and committed. Begun: running committed by the server, and begun flushed by the ' +
      'agent, so that nothing starts twice. Done: flushed by the agent, committed and audited by the server',
    async starts(count) {
      const fresh: Sample[] = [];
      for (let at = 0; at < count; at += 1) {
        await sleep(restMs);
        const { run, left } = await single.press(noteAgent.operation);
        await untilEnded(single, run);
        fresh.push({ left, firstByte: machineMs() });
      }
      await sleep(notesMs);
      samples.push(...fresh);
      return readTraces(traces, fresh).begun.flatMap((at, index) => {
        const sample = fresh[index];
        return at === undefined || sample === undefined ? [] : [at - sample.left];
      });
    },
    async flow(count) {
      flowed += count;
      await pressAll(many, count);
    },
    steps: () => readTraces(traces, samples).steps,
    async [Symbol.asyncDispose]() {
      try {
        await checkAll(many, flowed);
      } finally {
        await stack.disposeAsync();
      }
    },
  };
}

async function untilEnded(presser: Presser, run: string): Promise<void> {
  for (;;) {
    const { ended_at } = await presser.get<{ ended_at: number | null }>(`/v1/runs/${run}`);
    if (ended_at !== null) return;
    await sleep(5);
  }
}
