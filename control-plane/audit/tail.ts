// The trail as it grows, in the order of the chain: an event comes once it has its position, a moment after its commit,
// so that whoever resumes behind a position misses nothing and sees nothing twice.
import { auditScanRowsMax, auditTailRowsMax } from '../../protocol/limits.ts';
import type { AuditEventsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { matching } from './filter.ts';
import type { AuditFilter } from './filter.ts';

export interface TailQuery extends AuditFilter {
  readonly organization: string;
  /** The last position that was seen. */
  readonly after: number;
}

/** Wakes whoever waits for events that got their positions. */
export interface Growth {
  grown(): void;
  /** Resolves at the next growth or after `ms`, or when `stopped` is called. */
  wait(ms: number): { readonly done: Promise<void>; stop(): void };
}

export function openGrowth(clock: { after(ms: number, wake: () => void): () => void }): Growth {
  const waiting = new Set<() => void>();
  return {
    grown() {
      for (const wake of [...waiting]) wake();
    },
    wait(ms) {
      let stop = (): void => undefined;
      const done = new Promise<void>((resolve) => {
        stop = () => {
          waiting.delete(stop);
          cancel();
          resolve();
        };
        const cancel = clock.after(ms, () => stop());
        waiting.add(stop);
      });
      return { done, stop: () => stop() };
    },
  };
}

/** Goes on until `return` is called, also while `next` waits. Looks by itself every `sweepMs`, for other processes. */
export function tailAudit(
  deps: { readonly store: Store; readonly growth: Growth },
  query: TailQuery,
  sweepMs: number,
): AsyncIterator<AuditEventsTable> {
  let rows: readonly AuditEventsTable[] = [];
  let at = query.after;
  let ended = false;
  let waiting: { stop(): void } | null = null;
  const done = { done: true, value: undefined } as const;
  return {
    async next() {
      for (;;) {
        const [first, ...rest] = rows;
        if (ended) return done;
        if (first !== undefined) {
          rows = rest;
          return { done: false, value: first };
        }
        // Registered before it is read, so that nothing grows unseen in between.
        const growth = deps.growth.wait(sweepMs);
        waiting = growth;
        const stretch = await readStretch(deps.store, { ...query, after: at });
        rows = stretch.rows;
        const moved = stretch.to > at;
        at = stretch.to;
        if (!moved && !ended) await growth.done;
        growth.stop();
        waiting = null;
      }
    },
    async return() {
      ended = true;
      waiting?.stop();
      return done;
    },
  };
}

/** The events that match in the next stretch of the chain, and how far it reaches. */
async function readStretch(
  store: Store,
  query: TailQuery,
): Promise<{ readonly rows: readonly AuditEventsTable[]; readonly to: number }> {
  const chained = store.db.selectFrom('audit_events').where('organization', '=', query.organization);
  const [found, newest] = await store.snapshot([
    chained
      .selectAll()
      .where('position', '>', query.after)
      .where('position', '<=', query.after + auditScanRowsMax)
      .where(matching(query))
      .orderBy('position')
      .limit(auditTailRowsMax)
      .compile(),
    chained
      .select('position')
      .where('position', 'is not', null)
      .orderBy('position', 'desc')
      .limit(1)
      .compile(),
  ]);
  const rows = (found ?? []) as unknown as readonly AuditEventsTable[];
  const last = rows.at(-1)?.position ?? query.after;
  const end = Number(newest?.[0]?.['position'] ?? query.after);
  // A full batch says nothing about what lies behind its last row.
  if (rows.length >= auditTailRowsMax) return { rows, to: last };
  return { rows, to: Math.max(query.after, Math.min(end, query.after + auditScanRowsMax)) };
}

/** Looks at the newest `auditScanRowsMax` events; where fewer match, it is the position before those. */
export async function beforeLast(
  store: Store,
  query: Omit<TailQuery, 'after'>,
  count: number,
): Promise<number> {
  const chained = store.db
    .selectFrom('audit_events')
    .select('position')
    .where('organization', '=', query.organization)
    .where('position', 'is not', null)
    .orderBy('position', 'desc');
  const [newest] = await store.read(chained.limit(1).compile());
  const end = newest?.position ?? 0;
  if (count === 0) return end;
  const matched = await store.read(
    chained
      .where('position', '>', end - auditScanRowsMax)
      .where('position', '<=', end)
      .where(matching(query))
      .limit(count)
      .compile(),
  );
  return (matched.at(-1)?.position ?? end + 1) - 1;
}
