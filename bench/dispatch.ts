// From the press to the start: how long after an API request left its client the agent's `begun` is on the disk, and
// how long until the spawned program has written its first byte; set against the bare parts of the same path.
import { mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bareSpawn, openBareParts } from './bare.ts';
import type { BareParts } from './bare.ts';
import { machineMs } from './clock.ts';
import { watchFirstBytes } from './fifo.ts';
import type { ByteWatch } from './fifo.ts';
import { percentile, rounded, spread } from './figures.ts';
import type { BenchOptions, Figures } from './figures.ts';
import { openPresser } from './press.ts';
import type { Presser } from './press.ts';
import { readTraces } from './steps.ts';
import type { Sample } from './steps.ts';
import { openBenchFolder, startAgentProcess, startServerProcess } from './system.ts';

const restMs = 30;
/** Presses and bare rounds before the samples, so that a process is measured that has been up for a while. */
const warmUps = 20;
const warmUpPresses = 400;
const probe = join(import.meta.dirname, 'probes/trace.ts');

/** The same program in the run and bare: its first byte is the name of the run. */
const command = ['/bin/sh', '-c', 'echo "$WAYSIDE_RUN_ID" > "$BENCH_FIFO"; echo pong'] as const;
const agentFile = `
agent {
  env_inherit = ["BENCH_FIFO"]
}
group "bench" {
  action "ping" {
    run {
      command = ${JSON.stringify(command)}
    }
  }
}
`;

interface Round extends Sample {
  readonly bareCommits: number;
  readonly bareTrips: number;
  readonly bareSpawn: number;
}

/** Starts the whole system, presses a button that many times, and reads the steps out of the probes' notes. */
export async function benchDispatch(options: BenchOptions): Promise<Figures> {
  using folder = openBenchFolder();
  const traces = join(folder.path, 'traces');
  mkdirSync(traces);
  using fifo = watchFirstBytes(join(folder.path, 'fifo'));
  const environment = { BENCH_FIFO: fifo.path, BENCH_TRACE: traces };
  const system = { folder: folder.path, preload: [probe], profile: options.profile, environment };
  const rounds: Round[] = [];
  {
    await using server = await startServerProcess(system);
    await using _agent = await startAgentProcess(system, server, {
      group: 'bench',
      operation: 'ping',
      file: agentFile,
    });
    await using bare = await openBareParts(folder.path);
    using presser = openPresser(server);
    for (let count = 0; count < warmUpPresses; count += 1) {
      const { run } = await presser.press('ping');
      await fifo.arrival(run);
    }
    for (let count = -warmUps; count < options.samples; count += 1) {
      const round = await measure({ bare, presser, fifo });
      if (count >= 0) rounds.push(round);
    }
  }
  return figuresOf(rounds, traces);
}

/** A bare round and a press, one after the other, so that both meet the same disk and the same neighbours. */
async function measure(parts: {
  readonly bare: BareParts;
  readonly presser: Presser;
  readonly fifo: ByteWatch;
}): Promise<Round> {
  const { bare, presser, fifo } = parts;
  await sleep(restMs);
  const bareCommits = bare.commit() + bare.commit() + bare.commit();
  const bareTrips = 1.5 * (await bare.roundTrip());
  const begun = machineMs();
  const name = `bare-${begun}`;
  const spawned = bareSpawn(command, { WAYSIDE_RUN_ID: name, BENCH_FIFO: fifo.path });
  const bareByte = (await fifo.arrival(name)) - begun;
  await spawned;
  await sleep(restMs);
  const { run, left } = await presser.press('ping');
  const firstByte = await fifo.arrival(run);
  for (;;) {
    const { ended_at } = await presser.get<{ ended_at: number | null }>(`/v1/runs/${run}`);
    if (ended_at !== null) break;
    await sleep(5);
  }
  return { left, firstByte, bareCommits, bareTrips, bareSpawn: bareByte };
}

function figuresOf(rounds: readonly Round[], traces: string): Figures {
  const { begun, steps } = readTraces(traces, rounds);
  const toBegun = rounds.flatMap(({ left }, index) => {
    const at = begun[index];
    return at === undefined ? [] : [at - left];
  });
  const toByte = rounds.map(({ left, firstByte }) => firstByte - left);
  const bareBegun = rounds.map(({ bareCommits, bareTrips }) => bareCommits + bareTrips);
  const bareByte = rounds.map((round, index) => (bareBegun[index] ?? 0) + round.bareSpawn);
  const ratioBegun = rounded(percentile(toBegun, 0.5) / percentile(bareBegun, 0.5));
  const ratioByte = rounded(percentile(toByte, 0.5) / percentile(bareByte, 0.5));
  return {
    samples: rounds.length,
    traced: toBegun.length,
    begun_ms: spread(toBegun),
    first_byte_ms: spread(toByte),
    bare_begun_ms: spread(bareBegun),
    bare_first_byte_ms: spread(bareByte),
    bare_parts_ms: {
      three_commits: spread(rounds.map(({ bareCommits }) => bareCommits)),
      one_and_a_half_trips: spread(rounds.map(({ bareTrips }) => bareTrips)),
      spawn: spread(rounds.map((round) => round.bareSpawn)),
    },
    steps_ms: steps,
    load: rounded(loadavg()[0] ?? 0),
    ratio_begun: ratioBegun,
    ratio_first_byte: ratioByte,
    ratio: Math.max(ratioBegun, ratioByte),
    aims: { begun_p50_ms: 5, ratio: 2.5 },
    holds: percentile(toBegun, 0.5) < 5 && ratioBegun <= 2.5 && ratioByte <= 2.5,
  };
}
