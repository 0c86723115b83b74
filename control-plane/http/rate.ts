// How often somebody may ask: so many requests a minute for each token, and few for an address whose tokens are no
// good, so that trying them out leads nowhere.
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import { rateKeysMax, requestsPerFailedSignIn } from '../../protocol/limits.ts';
import { knownCallerOf } from './callers.ts';

const timeWindow = 60_000;

/** Runs behind authentication and before the body is read; requests without a caller count for their address. */
export async function limitRate(app: FastifyInstance, requestsPerMinute: number): Promise<void> {
  await app.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow,
    cache: rateKeysMax,
    hook: 'onRequest',
    keyGenerator: (request) => knownCallerOf(request)?.credential?.id ?? request.ip,
    errorResponseBuilder: (_request, { ttl, max }) => tooMany(ttl, `the limit is ${max} requests a minute`),
  });
}

/** Counts a request that could not be authenticated; throws `too_many_requests` beyond the limit. */
export function limitStrangers(
  app: FastifyInstance,
  requestsPerMinute: number,
): (request: FastifyRequest) => Promise<void> {
  const check = app.createRateLimit({
    max: Math.ceil(requestsPerMinute / requestsPerFailedSignIn),
    timeWindow,
    keyGenerator: (request) => request.ip,
  });
  return async (request) => {
    const counted = await check(request);
    if (!counted.isAllowed && counted.isExceeded) {
      throw tooMany(counted.ttl, 'this address has sent too many tokens that are no good');
    }
  };
}

function tooMany(ms: number, why: string): Failure {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  return new Failure('too_many_requests', `Wait ${seconds} s, then go on; ${why}.`, {
    details: { retry_after_ms: seconds * 1_000 },
  });
}
