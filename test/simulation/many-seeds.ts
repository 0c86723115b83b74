// Runs ranges of seeds in processes of their own, side by side, from whichever copy of the sources.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { repository } from '../support/processes.ts';

export interface SeedsReport {
  readonly seeds: number;
  readonly runs: number;
  readonly executions: number;
  readonly events: number;
  readonly commits: number;
  /** In the simulated worlds, ms. */
  readonly lasted: number;
  readonly seconds: number;
  readonly wrong: readonly { readonly seed: number; readonly violations: readonly string[] }[];
  readonly faults: Readonly<Record<string, number>>;
}

/** Seeds from `first` to `last` in one process. */
export function runSeeds(
  first: number,
  last: number,
  { root = repository, untilWrong = false }: { readonly root?: string; readonly untilWrong?: boolean } = {},
): Promise<SeedsReport> {
  const program = join(root, 'test/simulation/replay.ts');
  const flags = ['--json', ...(untilWrong ? ['--until-wrong'] : [])];
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NODE_OPTIONS: '' } };
    execFile(
      process.execPath,
      [program, String(first), String(last), ...flags],
      options,
      (error, out, err) => {
        const line = out.trim().split('\n').at(-1) ?? '';
        if (line.startsWith('{')) resolve(JSON.parse(line) as SeedsReport);
        else reject(new Error(`the simulation ended without a report: ${err}`, { cause: error }));
      },
    );
  });
}

/** As many seeds as asked, over two processes; what they found together. */
export async function runManySeeds(first: number, count: number): Promise<SeedsReport> {
  const half = Math.ceil(count / 2);
  const reports = await Promise.all([
    runSeeds(first, first + half - 1),
    runSeeds(first + half, first + count - 1),
  ]);
  const sum = (of: 'seeds' | 'runs' | 'executions' | 'events' | 'commits' | 'lasted'): number =>
    reports.reduce((total, report) => total + report[of], 0);
  const faults: Record<string, number> = {};
  for (const report of reports) {
    for (const [name, times] of Object.entries(report.faults)) faults[name] = (faults[name] ?? 0) + times;
  }
  return {
    ...{ seeds: sum('seeds'), runs: sum('runs'), executions: sum('executions'), events: sum('events') },
    ...{ commits: sum('commits'), lasted: sum('lasted'), faults },
    seconds: Math.max(...reports.map(({ seconds }) => seconds)),
    wrong: reports.flatMap(({ wrong }) => wrong),
  };
}
