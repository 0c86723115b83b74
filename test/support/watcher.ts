// A watcher of a run's event stream, as a browser is one: what came, when it came, and where to resume.
import { readEventStream } from '../../cli/event-stream.ts';
import type { RunEvent } from '../../protocol/api/runs.ts';
import type { System } from './system.ts';

export interface Watched {
  readonly events: readonly RunEvent[];
  /** Ids of the events as the stream named them. */
  readonly ids: readonly string[];
  /** True when the server ended the stream, false when `until` did or the connection broke. */
  readonly complete: boolean;
}

/** Follows from behind `lastEventId` until the stream ends, breaks, or `until` says that it is enough. */
export async function watchStream(
  system: Pick<System, 'url' | 'token'>,
  run: string,
  options: {
    readonly lastEventId?: string;
    readonly until?: (events: readonly RunEvent[]) => boolean;
  } = {},
): Promise<Watched> {
  const { lastEventId, until = () => false } = options;
  const stop = new AbortController();
  const events: RunEvent[] = [];
  const ids: string[] = [];
  try {
    const answer = await fetch(`${system.url}/v1/runs/${run}/events`, {
      headers: {
        accept: 'text/event-stream',
        authorization: `Bearer ${system.token}`,
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
      signal: stop.signal,
    });
    if (answer.body === null) throw new Error('the stream has no body');
    if (!answer.ok) throw new Error(`the stream was refused: ${answer.status} ${await answer.text()}`);
    for await (const { id, data } of readEventStream(answer.body)) {
      events.push(JSON.parse(data) as RunEvent);
      ids.push(id);
      if (until(events)) {
        stop.abort();
        return { events, ids, complete: false };
      }
    }
    return { events, ids, complete: true };
  } catch (cause) {
    if (events.length === 0 && lastEventId === undefined) throw cause;
    return { events, ids, complete: false };
  }
}
