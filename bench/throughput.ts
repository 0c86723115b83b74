// How many runs a second go the whole way: pressed over HTTP, stored, offered over mutual TLS, accepted, begun, done,
// ended, every step durable. The action has one `status` operation and no sensitive input, so that what is measured is
// Wayside and not the work that it starts.
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { storeCyclesPerSecond } from './cycles.ts';
import { rounded } from './figures.ts';
import type { BenchOptions, Figures } from './figures.ts';
import { openBenchDatabase } from './peers/database.ts';
import { openPressers } from './press.ts';
import type { Presser } from './press.ts';
import { cpuMs, threadCpuMs } from './processes.ts';
import { openBenchFolder, startAgentProcess, startServerProcess } from './system.ts';

const pressesAtOnce = 64;
/** As many as it takes until V8 has compiled what is hot: what is measured is a server that has been up for a while. */
const warmUpRuns = 6_000;
const storeMs = 2_000;
const aimPerSecond = 1_500;

const file = `
agent {
  concurrency = 256
}
group "bench" {
  action "note" {
    status {
      message = "noted"
      status  = "complete"
    }
  }
}
`;

/** An agent that does nothing durably: its operation only leaves a note. */
export const noteAgent = { group: 'bench', operation: 'note', file };

/** Runs a second, and CPU time of a run in each of the three processes. */
export async function benchThroughput(options: BenchOptions): Promise<Figures> {
  using folder = openBenchFolder();
  await using database = options.postgres ? await openBenchDatabase() : null;
  const environment = database === null ? {} : { DATABASE_URL: await database.create() };
  const system = { folder: folder.path, profile: options.profile, environment };
  const alone = async (name: string) =>
    storeCyclesPerSecond(join(folder.path, name), storeMs, (await database?.create()) ?? null);
  const before = await alone('before');
  const { perSecond, cpu, threads } = await measure(system, options.runs);
  const after = await alone('after');
  const cycles = (before + after) / 2;
  return {
    engine: options.postgres ? 'postgres' : 'sqlite',
    runs: options.runs,
    runs_per_second: rounded(perSecond, 0),
    store_cycles_per_second: rounded(cycles, 0),
    cpu_ms_per_run: cpu,
    server_threads_ms_per_run: threads,
    load: rounded(loadavg()[0] ?? 0),
    ratio: rounded(perSecond / cycles, 3),
    aim_runs_per_second: aimPerSecond,
    holds: perSecond >= aimPerSecond,
  };
}

async function measure(system: Parameters<typeof startServerProcess>[0], runs: number) {
  await using server = await startServerProcess(system);
  await using agent = await startAgentProcess(system, server, noteAgent);
  using presser = openPressers(server, pressesAtOnce);
  await pressAll(presser, warmUpRuns);
  const processes = { server: server.child, agent: agent.child, client: process };
  const cpuBefore = Object.entries(processes).map(([name, each]) => [name, cpuMs(each)] as const);
  const threadsBefore = threadCpuMs(server.child);
  const begun = performance.now();
  await pressAll(presser, runs);
  const elapsed = performance.now() - begun;
  const cpu = cpuBefore.map(([name, at]) => {
    const used = cpuMs(processes[name as keyof typeof processes]) - at;
    return [name, rounded(used / runs, 3)];
  });
  const threads = [...threadCpuMs(server.child)]
    .map(([name, at]) => [name, rounded((at - (threadsBefore.get(name) ?? 0)) / runs, 3)] as const)
    .filter(([, used]) => used > 0);
  await checkAll(presser, runs + warmUpRuns);
  return {
    perSecond: (runs * 1_000) / elapsed,
    cpu: Object.fromEntries(cpu) as Record<string, number>,
    threads: Object.fromEntries(threads),
  };
}

/** Resolves when all of them have ended. */
export async function pressAll(presser: Presser, runs: number): Promise<void> {
  let left = runs;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await presser.press(noteAgent.operation);
    }
  };
  await Promise.all(Array.from({ length: pressesAtOnce }, one));
  for (;;) {
    const { items } = await presser.get<{ items: unknown[] }>(
      '/v1/projects/default/runs?state=active&limit=1',
    );
    if (items.length === 0) return;
    await sleep(5);
  }
}

/** Every press became one run, and every run succeeded at its first attempt. */
export async function checkAll(presser: Presser, runs: number): Promise<void> {
  let cursor = '';
  let seen = 0;
  do {
    const page = await presser.get<{
      items: { state: string; attempt: number }[];
      next_cursor: string | null;
    }>(`/v1/projects/default/runs?limit=200${cursor}`);
    const strange = page.items.find(({ state, attempt }) => state !== 'succeeded' || attempt !== 1);
    if (strange !== undefined) throw new Error(`a run is ${strange.state}, attempt ${strange.attempt}`);
    seen += page.items.length;
    cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
  } while (cursor !== '');
  if (seen !== runs) throw new Error(`${runs} presses became ${seen} runs`);
}
