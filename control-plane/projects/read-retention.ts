// What each project keeps of its runs: what it says itself, and the defaults where it says nothing.
import { outputRetentionMsDefault, runRetentionMsDefault } from '../../protocol/limits.ts';
import type { Store } from '../store/store.ts';
import { selectRetention } from './store.ts';

export interface Retention {
  /** Ms from the end of a run until it goes. */
  readonly runsMs: number;
  /** Ms from the end of a run until its output goes; never longer than the run is kept. */
  readonly outputMs: number;
  /** Finished runs that are kept of one action, the newest; null: as many as there are. */
  readonly runsMax: number | null;
}

/** By project id. */
export async function readRetention(store: Store): Promise<ReadonlyMap<string, Retention>> {
  const rows = await store.read(selectRetention(store));
  return new Map(
    rows.map(({ id, keep_runs_ms, keep_output_ms, keep_runs_max }) => {
      const runsMs = keep_runs_ms ?? runRetentionMsDefault;
      const outputMs = Math.min(runsMs, keep_output_ms ?? outputRetentionMsDefault);
      return [id, { runsMs, outputMs, runsMax: keep_runs_max }];
    }),
  );
}
