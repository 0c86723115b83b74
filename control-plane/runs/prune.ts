// Retention: runs that ended long ago go, in batches, and leave tombstones (rules.md 16).
import { pruneRowsMax, runRetentionMsDefault, tombstoneMs } from '../../protocol/limits.ts';
import { listOf } from './lists.ts';
import type { RunParts } from './parts.ts';

/** One batch of runs that ended at least `retentionMs` ago; resolves with how many went. */
export async function pruneRuns(
  parts: Pick<RunParts, 'store' | 'sql' | 'reads' | 'clock' | 'retentionMs'>,
): Promise<number> {
  const { retentionMs = runRetentionMsDefault } = parts;
  const now = parts.clock.now();
  const ended = await parts.store.read(
    parts.reads.ended({ ageMs: retentionMs, before: idBefore(now - retentionMs), limit: pruneRowsMax }),
  );
  if (ended.length > 0) await parts.store.write(parts.sql.forget(listOf(ended.map(({ id }) => id))));
  await parts.store.write([parts.sql.forgetTombstones(now - tombstoneMs)]);
  return ended.length;
}

/** Ids are UUIDv7 (RFC 9562, section 5.7): they begin with the time, so that old ones are found by their key. */
function idBefore(at: number): string {
  const hex = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
