// Shows a run while it happens, and resumes behind the last event it saw when the connection breaks.
import { setTimeout as sleep } from 'node:timers/promises';
import { runEventSchema, runSchema } from '../protocol/api/runs.ts';
import type { Run, RunEvent } from '../protocol/api/runs.ts';
import { Failure } from '../protocol/failures.ts';
import { parseJson } from '../protocol/json.ts';
import { isFinal } from '../protocol/states.ts';
import type { Client } from './client.ts';
import { duration, paint, paintState, stripControls } from './print.ts';
import type { Printer } from './print.ts';

/** How often a broken stream is taken up again before giving up, and how long to wait in between. */
const resumesMax = 30;
const resumeMs = 1_000;

export interface FollowOptions {
  /** Output as it is, control sequences included. */
  readonly raw: boolean;
  /** Only the output, not the states around it. */
  readonly logsOnly: boolean;
  readonly signal?: AbortSignal;
}

/** Follows to the end and returns the run as it is then. With `--json` each event is one line. */
export async function followRun(
  client: Client,
  print: Printer,
  id: string,
  options: FollowOptions,
): Promise<Run> {
  let last: string | null = null;
  for (let resumes = 0; ; resumes += 1) {
    try {
      for await (const { id: seq, data } of client.events(`/v1/runs/${id}/events`, last, options.signal)) {
        last = seq;
        showEvent(print, runEventSchema.parse(parseJson(data)), options);
      }
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'unreachable' || resumes >= resumesMax) throw error;
      await sleep(resumeMs);
    }
    const run = await readRun(client, id, resumes);
    if (run !== null && (isFinal(run.state) || options.signal?.aborted === true)) return run;
  }
}

async function readRun(client: Client, id: string, resumes: number): Promise<Run | null> {
  try {
    return await client.call({ method: 'GET', path: `/v1/runs/${id}`, answer: runSchema });
  } catch (error) {
    if (error instanceof Failure && error.code === 'unreachable' && resumes < resumesMax) return null;
    throw error;
  }
}

/** One event, for people or as a line of JSON. */
export function showEvent(
  print: Printer,
  event: RunEvent,
  options: Pick<FollowOptions, 'raw' | 'logsOnly'>,
): void {
  if (print.json) {
    print.out(JSON.stringify(event));
    return;
  }
  if (event.kind === 'output') {
    showOutput(print, event, options.raw);
    return;
  }
  if (!options.logsOnly) print.out(`${paint(print, 'gray', '•')} ${describe(print, event)}`);
}

function showOutput(print: Printer, event: Extract<RunEvent, { kind: 'output' }>, raw: boolean): void {
  const bytes = Buffer.from(event.bytes, 'base64');
  print.bytes(raw ? bytes : Buffer.from(stripControls(bytes.toString('utf8'))));
}

function describe(print: Printer, event: Exclude<RunEvent, { kind: 'output' }>): string {
  switch (event.kind) {
    case 'state': {
      const where = event.agent === null ? '' : ` on ${event.agent.name}`;
      const why = event.message === null ? '' : `: ${stripControls(event.message)}`;
      return `${paintState(print, event.state)}${where}${why}`;
    }
    case 'status': {
      const values = Object.entries(event.values).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
      return stripControls([event.message, ...values].join(' '));
    }
    case 'progress': {
      const took = event.duration_ms === null ? '' : ` in ${duration(event.duration_ms)}`;
      const code =
        event.exit_code === null || event.exit_code === 0 ? '' : ` with exit code ${event.exit_code}`;
      return `${event.operation} ${event.state}${code}${took}`;
    }
    case 'cancel':
      return `cancel asked for by ${event.by}${event.reason === '' ? '' : `: ${stripControls(event.reason)}`}`;
  }
}
