// What became of a commit whose answer was lost with its connection: the database remembers it by its transaction.
import type { Link } from './link.ts';

/** The transaction of a lost connection. */
export interface LostCommit {
  readonly xid: string;
  readonly backend: Link['backend'];
  /** Of the database that it was sent to: another one never heard of it. */
  readonly incarnation: string;
}

/**
 * `committed` only where it is also as durable as any other commit; `lost` where it was rolled back; null where the
 * database cannot say it yet.
 */
export async function findOutcome(
  link: Link,
  { xid, backend }: LostCommit,
): Promise<'committed' | 'lost' | null> {
  // Our old session may still hold its locks and wait for a statement that never comes.
  await link.send(
    `select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and backend_start::text = $2`,
    [backend.pid, backend.startedAt],
  );
  const { rows } = await link.send(`select pg_xact_status(cast($1::text as xid8)) as status`, [xid]);
  switch (rows[0]?.['status']) {
    case 'committed':
      // A commit that was cut off while it waited for a standby is only here. What is committed after it is written
      // after it, so when this one has reached the standby, that one has.
      await link.send(
        `insert into store_meta (name, value) values ('commit_probe', $1)
         on conflict (name) do update set value = excluded.value`,
        [xid],
      );
      return 'committed';
    case 'aborted':
      return 'lost';
    default:
      return null;
  }
}
