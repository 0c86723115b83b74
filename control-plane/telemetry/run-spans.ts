// The spans of a run, made by the server from what is committed and from what the agent reports: an agent has no way out
// to a collector. Each carries ids and names, never inputs, output or messages.
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import { isFinal } from '../../protocol/states.ts';
import type { RunState } from '../../protocol/states.ts';
import type { RunFacts, RunWitness, Seat, WitnessedChange } from '../runs/contract.ts';
import { operationTimes } from './operation-times.ts';
import type { ReportedOperation } from './operation-times.ts';
import { contextOf, traceparentOf } from './span-context.ts';
import { openTracedRuns } from './traced-runs.ts';
import type { TracedRun } from './traced-runs.ts';
import { parseTraceparent } from './traceparent.ts';

export interface RunSpansDeps {
  /** Epoch ms, with fractions. */
  readonly now: () => number;
  readonly tracer: Tracer;
  /** Starts a span under an id of ours. */
  readonly withSpanId: <T>(id: string, start: () => T) => T;
  /** The span of the request that is being handled, if it presses. */
  readonly pressed: () => Span | null;
  /** Begins a trace where nobody pressed: a schedule fires. */
  readonly begin: () => Span;
}

export function runSpans(deps: RunSpansDeps): RunWitness {
  const { now } = deps;
  const runs = openTracedRuns(now);
  return {
    traceparent() {
      const span = deps.pressed();
      if (span !== null) return traceparentOf(span);
      const begun = deps.begin();
      const traceparent = traceparentOf(begun);
      begun.end(now());
      return traceparent;
    },
    requesting(run) {
      const of = runs.find(run.id, run);
      if (of === null) return undefined;
      const from = now();
      return () => {
        phase(deps, of, { name: 'commit', from, to: now() });
      };
    },
    offered(run, seat) {
      const of = runs.find(run.id, run);
      if (of === null) return;
      of.attributes = { ...of.attributes, ...agentAttributes(run, seat), 'wayside.attempt': run.attempt };
      of.offeredAt = now();
      of.runningAt = null;
      of.hasBegun = false;
      phase(deps, of, { name: 'queue', from: of.queuedAt, to: of.offeredAt });
    },
    changing(change) {
      const of = runs.find(change.run, change.facts);
      if (of === null) return undefined;
      const begun = now();
      return () => {
        spanOperations(deps, of, reportedOperations(change));
        const verdict = verdictOf(change);
        if (verdict?.state === 'running') spanAcceptance(deps, of, begun);
        else if (verdict?.state === 'queued') of.queuedAt = now();
        else if (verdict !== null && isFinal(verdict.state)) {
          spanEnd(deps, of, { begun, verdict });
          runs.forget(change.run);
        }
      };
    },
  };
}

type SpanMaking = Pick<RunSpansDeps, 'now' | 'tracer' | 'withSpanId'>;

interface Phase {
  readonly name: string;
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  readonly attributes?: Attributes;
  readonly failed?: boolean;
}

/** One child of the run's span. */
function phase({ tracer }: SpanMaking, of: TracedRun, what: Phase): void {
  const { name, from, to, attributes = {}, failed = false } = what;
  const options = {
    kind: SpanKind.INTERNAL,
    startTime: from,
    attributes: { ...of.attributes, ...attributes },
  };
  const span = tracer.startSpan(name, options, runContext(of.facts));
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(Math.max(from, to));
}

/** From the offer to the agent's answer, and from that until it was stored. */
function spanAcceptance(deps: SpanMaking, of: TracedRun, answered: number): void {
  if (of.offeredAt !== null) phase(deps, of, { name: 'offer', from: of.offeredAt, to: answered });
  of.runningAt = deps.now();
  phase(deps, of, { name: 'accept', from: answered, to: of.runningAt });
}

/** What the agent reports of its operations; what lies before the first of them is its `go`. */
function spanOperations(deps: SpanMaking, of: TracedRun, operations: readonly ReportedOperation[]): void {
  const { runningAt } = of;
  for (const each of operationTimes(operations, { notBefore: runningAt ?? 0, now: deps.now() })) {
    if (runningAt !== null && !of.hasBegun) phase(deps, of, { name: 'go', from: runningAt, to: each.from });
    of.hasBegun = true;
    phase(deps, of, {
      name: `operation ${each.name}`,
      from: each.from,
      to: each.to,
      attributes: operationAttributes(each),
      failed: each.state === 'failed' || each.state === 'timed_out',
    });
  }
}

/** The verdict, and with it the span that all others of the run are below. */
function spanEnd(
  deps: SpanMaking,
  of: TracedRun,
  { begun, verdict }: { readonly begun: number; readonly verdict: Verdict },
): void {
  const ended = deps.now();
  const attributes = verdictAttributes(verdict);
  phase(deps, of, { name: 'end', from: begun, to: ended, attributes });
  const { id, action_name, traceparent } = of.facts;
  const parent = contextOf(parseTraceparent(traceparent ?? undefined));
  const options = {
    kind: SpanKind.INTERNAL,
    startTime: of.pressedAt,
    attributes: { ...of.attributes, ...attributes },
  };
  const span = deps.withSpanId(runSpanId(id), () =>
    deps.tracer.startSpan(`run ${action_name}`, options, parent),
  );
  if (verdict.state !== 'succeeded') span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(ended);
}

/**
 * The id of a run's span is the end of the run's own, so that every process names the same parent, and the one that
 * stores the verdict makes the span.
 */
function runSpanId(run: string): string {
  return run.replaceAll('-', '').slice(-16);
}

function runContext({ id, traceparent }: RunFacts): Context {
  const parent = parseTraceparent(traceparent ?? undefined);
  return contextOf(parent === null ? null : { ...parent, spanId: runSpanId(id) });
}

interface Verdict {
  readonly state: RunState;
  readonly code: string | null;
}

function verdictOf({ events }: WitnessedChange): Verdict | null {
  const last = events.at(-1)?.event;
  if (last?.kind !== 'state') return null;
  const { state, code } = last.data;
  return { state: state as RunState, code: typeof code === 'string' ? code : null };
}

function verdictAttributes({ state, code }: Verdict): Attributes {
  return { 'wayside.run.state': state, ...(code === null ? {} : { 'wayside.failure.code': code }) };
}

function agentAttributes(run: RunFacts, { agent, groups }: Seat): Attributes {
  return {
    'wayside.agent.id': agent.id,
    'wayside.agent.name': agent.name,
    'wayside.group.name': groups.get(run.group_id) ?? '',
  };
}

function reportedOperations({ events }: WitnessedChange): readonly ReportedOperation[] {
  return events.flatMap(({ event }) => {
    if (event.kind !== 'progress' || event.data['state'] === 'begun') return [];
    const { operation, operation_kind, state, duration_ms, exit_code } = event.data;
    return [
      {
        name: String(operation),
        kind: String(operation_kind),
        state: String(state),
        durationMs: typeof duration_ms === 'number' ? duration_ms : 0,
        exitCode: typeof exit_code === 'number' ? exit_code : null,
      },
    ];
  });
}

function operationAttributes({ name, kind, state, exitCode }: ReportedOperation): Attributes {
  return {
    'wayside.operation.name': name,
    'wayside.operation.kind': kind,
    'wayside.operation.state': state,
    ...(exitCode === null ? {} : { 'wayside.operation.exit_code': exitCode }),
  };
}
