// Watching one run: first what the store has, then what is committed from now on, without a gap and without a
// duplicate. A watcher that cannot keep up is sent back to the store; it never holds anybody up.
import type { RunEvent } from '../../protocol/api/runs.ts';
import { runEventsPageMax, watchEventsMax } from '../../protocol/limits.ts';
import { isFinal } from '../../protocol/states.ts';
import type { RunFacts } from './contract.ts';
import { eventOfRow } from './events.ts';
import type { EventRow } from './events.ts';
import type { RunParts } from './parts.ts';

type Watching = Pick<RunParts, 'store' | 'reads' | 'bus'>;

export interface EventPage {
  readonly items: readonly RunEvent[];
  /** True where the run has ended and these are its last events. */
  readonly complete: boolean;
}

/** Up to `limit` events behind number `after`. */
export async function readRunEvents(
  parts: Pick<RunParts, 'store' | 'reads'>,
  of: { readonly run: string; readonly after: number; readonly limit?: number },
): Promise<EventPage> {
  const { run, after, limit = runEventsPageMax } = of;
  const [rows, facts] = (await parts.store.snapshot([
    parts.reads.events({ run, after, limit }),
    parts.reads.facts({ run }),
  ])) as unknown as [EventRow[], RunFacts[]];
  const items = rows.map(eventOfRow);
  const last = items.at(-1)?.seq ?? after;
  const [found] = facts;
  return { items, complete: found === undefined || (isFinal(found.state) && last >= found.last_event) };
}

/**
 * The events of a run behind number `after`, until it has ended. Subscribes before it reads, so that nothing falls
 * between. Its `return` ends it at once, also while it waits.
 */
export function watchRun(
  parts: Watching,
  of: { readonly run: string; readonly after: number },
): AsyncIterableIterator<RunEvent> {
  const live = subscribe(parts, of.run);
  let ready: RunEvent[] = [];
  let last = of.after;
  let ended = false;
  let mustRead = true;

  const take = (event: RunEvent): IteratorResult<RunEvent> => {
    last = event.seq;
    if (event.kind === 'state' && isFinal(event.state) && !live.hasMore() && ready.length === 0) ended = true;
    return { done: false, value: event };
  };
  const stop = (): IteratorResult<RunEvent> => {
    ended = true;
    live.close();
    return { done: true, value: undefined };
  };

  const next = async (): Promise<IteratorResult<RunEvent>> => {
    for (;;) {
      const first = ready.shift();
      if (first !== undefined) return take(first);
      if (ended || live.isClosed()) return stop();
      if (mustRead) {
        const page = await readRunEvents(parts, { run: of.run, after: last });
        ready = [...page.items];
        if (page.complete) ended = true;
        mustRead = page.items.length === runEventsPageMax && !page.complete;
        continue;
      }
      const event = await live.next(last);
      if (event === 'read') mustRead = true;
      else if (event !== 'closed') return take(event);
    }
  };

  return {
    next,
    return: () => Promise.resolve(stop()),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

interface Live {
  /** The event behind number `last`; `read` where it must be read from the store. Waits where there is none yet. */
  next(last: number): Promise<RunEvent | 'read' | 'closed'>;
  hasMore(): boolean;
  isClosed(): boolean;
  close(): void;
}

function subscribe(parts: Pick<Watching, 'bus'>, run: string): Live {
  let buffer: RunEvent[] = [];
  let lost = false;
  let closed = false;
  let wake = (): void => undefined;
  const unsubscribe = parts.bus.subscribe(run, (events) => {
    // A hint without events says that there is something to read; so does more than the buffer holds.
    if (events.length === 0 || buffer.length + events.length > watchEventsMax) {
      lost = true;
      buffer = [];
    } else if (!lost) {
      buffer.push(...events);
    }
    wake();
  });
  return {
    async next(last) {
      for (;;) {
        if (closed) return 'closed';
        if (lost) {
          lost = false;
          return 'read';
        }
        const event = buffer.shift();
        if (event === undefined) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        if (event.seq <= last) continue;
        if (event.seq === last + 1) return event;
        // Commits of one run may be told out of order; the store knows the order.
        return 'read';
      }
    },
    hasMore: () => lost || buffer.length > 0,
    isClosed: () => closed,
    close() {
      closed = true;
      unsubscribe();
      wake();
    },
  };
}
