// Traces over OTLP: what is sent where, and the span of the request that presses. The spans of a run are made beside it
// (run-spans.ts). Nothing here is global: two control planes in one process do not see one another.
import { AsyncLocalStorage } from 'node:async_hooks';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Span } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Sampler } from '@opentelemetry/sdk-trace';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { tracesFlushMsMax } from '../../protocol/limits.ts';
import type { RunWitness } from '../runs/contract.ts';
import { reportingExporter } from './reporting-exporter.ts';
import { runSpans } from './run-spans.ts';
import type { TraceConfig, TraceSampler } from './trace-config.ts';
import { contextOf } from './span-context.ts';
import { parseTraceparent } from './traceparent.ts';

export interface Tracing {
  readonly witness: RunWitness;
  /** Begins a trace, or goes on with one, at each press; before the first route. */
  watchRequests(app: FastifyInstance): void;
  /** Sends what gathered, for `tracesFlushMsMax` at the most. */
  close(): Promise<void>;
}

export interface TracingDeps {
  /** Epoch ms, with fractions. */
  readonly now: () => number;
  readonly version: string;
  /** Traces could not be sent; once a minute at the most. */
  readonly report: (message: string) => void;
}

const pressRoute = '/v1/projects/:project/actions/:action/runs';

export function openTracing(config: TraceConfig, { now, version, report }: TracingDeps): Tracing {
  const ids = chosenIds();
  const provider = new TracerProvider({
    sampler: samplerOf(config.sampler),
    idGenerator: ids,
    resource: resourceOf(config, version),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: reportingExporter(new OTLPTraceExporter(), { now, report }),
        scheduledDelayMillis: config.batch.delayMs,
        maxQueueSize: config.batch.queueMax,
        maxExportBatchSize: config.batch.batchMax,
        exportTimeoutMillis: config.batch.exportMsMax,
      }),
    ],
  });
  const tracer = provider.getTracer('wayside', version);
  const presses = new AsyncLocalStorage<Span>();
  const spans = new WeakMap<FastifyRequest, Span>();
  return {
    witness: runSpans({
      now,
      tracer,
      withSpanId: ids.withSpanId,
      pressed: () => presses.getStore() ?? null,
      begin: () => tracer.startSpan('request', { startTime: now() }, ROOT_CONTEXT),
    }),
    watchRequests(app) {
      app.addHook('onRequest', (request, _reply, done) => {
        if (request.method !== 'POST' || request.routeOptions.url !== pressRoute) return done();
        const span = tracer.startSpan(
          `POST ${pressRoute}`,
          {
            kind: SpanKind.SERVER,
            startTime: now(),
            attributes: {
              'http.request.method': 'POST',
              'http.route': pressRoute,
              'wayside.request.id': request.id,
            },
          },
          contextOf(parseTraceparent(headerOf(request.headers['traceparent']))),
        );
        spans.set(request, span);
        presses.run(span, done);
      });
      app.addHook('onResponse', (request, reply, done) => {
        const span = spans.get(request);
        span?.setAttribute('http.response.status_code', reply.statusCode);
        if (reply.statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
        span?.end(now());
        done();
      });
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const bound = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, tracesFlushMsMax);
      });
      await Promise.race([provider.shutdown().catch(() => undefined), bound]);
      clearTimeout(timer);
    },
  };
}

function headerOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

function samplerOf({ root, parentBased, ratio }: TraceSampler): Sampler {
  const kinds = {
    on: () => new AlwaysOnSampler(),
    off: () => new AlwaysOffSampler(),
    ratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  const sampler = kinds[root]();
  return parentBased ? new ParentBasedSampler({ root: sampler }) : sampler;
}

function resourceOf({ serviceName, attributes }: TraceConfig, version: string) {
  return defaultResource().merge(
    resourceFromAttributes({
      ...Object.fromEntries(attributes),
      'service.name': serviceName,
      'service.version': version,
    }),
  );
}

/** Random ids, but for a span whose id another process can work out as well. */
function chosenIds() {
  const random = new RandomIdGenerator();
  let next: string | null = null;
  return {
    generateTraceId: () => random.generateTraceId(),
    generateSpanId: () => next ?? random.generateSpanId(),
    withSpanId<T>(id: string, start: () => T): T {
      next = id;
      try {
        return start();
      } finally {
        next = null;
      }
    },
  };
}
