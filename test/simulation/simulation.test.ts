// The server's dispatch and the agent's decider under one seed: thousands of worlds in which everything goes wrong that
// can, each judged from outside. WAYSIDE_SEED=n tries that one alone; WAYSIDE_LONG=1 tries fifty thousand.
import { expect, test } from 'vitest';
import { runManySeeds } from './many-seeds.ts';
import { simulate } from './simulate.ts';

const long = process.env['WAYSIDE_LONG'] !== undefined;
const only = process.env['WAYSIDE_SEED'];
const count = long ? 50_000 : 2_000;

/** Seeds that once showed a mistake. */
const regressions: readonly number[] = [];

function told(wrong: readonly { readonly seed: number; readonly violations: readonly string[] }[]): string {
  return wrong
    .slice(0, 20)
    .map(
      ({ seed, violations }) =>
        `seed ${seed}, replayed by: node test/simulation/replay.ts ${seed}\n  ${violations.join('\n  ')}`,
    )
    .join('\n');
}

test.runIf(only !== undefined)('the seed that was asked for tells no lie', { timeout: 60_000 }, async () => {
  const { violations, trace, seed } = await simulate(Number(only), { keepTrace: true });
  console.log(trace.join(''));
  expect(told(violations.length === 0 ? [] : [{ seed, violations }])).toBe('');
});

test.runIf(only === undefined)(
  'two runs of a seed are the same, byte for byte',
  { timeout: 120_000 },
  async () => {
    for (const seed of [1, 53, 210, 2_000_000_001]) {
      const first = await simulate(seed, { keepTrace: true });
      const second = await simulate(seed, { keepTrace: true });
      expect(second.trace.join('')).toBe(first.trace.join(''));
      expect(second.hash).toBe(first.hash);
    }
  },
);

/** An open mistake: an agent that refused its last run is offered nothing more. This fails when it is mended. */
const openSeed = 1859;
test.runIf(only === undefined).fails(`seed ${openSeed} comes to its end`, async () => {
  expect((await simulate(openSeed)).violations).toEqual([]);
});

test.runIf(only === undefined)('another seed is another world', async () => {
  const [first, second] = [await simulate(1), await simulate(2)];
  expect(first.hash).not.toBe(second.hash);
});

test.runIf(only === undefined)(
  'seeds that once showed a mistake show none',
  { timeout: 120_000 },
  async () => {
    for (const seed of regressions) expect((await simulate(seed)).violations).toEqual([]);
  },
);

test.runIf(only === undefined)(
  `in ${count} worlds every run comes to one true end`,
  { timeout: long ? 7_200_000 : 900_000, retry: 0 },
  async () => {
    const report = await runManySeeds(1, count);
    const { seeds, seconds, runs, executions, events, commits, faults, wrong } = report;
    console.log(
      `${seeds} seeds in ${seconds.toFixed(1)} s (${(seeds / seconds).toFixed(1)} a second): ${runs} presses, ` +
        `${executions} executions, ${events} events, ${commits} commits; faults: ${JSON.stringify(faults)}`,
    );
    expect(told(wrong.filter(({ seed }) => seed !== openSeed))).toBe('');
    expect(executions).toBeGreaterThan(seeds);
    // Whatever can go wrong did, in some world.
    for (const [name, times] of Object.entries(faults)) expect(times, name).toBeGreaterThan(0);
    expect(Object.keys(faults).length).toBeGreaterThan(24);
  },
);
