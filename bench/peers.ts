// Wayside beside the queues that one would otherwise take, in one run and by turns, so that all of them meet the same
// disk and the same neighbours: how soon work begins when nothing else is under way, and how much of it is done a
// second, each of it durable. BullMQ is left out (docs/benchmarks.md).
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { percentile, rounded, spread } from './figures.ts';
import type { BenchOptions, Figures } from './figures.ts';
import { openBoss } from './peers/boss.ts';
import type { Contender } from './peers/contender.ts';
import { openBenchDatabase } from './peers/database.ts';
import { openGraphile } from './peers/graphile.ts';
import { openNats } from './peers/nats.ts';
import { openWayside } from './peers/wayside.ts';
import { treeCpuMs } from './processes.ts';
import { openBenchFolder } from './system.ts';

const rounds = 5;
const warmUpStarts = 20;
/** Until V8 has compiled what is hot, as in `throughput`. */
const warmUpFlow = 4_000;
/** Of a contender for which one costs seconds. */
const slowStarts = 4;
const slowFlow = 4;
const aims = { start_sqlite: 1, start_postgres: 1.5, flow_sqlite: 3, flow_postgres: 1.5 } as const;

interface Measured {
  readonly starts: number[];
  readonly flow: number[];
  readonly drain: number[];
  /** Processor time of one, ms: of the contender, of its database and of whoever hands in. */
  readonly cpu: number[];
}

/** The peer of every ratio is graphile-worker as it comes. */
export async function benchPeers(options: BenchOptions): Promise<Figures> {
  using folder = openBenchFolder();
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openBenchDatabase());
  const missing: Record<string, string> = {};
  const contenders = new Map<string, Contender>();
  const enter = async (name: string, open: () => Promise<Contender | null>): Promise<void> => {
    if (options.only !== null && !options.only.includes(name)) return;
    try {
      const contender = await open();
      if (contender === null) missing[name] = 'not installed';
      else contenders.set(name, stack.use(contender));
    } catch (cause) {
      missing[name] = (cause as Error).message;
    }
  };
  const two = async () => [await database.create(), await database.create()] as const;
  const { profile } = options;
  const at = (name: string) => ({
    folder: join(folder.path, name),
    profile: profile === null ? null : join(profile, name),
  });
  const sqlite = await openWayside({ ...at('sqlite'), databases: null });
  contenders.set('wayside_sqlite', stack.use(sqlite));
  const postgres = await openWayside({ ...at('postgres'), databases: await two() });
  contenders.set('wayside_postgres', stack.use(postgres));
  await enter('graphile_worker', async () => openGraphile(await database.create(), 'default'));
  await enter('graphile_worker_tuned', async () => openGraphile(await database.create(), 'tuned'));
  await enter('pg_boss', async () => openBoss(await database.create(), 'default'));
  await enter('pg_boss_tuned', async () => openBoss(await database.create(), 'tuned'));
  await enter('nats_jetstream', () => openNats(join(folder.path, 'nats')));
  const { measured, loads } = await measureAll(contenders, options);
  return {
    ...figuresOf(contenders, measured),
    missing,
    database: database.settings,
    steps_ms: { sqlite: sqlite.steps(), postgres: postgres.steps() },
    loads,
    ...ratiosOf(measured),
  };
}

async function measureAll(
  contenders: ReadonlyMap<string, Contender>,
  { samples, runs }: BenchOptions,
): Promise<{ readonly measured: ReadonlyMap<string, Measured>; readonly loads: readonly number[] }> {
  const measured = new Map<string, Measured>();
  const loads: number[] = [];
  for (const [name, contender] of contenders) {
    measured.set(name, { starts: [], flow: [], drain: [], cpu: [] });
    await contender.flow(contender.slow === true ? 1 : warmUpFlow);
    await contender.starts(contender.slow === true ? 1 : warmUpStarts);
  }
  for (let round = 0; round < rounds; round += 1) {
    loads.push(rounded(loadavg()[0] ?? 0));
    for (const [name, contender] of contenders) {
      const count = contender.slow === true ? slowStarts : Math.ceil(samples / rounds);
      measured.get(name)?.starts.push(...(await contender.starts(count)));
    }
    for (const [name, contender] of contenders) {
      const count = contender.slow === true ? slowFlow : Math.ceil(runs / rounds);
      const begun = performance.now();
      const cpuBefore = treeCpuMs();
      await contender.flow(count);
      measured.get(name)?.flow.push((count * 1_000) / (performance.now() - begun));
      measured.get(name)?.cpu.push((treeCpuMs() - cpuBefore) / count);
      const ms = await contender.drain?.(count);
      if (ms !== undefined) measured.get(name)?.drain.push((count * 1_000) / ms);
    }
  }
  return { measured, loads };
}

function figuresOf(
  contenders: ReadonlyMap<string, Contender>,
  measured: ReadonlyMap<string, Measured>,
): Figures {
  const rows = [...measured].map(([name, { starts, flow, drain, cpu }]) => [
    name,
    {
      samples: starts.length,
      start_ms: spread(starts),
      flow_per_second: rangeOf(flow),
      flow_cpu_ms: rounded(percentile(cpu, 0.5), 3),
      ...(drain.length === 0 ? {} : { drain_per_second: rangeOf(drain) }),
      acknowledges: contenders.get(name)?.acknowledges,
    },
  ]);
  return { contenders: Object.fromEntries(rows) as Figures };
}

/** The median of the rounds, and the rounds. */
function rangeOf(rates: readonly number[]) {
  return { median: rounded(percentile(rates, 0.5), 1), rounds: rates.map((rate) => rounded(rate, 1)) };
}

/** None where a peer is missing that is a package of ours: then nothing was compared. */
function ratiosOf(measured: ReadonlyMap<string, Measured>): Figures {
  const [sqlite, postgres, graphile] = ['wayside_sqlite', 'wayside_postgres', 'graphile_worker'].map((name) =>
    measured.get(name),
  );
  if (sqlite === undefined || postgres === undefined || graphile === undefined) return {};
  if (['graphile_worker_tuned', 'pg_boss', 'pg_boss_tuned'].some((name) => !measured.has(name))) return {};
  const start = ({ starts }: Measured) => rounded(percentile(starts, 0.5) / percentile(graphile.starts, 0.5));
  const flow = (of: Measured) => rounded(percentile(of.flow, 0.5) / percentile(graphile.flow, 0.5));
  const ratios = {
    start_sqlite: start(sqlite),
    start_postgres: start(postgres),
    flow_sqlite: flow(sqlite),
    flow_postgres: flow(postgres),
  };
  const cpu = (of: Measured) => rounded(percentile(graphile.cpu, 0.5) / percentile(of.cpu, 0.5));
  return {
    ratios,
    cpu_ratios: { flow_sqlite: cpu(sqlite), flow_postgres: cpu(postgres) },
    ratio: ratios.flow_sqlite,
    aims,
    holds:
      ratios.start_sqlite <= aims.start_sqlite &&
      ratios.start_postgres <= aims.start_postgres &&
      ratios.flow_sqlite >= aims.flow_sqlite &&
      ratios.flow_postgres >= aims.flow_postgres,
  };
}
