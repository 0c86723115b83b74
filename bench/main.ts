// `npm run bench NAME`: runs one measurement and prints one JSON line with its figures and its ratio.
import process from 'node:process';

const benches: Readonly<Record<string, () => Promise<Record<string, unknown>>>> = {
  hcl: async () => ({
    ...(await (await import('./hcl.ts')).benchHcl()),
    evaluation: await (await import('./hcl-eval.ts')).benchHclEvaluation(),
  }),
};

const name = process.argv[2] ?? '';
const bench = benches[name];
if (bench === undefined) {
  console.error(`Say which: ${Object.keys(benches).join(', ')}.`);
  process.exit(64);
}
const result = await bench();
console.log(JSON.stringify({ bench: name, ...result }));
if (!('ratio' in result)) process.exitCode = 1;
