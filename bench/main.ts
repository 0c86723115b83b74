// `npm run bench NAME`: runs one measurement and prints one JSON line with its figures and its ratio.
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { BenchOptions, Figures } from './figures.ts';

const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Figures>>> = {
  dispatch: async (options) => (await import('./dispatch.ts')).benchDispatch(options),
  throughput: async (options) => (await import('./throughput.ts')).benchThroughput(options),
  agents: async (options) => (await import('./agents.ts')).benchAgents(options),
  logs: async (options) => (await import('./logs.ts')).benchLogs(options),
  peers: async (options) => (await import('./peers.ts')).benchPeers(options),
  authority: async () => (await import('./authority.ts')).benchAuthority(),
  audit: async (options) => (await import('./audit.ts')).benchAudit(options),
  hcl: async () => ({
    ...(await (await import('./hcl.ts')).benchHcl()),
    evaluation: await (await import('./hcl-eval.ts')).benchHclEvaluation(),
  }),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    samples: { type: 'string', default: '300' },
    runs: { type: 'string', default: '10000' },
    agents: { type: 'string', default: '2000' },
    megabytes: { type: 'string', default: '200' },
    events: { type: 'string', default: '300000' },
    writes: { type: 'string', default: '5000' },
    only: { type: 'string' },
    postgres: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const options: BenchOptions = {
  samples: Number(values.samples),
  runs: Number(values.runs),
  agents: Number(values.agents),
  megabytes: Number(values.megabytes),
  events: Number(values.events),
  writes: Number(values.writes),
  only: values.only?.split(',') ?? null,
  postgres: values.postgres,
  profile: values.profile ?? null,
};
const [name = ''] = positionals;
const names = name === 'all' ? Object.keys(benches) : [name];
for (const each of names) {
  const bench = benches[each];
  if (bench === undefined) {
    console.error(`Say which: ${[...Object.keys(benches), 'all'].join(', ')}.`);
    process.exit(64);
  }
  const figures = await bench(options);
  console.log(JSON.stringify({ bench: each, ...figures }));
  if (!('ratio' in figures)) process.exitCode = 1;
}
