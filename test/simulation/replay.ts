// Replays seeds of the simulation: one with its trace, or a range of them with nothing but what is wrong, in lines of
// JSON when a test asks:
//     node test/simulation/replay.ts 4711
//     node test/simulation/replay.ts 1 2000 [--json] [--until-wrong]
import { parseArgs } from 'node:util';
import { simulate } from './simulate.ts';

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean' }, 'until-wrong': { type: 'boolean' } },
  allowPositionals: true,
});
const [first = Number.NaN, last] = positionals.map(Number);
if (!Number.isSafeInteger(first)) throw new Error('Name a seed: node test/simulation/replay.ts SEED [LAST]');
const began = performance.now();
const faults = new Map<string, number>();
const wrong: { readonly seed: number; readonly violations: readonly string[] }[] = [];
const totals = { seeds: 0, runs: 0, executions: 0, events: 0, commits: 0, lasted: 0 };
for (let seed = first; seed <= (last ?? first); seed += 1) {
  const result = await simulate(seed, { keepTrace: last === undefined });
  const { trace, violations, hash } = result;
  process.stdout.write(trace.join(''));
  if (last === undefined) console.log(`hash ${hash}`);
  totals.seeds += 1;
  for (const name of ['runs', 'executions', 'events', 'commits', 'lasted'] as const)
    totals[name] += result[name];
  for (const [name, count] of result.faults) faults.set(name, (faults.get(name) ?? 0) + count);
  if (violations.length === 0) continue;
  wrong.push({ seed, violations });
  if (values.json !== true) for (const violation of violations) console.log(`seed ${seed}: ${violation}`);
  if (values['until-wrong'] === true) break;
}
const seconds = (performance.now() - began) / 1_000;
if (values.json === true) {
  console.log(JSON.stringify({ ...totals, seconds, wrong, faults: Object.fromEntries(faults) }));
} else {
  console.log(
    `${totals.seeds} seeds, ${wrong.length} wrong, ${(totals.seeds / seconds).toFixed(1)} a second`,
  );
}
process.exitCode = wrong.length === 0 ? 0 : 1;
