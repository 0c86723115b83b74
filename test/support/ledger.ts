// The only judge of what ran how often: a file to which the spawned command itself appends one line for each
// execution. Nothing of ours writes to it.
import { readFileSync, writeFileSync } from 'node:fs';

export interface Ledger {
  readonly path: string;
  /** Shell text that appends the run's id, with O_APPEND and in one write. */
  readonly record: string;
  /** Every line, in the order of the executions. */
  lines(): readonly string[];
  /** How often a run was executed. */
  count(run: string): number;
  /** The same of every run that was executed at all. */
  counts(): ReadonlyMap<string, number>;
}

export function openLedger(path: string): Ledger {
  writeFileSync(path, '', { flag: 'a' });
  const lines = (): readonly string[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  return {
    path,
    record: `echo "$WAYSIDE_RUN_ID" >> '${path}'`,
    lines,
    count: (run) => lines().filter((line) => line === run).length,
    counts() {
      const counts = new Map<string, number>();
      for (const line of lines()) counts.set(line, (counts.get(line) ?? 0) + 1);
      return counts;
    },
  };
}
