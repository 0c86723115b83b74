// Says at start what about the database could lose acknowledged writes (rules.md 12).
import type { Link } from './link.ts';

/** Sentences for the log; none where everything is as it should be. */
export async function durabilityWarnings(link: Link): Promise<readonly string[]> {
  const { rows } = await link.send(
    `select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
        current_setting('synchronous_standby_names') as synchronous,
        (select count(*) from pg_stat_get_wal_senders()) as standbys`,
  );
  const [row] = rows;
  return row === undefined
    ? []
    : warningsOf({
        fsync: String(row['fsync']),
        fullPageWrites: String(row['full_page_writes']),
        synchronous: String(row['synchronous']),
        standbys: Number(row['standbys']),
      });
}

export function warningsOf(found: {
  readonly fsync: string;
  readonly fullPageWrites: string;
  readonly synchronous: string;
  readonly standbys: number;
}): readonly string[] {
  const warnings: string[] = [];
  if (found.fsync === 'off' || found.fullPageWrites === 'off') {
    warnings.push(
      'The database runs with fsync or full_page_writes off: a power loss can lose what was acknowledged, or all of ' +
        'it. Set both to on.',
    );
  }
  if (found.standbys > 0 && found.synchronous.trim() === '') {
    warnings.push(
      `The database has ${found.standbys} standby servers and waits for none of them: a failover loses what was ` +
        "acknowledged last. Set synchronous_standby_names, for instance to 'ANY 1 (*)'.",
    );
  }
  return warnings;
}
