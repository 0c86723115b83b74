// What became of a commit whose answer was lost with its connection: every transaction leaves a mark in the store, which
// is there if and only if the transaction is, also after a crash or a failover of the database.
import type { Link } from './link.ts';

/** A row of store_meta: one for each control plane, with another value for each of its transactions. */
export interface Mark {
  readonly name: string;
  readonly value: string;
}

/** Names of marks begin with it. */
export const markPrefix = 'commit:';

/**
 * `committed` only where it is also as durable as any other commit; `lost` where it was rolled back; null while the
 * session that was lost may still commit.
 */
export async function findOutcome(
  link: Link,
  { mark, backend }: { readonly mark: Mark; readonly backend: Link['backend'] },
): Promise<'committed' | 'lost' | null> {
  // It may still hold its locks, and wait for a statement that never comes.
  const { rows: alive } = await link.send(
    `select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and backend_start::text = $2`,
    [backend.pid, backend.startedAt],
  );
  if (alive.length > 0) return null;
  // A commit that was cut off while it waited for a standby is only here. What is committed after it is written after
  // it, so when this one has reached the standby, that one has.
  const { changes } = await link.send('update store_meta set value = value where name = $1 and value = $2', [
    mark.name,
    mark.value,
  ]);
  return changes === 1 ? 'committed' : 'lost';
}
