// Every change is one unit: the decision still holds, the rows change, and the audit event says so. All or none.
import type { FastifyRequest } from 'fastify';
import { userAgentCharactersMax } from '../../protocol/limits.ts';
import type { AuditActor, AuditEntry as TrailEntry } from '../audit/event.ts';
import type { AuditTrail as FullTrail } from '../audit/trail.ts';
import type { Step, StepResult, Store } from '../store/store.ts';
import type { Decision } from './authorize.ts';
import type { Caller } from './caller.ts';

/** The part of the audit trail that changes need. */
export type AuditTrail = Pick<FullTrail, 'step'>;
export type AuditEntry = TrailEntry;

export interface ChangeDeps {
  readonly store: Store;
  readonly audit: AuditTrail;
}

export interface ChangeContext {
  readonly caller: Caller;
  readonly decision: Decision;
  readonly guard: Step;
  readonly request: FastifyRequest;
}

/** Commits a change; resolves when it is durable, with the results of `steps` in their order. */
export async function commitChange(
  deps: ChangeDeps,
  context: ChangeContext,
  change: {
    readonly operation: string;
    readonly resource: string;
    readonly details: Readonly<Record<string, unknown>>;
    readonly steps: readonly Step[];
  },
): Promise<readonly StepResult[]> {
  const event = deps.audit.step({
    ...entryOf(context),
    operation: change.operation,
    resource: change.resource,
    result: 'allowed',
    details: {
      ...change.details,
      trace: { matched: context.decision.matched, policy: context.decision.policy_revision },
    },
  });
  const results = await deps.store.write([context.guard, ...change.steps, event]);
  return results.slice(1, -1);
}

/** Who did it, by which right, over which request. */
export function entryOf(
  context: Omit<ChangeContext, 'guard'>,
): Pick<AuditEntry, 'organization' | 'principal' | 'actors' | 'permission' | 'decision' | 'request'> {
  const { principal, actors } = context.caller;
  return {
    organization: principal.organization,
    principal: actorOf(principal),
    actors: actors.map(actorOf),
    permission: context.decision.permission,
    decision: context.decision.id,
    request: requestFacts(context.request, context.caller),
  };
}

function actorOf({ id, name, kind }: Caller['principal']): AuditActor {
  return { id, name, kind };
}

function requestFacts(request: FastifyRequest, { credential }: Caller): Record<string, unknown> {
  // In the order of the canonical form, which then costs nothing.
  return {
    credential: credential === null ? null : { id: credential.id, kind: credential.kind },
    id: request.id,
    ip: request.ip,
    // Whether sensitive permissions could be used, too.
    level: credential?.elevated === true ? 'elevated' : 'reduced',
    method: request.method,
    // The path only: a query may carry what somebody typed.
    path: request.url.split('?')[0],
    user_agent: (request.headers['user-agent'] ?? '').slice(0, userAgentCharactersMax),
  };
}
