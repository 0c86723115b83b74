// Counts requests by route, method and class of their status. A request costs the addition of one; what Prometheus
// reads is made of that when it asks.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Counter, Histogram } from 'prom-client';

interface Tally {
  readonly route: string;
  readonly method: string;
  readonly status: string;
  count: number;
}

export interface HttpMeter {
  /** Before the first route is registered. */
  watch(app: FastifyInstance): void;
  /** Puts what was counted into the counter. */
  fill(counter: Counter<'route' | 'method' | 'status'>): void;
}

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function httpMeter(duration: Histogram): HttpMeter {
  const tallies = new Map<string, Tally>();
  const tallyOf = (request: FastifyRequest, statusCode: number): Tally => {
    const route = (request.is404 ? undefined : request.routeOptions.url) ?? 'none';
    const method = methods.has(request.method) ? request.method : 'other';
    const status = `${Math.trunc(statusCode / 100)}xx`;
    const key = `${method} ${route} ${status}`;
    const known = tallies.get(key);
    if (known !== undefined) return known;
    const fresh = { route, method, status, count: 0 };
    tallies.set(key, fresh);
    return fresh;
  };
  return {
    watch(app) {
      app.addHook('onResponse', (request, reply, done) => {
        tallyOf(request, reply.statusCode).count += 1;
        if (request.routeOptions.config.streams === undefined) duration.observe(reply.elapsedTime / 1_000);
        done();
      });
    },
    fill(counter) {
      counter.reset();
      for (const { count, ...labels } of tallies.values()) counter.inc(labels, count);
    },
  };
}
