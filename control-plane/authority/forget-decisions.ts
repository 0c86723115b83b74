// How decisions came about is kept for a while only; what was decided stays in the record of events.
import { decisionRetentionMs, pruneRowsMax } from '../../protocol/limits.ts';
import { idBefore } from '../../protocol/ids.ts';
import { inBatches } from '../store/in-batches.ts';
import type { BatchClock } from '../store/in-batches.ts';
import type { Store } from '../store/store.ts';
import { deleteDecisionsBefore } from './store.ts';

/** Resolves with how many went. Their ids begin with their time, so that the old ones are found by their key. */
export function forgetDecisions(deps: {
  readonly store: Store;
  readonly clock: BatchClock & { now(): number };
}): Promise<number> {
  const { store, clock } = deps;
  return inBatches({ clock, elapsed: () => performance.now() }, async () => {
    const before = idBefore(clock.now() - decisionRetentionMs);
    const [removed] = await store.write([deleteDecisionsBefore(store, before, pruneRowsMax)]);
    return removed?.changes ?? 0;
  });
}
