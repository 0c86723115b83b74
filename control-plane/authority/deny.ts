// A denial is written down with its trace before it is answered, so that it can be explained later.
import type { FastifyRequest } from 'fastify';
import type { Store } from '../store/store.ts';
import type { Decision } from './authorize.ts';
import type { Caller } from './caller.ts';
import type { AuditTrail } from '../audit/trail.ts';
import { entryOf } from './change.ts';
import { insertDecision } from './store.ts';
import { traceOf } from './trace.ts';

/** One unit: the trace and the audit event. */
export async function recordDenied(
  deps: { readonly store: Store; readonly audit: AuditTrail },
  denial: { readonly decision: Decision; readonly caller: Caller; readonly request: FastifyRequest },
): Promise<void> {
  const { decision, caller } = denial;
  await deps.audit.recordDenial(
    {
      ...entryOf(denial),
      operation: 'access',
      resource: decision.resource.join('/'),
      details: { reason: decision.reason },
    },
    [insertDecision(deps.store, caller.principal.organization, traceOf(decision))],
  );
}
