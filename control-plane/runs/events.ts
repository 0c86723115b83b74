// The events of a run, as they are written into its history and read out of it.
import { runEventSchema } from '../../protocol/api/runs.ts';
import type { RunEvent } from '../../protocol/api/runs.ts';
import type { AgentFrame } from '../../protocol/frames.ts';
import { parseJson, stringifyJson } from '../../protocol/json.ts';
import type { RunState } from '../../protocol/states.ts';

/** What an agent sends while a run goes on; numbered on the wire. */
export type ReportFrame = Extract<AgentFrame, { type: 'output' | 'status' | 'progress' }>;

/** An event that has no number and no time yet: its commit gives it both. */
export interface NewEvent {
  readonly kind: RunEvent['kind'];
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventRow {
  readonly seq: number;
  readonly at: number;
  readonly kind: RunEvent['kind'];
  readonly attempt: number;
  readonly data: string;
}

export function stateEvent(change: {
  readonly state: RunState;
  readonly agent?: { readonly id: string; readonly name: string } | null;
  readonly code?: string | null;
  readonly message?: string | null;
}): NewEvent {
  const { state, agent = null, code = null, message = null } = change;
  return { kind: 'state', data: { state, agent, code, message } };
}

export function cancelEvent(wish: { readonly by: string; readonly reason: string }): NewEvent {
  return { kind: 'cancel', data: wish };
}

export function reportEvent(frame: ReportFrame): NewEvent {
  switch (frame.type) {
    case 'output': {
      const { operation, stream, bytes } = frame;
      return { kind: 'output', data: { operation, stream, bytes } };
    }
    case 'status': {
      const { operation, message, values, status } = frame;
      return { kind: 'status', data: { operation, message, values, status } };
    }
    case 'progress': {
      const { operation, kind, state, exit_code = null, duration_ms = null } = frame;
      return { kind: 'progress', data: { operation, operation_kind: kind, state, exit_code, duration_ms } };
    }
  }
}

export function dataText(event: NewEvent): string {
  return stringifyJson(event.data);
}

/** The event of a row. Throws where the row is not what this program writes. */
export function eventOfRow(row: EventRow): RunEvent {
  const data = parseJson(row.data) as Record<string, unknown>;
  return runEventSchema.parse({
    ...data,
    kind: row.kind,
    seq: row.seq,
    at: row.at,
    attempt: row.attempt,
  });
}

/** The event that was just committed under these numbers. Its data went through a parser when it came in. */
export function committedEvent(
  event: NewEvent,
  given: { readonly seq: number; readonly at: number; readonly attempt: number },
): RunEvent {
  return { ...event.data, kind: event.kind, ...given } as unknown as RunEvent;
}
