// Events of sign-in: about a person who acts for themselves, by no permission and before any decision.
import type { FastifyRequest } from 'fastify';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { Step } from '../store/store.ts';
import type { SignInDeps } from './deps.ts';

/** The step that says it. */
export function signInEvent(
  deps: Pick<SignInDeps, 'audit'>,
  event: {
    readonly principal: PrincipalRecord;
    readonly operation: string;
    readonly resource: string;
    readonly details: Readonly<Record<string, unknown>>;
    readonly request: FastifyRequest | null;
    readonly result?: 'allowed' | 'denied';
  },
): Step {
  const { id, name, kind, organization } = event.principal;
  return deps.audit.step({
    organization,
    principal: { id, name, kind },
    operation: event.operation,
    permission: null,
    resource: event.resource,
    result: event.result ?? 'allowed',
    decision: null,
    details: event.details,
    request: event.request === null ? {} : requestFacts(event.request),
  });
}

/** The path only: a query may carry a code that is good once. */
function requestFacts(request: FastifyRequest): Record<string, unknown> {
  return {
    id: request.id,
    method: request.method,
    path: request.url.split('?')[0],
    ip: request.ip,
    user_agent: userAgentOf(request),
  };
}

export function userAgentOf(request: FastifyRequest): string {
  return (request.headers['user-agent'] ?? '').slice(0, 200);
}
