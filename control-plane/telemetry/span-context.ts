// Between the header of a trace and what OpenTelemetry starts a span in.
import { ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import { formatTraceparent } from './traceparent.ts';
import type { TraceContext } from './traceparent.ts';

/** What a span of this parent is started in; the root where there is none. */
export function contextOf(parent: TraceContext | null): Context {
  if (parent === null) return ROOT_CONTEXT;
  const { traceId, spanId, sampled } = parent;
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** What a child of the span is told; null where the span is not recorded. */
export function traceparentOf(span: Span): string | null {
  const { traceId, spanId, traceFlags } = span.spanContext();
  if (!span.isRecording() || (traceFlags & TraceFlags.SAMPLED) === 0) return null;
  return formatTraceparent({ traceId, spanId, sampled: true });
}
