// Pages of the trail, the newest first.
import type { AuditEvent } from '../../protocol/api/audit.ts';
import { auditEventSchema } from '../../protocol/api/audit.ts';
import { parseJson } from '../../protocol/json.ts';
import { auditScanRowsMax } from '../../protocol/limits.ts';
import type { AuditEventsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { firstIdAt } from './event-id.ts';
import { matching, membersOf } from './filter.ts';
import type { AuditFilter } from './filter.ts';

export interface AuditQuery extends AuditFilter {
  readonly organization: string;
  readonly limit: number;
  /** The id of the last event of the page before. */
  readonly after: string | null;
  /** Epoch ms; events of that time are in. */
  readonly since?: number | undefined;
  /** Epoch ms; events of that time are out. */
  readonly until?: number | undefined;
}

export interface AuditPage {
  readonly rows: readonly AuditEventsTable[];
  /** The id behind which the next page goes on; null at the end. */
  readonly next: string | null;
}

/**
 * One page. With a filter it looks at `auditScanRowsMax` rows at the most: a page may have fewer rows than asked for,
 * even none, and still have one behind it.
 */
export async function readAuditPage(store: Store, query: AuditQuery): Promise<AuditPage> {
  const filtered = Object.keys(membersOf(query)).length > 0;
  const oldest = filtered ? await oldestToLookAt(store, query) : null;
  let rows = inRange(store, query).selectAll().where(matching(query));
  if (oldest !== null) rows = rows.where('id', '>=', oldest);
  const found = await store.read(
    rows
      .orderBy('id', 'desc')
      .limit(query.limit + 1)
      .compile(),
  );
  const page = found.slice(0, query.limit);
  const more = found.length > query.limit;
  return { rows: page, next: more ? (page.at(-1)?.id ?? null) : oldest };
}

function inRange(store: Store, { organization, after, since, until }: AuditQuery) {
  let rows = store.db.selectFrom('audit_events').where('organization', '=', organization);
  if (after !== null) rows = rows.where('id', '<', after);
  if (since !== undefined) rows = rows.where('id', '>=', firstIdAt(since));
  if (until !== undefined) rows = rows.where('id', '<', firstIdAt(until));
  return rows;
}

/** Null where the rest is no longer than what one page may look at. */
async function oldestToLookAt(store: Store, query: AuditQuery): Promise<string | null> {
  const [row] = await store.read(
    inRange(store, query)
      .select('id')
      .orderBy('id', 'desc')
      .limit(1)
      .offset(auditScanRowsMax - 1)
      .compile(),
  );
  return row?.id ?? null;
}

/** An event as the API shows it. */
export function auditView(row: AuditEventsTable): AuditEvent {
  return auditEventSchema.parse({
    id: row.id,
    position: row.position,
    at: row.at,
    principal: row.principal === null ? null : parseJson(row.principal),
    actors: row.actors === null ? [] : parseJson(row.actors),
    operation: row.operation,
    permission: row.permission,
    resource: row.resource,
    result: row.result,
    decision: row.decision,
    details: parseJson(row.details),
    request: parseJson(row.request),
    hash: row.hash,
  });
}
