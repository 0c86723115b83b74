// Who makes a request, from the moment in which the authentication hook knows it.
import type { FastifyRequest } from 'fastify';
import type { Caller, Presented } from '../authority/caller.ts';

const callers = new WeakMap<FastifyRequest, Caller>();

/** The authentication hook calls it, and every decision, which looks again who asks. */
export function setCaller(request: FastifyRequest, caller: Caller): void {
  callers.set(request, caller);
}

/** The parts of a request that can say who asks. */
export function presentedBy(request: FastifyRequest): Presented {
  const { authorization, cookie, origin, host, dpop } = request.headers;
  return {
    method: request.method,
    authorization,
    cookie,
    origin,
    host,
    dpop: typeof dpop === 'string' ? dpop : undefined,
    url: request.url,
    request: request.id,
  };
}

/** Null before the hook has run, and on routes that ask nobody who they are. */
export function knownCallerOf(request: FastifyRequest): Caller | null {
  return callers.get(request) ?? null;
}

/** Throws where a route was reached without authentication, which is a bug. */
export function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new Error('a route was reached without authentication');
  return caller;
}
