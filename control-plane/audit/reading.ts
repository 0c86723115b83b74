// What the routes of the trail share: whose events are asked for, and that whoever reads the trail appears in it.
import { findPrincipal } from '../authority/find.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Audit } from './audit.ts';
import { membersOf } from './filter.ts';
import type { AuditFilter } from './filter.ts';

export type AuditRouteDeps = RouteDeps & ChangeDeps & { readonly audit: Audit };

/** With the principal's id, whether it was named by id or by name. */
export function filterOf(deps: AuditRouteDeps, query: AuditFilter): AuditFilter {
  const { principal } = query;
  if (principal === undefined) return membersOf(query);
  return membersOf({ ...query, principal: findPrincipal(deps.authority.policy(), principal).id });
}

/** Whoever reads the trail appears in it, before it is shown. */
export async function recordReading(
  deps: AuditRouteDeps,
  context: ChangeContext,
  operation: string,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  await commitChange(deps, context, { operation, resource: 'audit', details, steps: [] });
}
