// Shows the record as it grows, and resumes behind the last event it saw when the connection breaks.
import { setTimeout as sleep } from 'node:timers/promises';
import { auditEventSchema } from '../protocol/api/audit.ts';
import type { AuditEvent } from '../protocol/api/audit.ts';
import { Failure } from '../protocol/failures.ts';
import { parseJson } from '../protocol/json.ts';
import type { Client } from './client.ts';

/** How often a broken stream is taken up again without news before giving up, and how long to wait in between. */
const resumesMax = 30;
const resumeMs = 1_000;

/** Goes on until the signal aborts, or the server stays away. */
export async function followAudit(
  client: Client,
  query: Readonly<Record<string, string | number | undefined>>,
  options: {
    readonly show: (event: AuditEvent) => void;
    /** A line for people, beside the events. */
    readonly note: (text: string) => void;
    readonly signal?: AbortSignal;
    /** Waits before the stream is taken up again; a test waits less. */
    readonly pause?: (ms: number) => Promise<unknown>;
  },
): Promise<void> {
  const { show, note, signal, pause = sleep } = options;
  const members = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  const path = `/v1/audit/tail?${new URLSearchParams(members).toString()}`;
  let last: string | null = null;
  for (let resumes = 0; ; resumes += 1) {
    try {
      for await (const { id, data } of client.events(path, last, signal)) {
        const event = auditEventSchema.parse(parseJson(data));
        last = id;
        resumes = 0;
        show(event);
      }
    } catch (error) {
      if (!isPassing(error) || resumes >= resumesMax) throw error;
    }
    if (signal?.aborted === true) return;
    if (resumes === 0) note('The stream ended; it is taken up again.');
    await pause(resumeMs);
  }
}

/** The server is away or busy, and may be back. */
function isPassing(error: unknown): boolean {
  return error instanceof Failure && (error.code === 'unreachable' || error.code === 'unavailable');
}
