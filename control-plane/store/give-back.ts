// Gives room that nothing fills any more back to the file system, in small pieces. What was removed makes room for what
// comes; so some of it is kept, or the file would shrink and grow by turns. On PostgreSQL, autovacuum does the same.
import { sql } from 'kysely';
import { freePagesKept, givenBackPagesMax } from '../../protocol/limits.ts';
import { inBatches } from './in-batches.ts';
import type { BatchClock } from './in-batches.ts';
import { step } from './step.ts';
import type { Store } from './store.ts';

interface Pages {
  readonly free: number;
  readonly total: number;
  /** False in a file that was made before this program gave anything back. */
  readonly movable: number;
}

/** A tenth of the file may be free. */
const freeShare = 0.1;

/** Resolves with the number of pages. */
export function giveBack(deps: {
  readonly store: Store;
  readonly clock: BatchClock;
  readonly isOver?: () => boolean;
}): Promise<number> {
  const { store, ...by } = deps;
  if (store.engine === 'postgres') return Promise.resolve(0);
  return inBatches({ ...by, elapsed: () => performance.now() }, async () => {
    const [pages] = await store.read(countPages.compile(store.db));
    if (pages === undefined || pages.movable !== incremental) return 0;
    const tooMany = pages.free - Math.max(freePagesKept, Math.ceil(pages.total * freeShare));
    if (tooMany <= 0) return 0;
    const count = Math.min(tooMany, givenBackPagesMax);
    await store.write([step(sql`pragma incremental_vacuum(${sql.lit(count)})`.compile(store.db))]);
    return count;
  });
}

/** What `pragma auto_vacuum` says of a file whose pages can be moved together. */
const incremental = 2;

const countPages = sql<Pages>`select freelist_count as free, page_count as total, auto_vacuum as movable
  from pragma_freelist_count, pragma_page_count, pragma_auto_vacuum`;
