// Pages of the trail, the newest first.
import type { CompiledQuery } from 'kysely';
import type { AuditEvent } from '../../protocol/api/authority.ts';
import { auditEventSchema } from '../../protocol/api/authority.ts';
import { parseJson } from '../../protocol/json.ts';
import type { AuditEventsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

export interface AuditQuery {
  readonly organization: string;
  readonly limit: number;
  /** The id of the last event of the page before. */
  readonly after: string | null;
  readonly operation?: string | undefined;
  /** Of a principal: its id. */
  readonly principal?: string | undefined;
  readonly result?: AuditEvent['result'] | undefined;
}

/** One row more than `limit`, so that the caller knows whether there is another page. */
export function selectAuditEvents(store: Store, query: AuditQuery): CompiledQuery<AuditEventsTable> {
  let rows = store.db.selectFrom('audit_events').selectAll().where('organization', '=', query.organization);
  if (query.after !== null) rows = rows.where('id', '<', query.after);
  if (query.operation !== undefined) rows = rows.where('operation', '=', query.operation);
  if (query.result !== undefined) rows = rows.where('result', '=', query.result);
  if (query.principal !== undefined) {
    // The column is canonical JSON with `id` first (event.ts), and ids need no escaping.
    rows = rows.where('principal', 'like', `{"id":"${query.principal.replaceAll(/[^0-9a-f-]/g, '')}",%`);
  }
  return rows
    .orderBy('id', 'desc')
    .limit(query.limit + 1)
    .compile();
}

/** An event as the API shows it. */
export function auditView(row: AuditEventsTable): AuditEvent {
  return auditEventSchema.parse({
    id: row.id,
    position: row.position,
    at: row.at,
    principal: row.principal === null ? null : parseJson(row.principal),
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
