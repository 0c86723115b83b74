// Notices that the database is not the one that it was: failed over to a standby, or brought back from an older copy.
// What was committed last may be gone, so it gets a new incarnation, and agents get new sessions (rules.md 12).
import { randomUUID } from 'node:crypto';
import { restoredSessionsStep } from '../../../protocol/limits.ts';
import { failoverMeta } from '../notes.ts';
import type { Failover } from '../notes.ts';
import type { Link } from './link.ts';
import { setMeta } from './meta.ts';
import { inTransaction, lockOfSchema } from './prepare-database.ts';

const clusterMeta = 'cluster';

/**
 * The cluster, its timeline and the database in it. Each failover and each recovery begins a timeline; a copy that was
 * loaded into another database has another number. Null where the server does not tell.
 */
async function readCluster(link: Link): Promise<string | null> {
  try {
    const { rows } = await link.send(
      `select (select system_identifier from pg_control_system())::text || '/' ||
          substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '/' ||
          (select oid from pg_database where datname = current_database())::text as cluster`,
    );
    const found = rows[0]?.['cluster'];
    return typeof found === 'string' ? found : null;
  } catch (cause) {
    if (link.isLost) throw cause;
    return null;
  }
}

export interface Incarnation {
  readonly incarnation: string;
  /** True where it was made now. */
  readonly isNew: boolean;
  /** False where the server does not tell what it is, so that a rollback would pass unseen. */
  readonly isWatched: boolean;
}

/** Comes with every connection that writes; of several control planes, one changes what all read then. */
export async function settleIncarnation(link: Link): Promise<Incarnation> {
  const cluster = await readCluster(link);
  const known = await readIdentity(link);
  if (cluster === null) return { incarnation: known.incarnation, isNew: false, isWatched: false };
  if (known.cluster === cluster) return { incarnation: known.incarnation, isNew: false, isWatched: true };
  return inTransaction(link, async () => {
    await link.send(lockOfSchema);
    const now = await readIdentity(link);
    if (now.cluster === cluster) return { incarnation: now.incarnation, isNew: false, isWatched: true };
    await setMeta(link, clusterMeta, cluster);
    // A database that was just made has no past that it could have lost.
    if (now.cluster === null) return { incarnation: now.incarnation, isNew: false, isWatched: true };
    const incarnation = await beginIncarnation(link, now.incarnation);
    await noteFailover(link, { before: { ...now, cluster: now.cluster }, after: { incarnation, cluster } });
    return { incarnation, isNew: true, isWatched: true };
  });
}

async function readIdentity(
  link: Link,
): Promise<{ readonly incarnation: string; readonly cluster: string | null }> {
  const { rows } = await link.send(
    `select name, value from store_meta where name in ('incarnation', 'cluster')`,
  );
  const values = new Map(rows.map((row) => [row['name'], String(row['value'])]));
  return { incarnation: values.get('incarnation') ?? '', cluster: values.get(clusterMeta) ?? null };
}

interface Known {
  readonly incarnation: string;
  readonly cluster: string;
}

/** For the audit trail, which the next start writes. */
async function noteFailover(
  link: Link,
  { before, after }: { readonly before: Known; readonly after: Known },
): Promise<void> {
  const { rows } = await link.send(
    'select cast(extract(epoch from clock_timestamp()) * 1000 as bigint) as now',
  );
  const failover: Failover = {
    noticed_at: Number(rows[0]?.['now']),
    from_incarnation: before.incarnation,
    to_incarnation: after.incarnation,
    from_cluster: before.cluster,
    to_cluster: after.cluster,
  };
  await setMeta(link, failoverMeta, JSON.stringify(failover));
}

/** `former` is remembered: agents may still show intents of it, and certificates that are newer than this data. */
async function beginIncarnation(link: Link, former: string): Promise<string> {
  const incarnation = randomUUID();
  await link.send(`update store_meta set value = $1 where name = 'incarnation'`, [incarnation]);
  await link.send(
    `insert into store_meta (name, value) values ('revocation_epoch', '1')
     on conflict (name) do update set value = cast(cast(store_meta.value as bigint) + 1 as text)`,
  );
  await link.send(
    `insert into store_incarnations (incarnation, epoch, reason, backup_at, ended_at)
     values ($1, (select cast(value as bigint) from store_meta where name = 'revocation_epoch'), 'rollback', null,
       cast(extract(epoch from clock_timestamp()) * 1000 as bigint))
     on conflict (incarnation) do nothing`,
    [former],
  );
  // Higher than any number that was given out after the copy, so that what still comes under one is refused.
  await link.send(
    `update agents set session = session + $1, incarnation = null, may_be_ahead = 1,
       disconnected_at = case when connected_at is null then disconnected_at
         else cast(extract(epoch from clock_timestamp()) * 1000 as bigint) end`,
    [restoredSessionsStep],
  );
  return incarnation;
}
