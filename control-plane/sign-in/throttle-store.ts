// Takes room for an attempt before anything is checked, so that guesses in parallel count like guesses in a row, and
// gives it back when the attempt was good. In the store, so that restarts and replicas share what was counted.
import { Failure } from '../../protocol/failures.ts';
import { signInForgetMs, signInSweepRowsMax } from '../../protocol/limits-authority.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step, Store } from '../store/store.ts';
import { step } from '../store/step.ts';
import { counted, waitMs } from './throttle.ts';
import type { Bucket, Count } from './throttle.ts';

interface Deps {
  readonly store: Store;
  readonly clock: { now(): number };
  /** Keyed code of a key, so that what was typed is not stored. */
  readonly mac: (text: string) => string;
}

/** How often counting is tried again when others count at the same time; beyond it there are too many of them. */
const triesMax = 20;

export interface Taken {
  /** Takes the attempt back; belongs into the unit that a good attempt commits. */
  readonly refund: readonly Step[];
}

/** Throws `too_many_requests` with the wait of the way that opens first. */
export async function takeAttempt(deps: Deps, ways: readonly (readonly Bucket[])[]): Promise<Taken> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const now = deps.clock.now();
    const counts = await readCounts(deps, ways.flat());
    const waits = ways.map((way) =>
      Math.max(...way.map(({ key, pace }) => waitMs(pace, counts.get(key) ?? null, now))),
    );
    const open = ways[waits.indexOf(0)];
    if (open === undefined) throw slowDown(Math.min(...waits));
    try {
      await deps.store.write(open.map((bucket) => countStep(deps, bucket, counts.get(bucket.key) ?? null)));
      return { refund: open.map(({ key }) => refundStep(deps, key)) };
    } catch (error) {
      // Somebody else counted in between.
      if (!(error instanceof GuardFailed)) throw error;
    }
  }
  throw slowDown(1_000);
}

function slowDown(ms: number): Failure {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  return new Failure(
    'too_many_requests',
    `There were too many attempts. Wait ${seconds} s, or sign in from a browser that you have used before, with a ` +
      'passkey, or with a code beside your password.',
    { details: { retry_after_ms: seconds * 1_000 } },
  );
}

async function readCounts({ store, mac }: Deps, buckets: readonly Bucket[]): Promise<Map<string, Count>> {
  const keys = new Map(buckets.map(({ key }) => [mac(key), key]));
  const rows = await store.read(
    store.db
      .selectFrom('sign_in_throttles')
      .selectAll()
      .where('key', 'in', [...keys.keys()])
      .compile(),
  );
  return new Map(
    rows.map((row) => [keys.get(row.key) ?? '', { failures: row.failures, lastAt: row.last_at }]),
  );
}

function countStep({ store, clock, mac }: Deps, { key: text }: Bucket, was: Count | null): Step {
  const { failures, lastAt: last_at } = counted(was, clock.now());
  const key = mac(text);
  const guard = { name: 'throttle', exactly: 1 };
  if (was === null) {
    const insert = store.db
      .insertInto('sign_in_throttles')
      .values({ key, failures, last_at })
      .onConflict((conflict) => conflict.doNothing());
    return step(insert, guard);
  }
  const update = store.db
    .updateTable('sign_in_throttles')
    .set({ failures, last_at })
    .where('key', '=', key)
    .where('failures', '=', was.failures)
    .where('last_at', '=', was.lastAt);
  return step(update, guard);
}

function refundStep({ store, mac }: Deps, key: string): Step {
  const update = store.db
    .updateTable('sign_in_throttles')
    .set((row) => ({ failures: row('failures', '-', 1) }))
    .where('key', '=', mac(key))
    .where('failures', '>', 0);
  return step(update);
}

/** Removes what says nothing any more. */
export function forgetThrottles({ store, clock }: Pick<Deps, 'store' | 'clock'>): Step {
  const old = store.db
    .selectFrom('sign_in_throttles')
    .select('key')
    .where('last_at', '<=', clock.now() - signInForgetMs)
    .limit(signInSweepRowsMax);
  return step(store.db.deleteFrom('sign_in_throttles').where('key', 'in', old));
}
