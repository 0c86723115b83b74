// What a list or a tail of the trail is narrowed to. A filter is looked for in a bounded stretch at a time, so that a
// rare event in a long trail costs many short questions and never one long one.
import { sql } from 'kysely';
import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';
import type { Database } from '../store/schema.ts';

export interface AuditFilter {
  readonly operation?: string | undefined;
  /** The id of a principal: what it did, and what it did for others. */
  readonly principal?: string | undefined;
  readonly result?: 'allowed' | 'denied' | 'failed' | undefined;
  /** A resource and what lies below it, for instance `projects/0192…`. */
  readonly resource?: string | undefined;
  readonly permission?: string | undefined;
  readonly decision?: string | undefined;
}

type Builder = ExpressionBuilder<Database, 'audit_events'>;

/** The members that are asked for. */
export function membersOf(filter: AuditFilter): AuditFilter {
  const { operation, principal, result, resource, permission, decision } = filter;
  const members = { operation, principal, result, resource, permission, decision };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

export function matching(filter: AuditFilter) {
  return (build: Builder): ExpressionWrapper<Database, 'audit_events', SqlBool> => {
    const conditions: ExpressionWrapper<Database, 'audit_events', SqlBool>[] = [];
    const { principal, resource } = filter;
    for (const column of ['operation', 'result', 'permission', 'decision'] as const) {
      const value = filter[column];
      if (value !== undefined) conditions.push(build(column, '=', value));
    }
    if (principal !== undefined) {
      // The columns are canonical JSON with `id` first (event.ts), and ids need no escaping.
      const id = principal.replaceAll(/[^0-9a-f-]/g, '');
      conditions.push(
        build.or([
          build('principal', 'like', `{"id":"${id}",%`),
          build('actors', 'like', `%{"id":"${id}",%`),
        ]),
      );
    }
    if (resource !== undefined) {
      const below = `${resource.replaceAll(/[\\%_]/g, String.raw`\$&`)}/%`;
      conditions.push(
        build.or([build('resource', '=', resource), sql<SqlBool>`resource like ${below} escape '\\'`]),
      );
    }
    return build.and(conditions);
  };
}
