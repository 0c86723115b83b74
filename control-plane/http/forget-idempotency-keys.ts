// Idempotency keys go when they answer nothing any more (rules.md 16).
import { idempotencyMsMax, pruneRowsMax } from '../../protocol/limits.ts';
import { inBatches } from '../store/in-batches.ts';
import type { BatchClock } from '../store/in-batches.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

/** Resolves with how many went. */
export function forgetIdempotencyKeys(deps: {
  readonly store: Store;
  readonly clock: BatchClock & { now(): number };
}): Promise<number> {
  const { store, clock } = deps;
  return inBatches({ clock, elapsed: () => performance.now() }, async () => {
    const [removed] = await store.write([deleteOldKeys(store, clock.now() - idempotencyMsMax)]);
    return removed?.changes ?? 0;
  });
}

function deleteOldKeys({ db }: Store, before: number): Step {
  return step(
    db
      .deleteFrom('idempotency_keys')
      .where((e) =>
        e(
          e.refTuple('principal', 'route', 'key'),
          'in',
          e
            .selectFrom('idempotency_keys')
            .select(['principal', 'route', 'key'])
            .where('created_at', '<=', before)
            .orderBy('created_at')
            .limit(pruneRowsMax)
            .$asTuple('principal', 'route', 'key'),
        ),
      ),
  );
}
