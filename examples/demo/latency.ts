// From the request leaving this process to the first byte that the spawned command printed, over the public API.
import type { Run, RunEvent } from '../../protocol/api/runs.ts';
import { readEventStream } from '../../cli/event-stream.ts';
import type { Stage } from './stage.ts';

/** Milliseconds. Includes authorization, three durable commits, two networks, a spawn, masking and storing. */
export async function firstByteMs(
  stage: Stage,
  action: string,
  inputs: Record<string, unknown>,
): Promise<number> {
  const headers = { authorization: `Bearer ${stage.server.token}`, 'content-type': 'application/json' };
  const begun = performance.now();
  const pressed = await fetch(`${stage.server.url}/v1/projects/default/actions/${action}/runs`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ inputs }),
  });
  const { id } = (await pressed.json()) as Run;
  const stream = await fetch(`${stage.server.url}/v1/runs/${id}/events`, {
    headers: { ...headers, accept: 'text/event-stream' },
  });
  if (stream.body === null) throw new Error('the event stream has no body');
  let first: number | null = null;
  for await (const { data } of readEventStream(stream.body)) {
    const event = JSON.parse(data) as RunEvent;
    if (event.kind === 'output') first ??= performance.now();
  }
  if (first === null) throw new Error(`the run ${id} of ${action} printed nothing`);
  return first - begun;
}

/** The value below which that share of the samples lies; 1 is the largest. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
