// Requests that nobody signed are counted, not chained: whoever floods the door must not fill the trail.
import { sql } from 'kysely';
import { auditDenialReasonsMax, denialCountsKeptMs } from '../../protocol/limits.ts';
import { step } from '../store/step.ts';
import type { Store } from '../store/store.ts';

export interface DenialCounter {
  /** Counts one in memory. `reason` is a failure code, never what the client sent. */
  count(reason: string): void;
  /** Adds the counts to those of the day (UTC), durably. Counts that could not be written are kept. */
  flush(): Promise<void>;
}

export function openDenialCounter(deps: {
  readonly store: Store;
  readonly clock: { now(): number };
}): DenialCounter {
  let counts = new Map<string, number>();
  const add = (reason: string, amount: number) => {
    const known = counts.has(reason) || counts.size < auditDenialReasonsMax ? reason : 'other';
    counts.set(known, (counts.get(known) ?? 0) + amount);
  };
  return {
    count: (reason) => add(reason, 1),
    flush: async () => {
      if (counts.size === 0) return;
      const taken = counts;
      counts = new Map();
      const day = new Date(deps.clock.now()).toISOString().slice(0, 10);
      const unit = [...taken].map(([reason, count]) =>
        step(
          deps.store.db
            .insertInto('audit_denials')
            .values({ reason, day, count })
            .onConflict((conflict) =>
              conflict.columns(['reason', 'day']).doUpdateSet({
                count: sql<number>`audit_denials.count + excluded.count`,
              }),
            ),
        ),
      );
      try {
        await deps.store.write(unit);
      } catch (cause) {
        for (const [reason, count] of taken) add(reason, count);
        throw cause;
      }
    },
  };
}

/** Counts of days long ago go; resolves with how many. There is one row for each reason and day. */
export async function forgetDenialCounts(deps: {
  readonly store: Store;
  readonly clock: { now(): number };
}): Promise<number> {
  const day = new Date(deps.clock.now() - denialCountsKeptMs).toISOString().slice(0, 10);
  const [removed] = await deps.store.write([
    step(deps.store.db.deleteFrom('audit_denials').where('day', '<', day)),
  ]);
  return removed?.changes ?? 0;
}
