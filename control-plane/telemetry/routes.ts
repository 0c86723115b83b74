// The routes that whoever operates a control plane asks: alive, ready, and the metrics.
import type { FastifyInstance } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

interface Deps extends RouteDeps {
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
  readonly readiness: Readiness;
}

const hidden = { config: { permission: 'public' }, schema: { hide: true } as never } as const;

export function telemetryRoutes(app: FastifyInstance, deps: Deps): void {
  // Says that the process answers, and nothing else: a process whose database is away is not helped by a restart.
  app.get('/healthz', hidden, () => ({ status: 'ok' }));
  app.get('/readyz', hidden, async () => {
    const reasons = await deps.readiness.hindrances();
    if (reasons.length === 0) return { status: 'ready' };
    const why = reasons.map(({ message }) => message).join(' ');
    throw new Failure('unavailable', `Not ready. ${why}`, { details: { reasons } });
  });
  route(app, deps, {
    method: 'GET',
    url: '/metrics',
    permission: 'operations.metrics.read',
    summary: 'The metrics of this process, in the text format of Prometheus',
    tag: 'operations',
    answers: { 200: null },
    streams: { 200: 'text/plain' },
    handler: async () => ({
      status: 200,
      headers: { 'content-type': deps.metrics.contentType },
      body: await deps.metrics.render(),
    }),
  });
}
