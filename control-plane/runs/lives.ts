// The lives of the store before this one: a restore or a rollback ended each, and agents may still hold intents that
// were signed in it (rules.md 12).
import { earlierIncarnationMs, earlierIncarnationsMax } from '../../protocol/limits.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

export interface StoreLives {
  /** All that are known: an intent of any other one was never ours. */
  readonly known: ReadonlySet<string>;
  /** Those that agents are asked about, newest first: what ended long ago would have been pruned by now. */
  readonly asked: readonly string[];
}

/** Read once for each life of the store: it changes while no process of ours runs, or with a failover. */
export function livesOf(store: Store, clock: { now(): number }): () => Promise<StoreLives> {
  let held: { readonly of: string; readonly lives: Promise<StoreLives> } | null = null;
  return () => {
    if (held?.of !== store.incarnation) {
      const lives = readLives(store, clock.now());
      const mine = { of: store.incarnation, lives };
      held = mine;
      lives.catch(() => {
        if (held === mine) held = null;
      });
    }
    return held.lives;
  };
}

async function readLives(store: Store, now: number): Promise<StoreLives> {
  const rows = await store.read(
    store.db
      .selectFrom('store_incarnations')
      .select(['incarnation', 'ended_at'])
      .where('incarnation', '!=', store.incarnation)
      .orderBy('ended_at', 'desc')
      .compile(),
  );
  return {
    known: new Set(rows.map(({ incarnation }) => incarnation)),
    asked: rows
      .filter(({ ended_at }) => Number(ended_at) > now - earlierIncarnationMs)
      .slice(0, earlierIncarnationsMax)
      .map(({ incarnation }) => incarnation),
  };
}

const settledMeta = 'settled_incarnation';

/** True once the agents have had their time to report after the life of the store that is going on began. */
export async function isSettled(store: Store): Promise<boolean> {
  const [row] = await store.read(
    store.db.selectFrom('store_meta').select('value').where('name', '=', settledMeta).compile(),
  );
  return row?.value === store.incarnation;
}

export function markSettled(store: Store): Step {
  const value = store.incarnation;
  return step(
    store.db
      .insertInto('store_meta')
      .values({ name: settledMeta, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value })),
  );
}
