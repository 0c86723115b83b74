// How samples become figures: percentiles, rounding, and the settings that `npm run bench` passes on.

/** What can be set from the command line; every one has a default. */
export interface BenchOptions {
  /** Presses of `dispatch`. */
  readonly samples: number;
  /** Runs of `throughput`. */
  readonly runs: number;
  /** Connections of `agents`. */
  readonly agents: number;
  /** Megabytes (10^6 bytes) of `logs`. */
  readonly megabytes: number;
  /** Events that `audit` verifies. */
  readonly events: number;
  /** Writes of each of its rounds. */
  readonly writes: number;
  /** Which peers are measured; null: all. Where one is left out there is no ratio. */
  readonly only: readonly string[] | null;
  /** Whether `throughput` is measured over PostgreSQL. */
  readonly postgres: boolean;
  /** Where the processes leave CPU profiles; null: nowhere, and they run undisturbed. */
  readonly profile: string | null;
}

/** What a bench prints. Without `ratio` its peer did not run, and the program ends with 1. */
export type Figures = Readonly<Record<string, unknown>>;

/** The value below which that share of the samples lies; 1 is the largest. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}

/** Median and the 99th percentile, rounded. */
export function spread(samples: readonly number[]): { readonly p50: number; readonly p99: number } {
  return { p50: rounded(percentile(samples, 0.5)), p99: rounded(percentile(samples, 0.99)) };
}
