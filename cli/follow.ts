// Shows a run while it happens, and resumes behind the last event it saw when the connection breaks.
import { setTimeout as sleep } from 'node:timers/promises';
import { runEventSchema, runSchema } from '../protocol/api/runs.ts';
import type { Run, RunEvent } from '../protocol/api/runs.ts';
import { Failure } from '../protocol/failures.ts';
import { parseJson } from '../protocol/json.ts';
import { isFinal } from '../protocol/states.ts';
import type { Client } from './client.ts';
import { duration, paint, paintState } from './print.ts';
import type { Printer } from './print.ts';
import { openRunOutput } from './run-output.ts';
import type { RunOutput } from './run-output.ts';

/** How often a broken stream is taken up again without news before giving up, and how long to wait in between. */
const resumesMax = 30;
const resumeMs = 1_000;

export interface FollowOptions {
  /** Output as it is, control sequences included. */
  readonly raw: boolean;
  /** Only the output, not the states around it. */
  readonly logsOnly: boolean;
  readonly signal?: AbortSignal;
  /** Waits before the stream is taken up again; a test waits less. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

/** Follows to the end and returns the run as it is then. With `--json` each event is one line. */
export async function followRun(
  client: Client,
  print: Printer,
  id: string,
  options: FollowOptions,
): Promise<Run> {
  const path = `/v1/runs/${encodeURIComponent(id)}`;
  const show = openEventView(print, options);
  const { pause = sleep } = options;
  let last: string | null = null;
  let resumes = 0;
  for (;;) {
    try {
      for await (const { id: seq, data } of client.events(`${path}/events`, last, options.signal)) {
        last = seq;
        resumes = 0;
        show.event(runEventSchema.parse(parseJson(data)));
      }
    } catch (error) {
      if (!isPassing(error) || resumes >= resumesMax) throw error;
    }
    const run = await readRun(client, path, resumes);
    if (run !== null && (isFinal(run.state) || options.signal?.aborted === true)) {
      show.end();
      return run;
    }
    // A server that ends goes away politely, in the middle of a run.
    resumes += 1;
    await pause(resumeMs);
  }
}

async function readRun(client: Client, path: string, resumes: number): Promise<Run | null> {
  try {
    return await client.call({ method: 'GET', path, answer: runSchema });
  } catch (error) {
    if (isPassing(error) && resumes < resumesMax) return null;
    throw error;
  }
}

/** The server is away or busy, and may be back. */
function isPassing(error: unknown): boolean {
  return error instanceof Failure && (error.code === 'unreachable' || error.code === 'unavailable');
}

export interface EventView {
  event(event: RunEvent): void;
  end(): void;
}

/** Shows events, for people or as lines of JSON. */
export function openEventView(print: Printer, options: Pick<FollowOptions, 'raw' | 'logsOnly'>): EventView {
  const output: RunOutput = openRunOutput(print, options.raw);
  return {
    event(event) {
      if (print.json) print.data(event);
      else if (event.kind === 'output') output.write(event);
      else if (!options.logsOnly)
        print.out(`${paint(print, 'gray', '•')} ${describe(print, event).replaceAll('\n', '\n  ')}`);
    },
    end: output.end,
  };
}

function describe(print: Printer, event: Exclude<RunEvent, { kind: 'output' }>): string {
  switch (event.kind) {
    case 'state': {
      const where = event.agent === null ? '' : ` on ${event.agent.name}`;
      const why = event.message === null ? '' : `: ${event.message}`;
      return `${paintState(print, event.state)}${where}${why}`;
    }
    case 'status': {
      const values = Object.entries(event.values).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
      return [event.message, ...values].join(' ');
    }
    case 'progress': {
      const took = event.duration_ms === null ? '' : ` in ${duration(event.duration_ms)}`;
      const code =
        event.exit_code === null || event.exit_code === 0 ? '' : ` with exit code ${event.exit_code}`;
      return `${event.operation} ${event.state}${code}${took}`;
    }
    case 'cancel':
      return `cancel asked for by ${event.by}${event.reason === '' ? '' : `: ${event.reason}`}`;
  }
}
