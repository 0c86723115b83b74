// Server-sent events (WHATWG HTML, section 9.2): numbered, resumable, with back-pressure and a heartbeat comment
// that keeps proxies from closing an idle stream.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerResponse } from 'node:http';
import { eventStreamHeartbeatMs } from '../../protocol/limits.ts';
import { streamOpened } from './open-streams.ts';

export interface StreamedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** True where the client asks for a stream rather than a page. */
export function wantsEventStream(request: FastifyRequest): boolean {
  return request.method === 'GET' && (request.headers.accept ?? '').includes('text/event-stream');
}

/** The id in `Last-Event-ID`, or null. */
export function lastEventId(request: FastifyRequest): string | null {
  const header = request.headers['last-event-id'];
  return typeof header === 'string' && header !== '' ? header : null;
}

/**
 * Answers with a stream that ends when the source does, when the client leaves or when `mayGoOn` says no, which is
 * asked before each event and each heartbeat. `source.return` is called as soon as that is so, also while its `next`
 * waits; it must end that wait. A slow reader is waited for. Where the source throws or the caller may not go on, the
 * connection is cut, so that the client does not take it for the end.
 */
export async function sendEventStream<Event>(
  reply: FastifyReply,
  stream: {
    readonly source: AsyncIterator<Event>;
    readonly shape: (event: Event) => StreamedEvent;
    readonly mayGoOn?: () => boolean | Promise<boolean>;
  },
): Promise<void> {
  const { source, shape, mayGoOn = () => true } = stream;
  const { raw } = reply.hijack();
  const closed = streamOpened(reply.server, () => void source.return?.());
  const output = openOutput(raw, () => void source.return?.());
  const beat = async (): Promise<void> => {
    if (await mayGoOn()) output.idle();
    else raw.destroy();
  };
  const heartbeat = setInterval(() => void beat(), eventStreamHeartbeatMs);
  try {
    for (;;) {
      const next = await source.next();
      if (next.done === true) break;
      if (!(await mayGoOn())) raw.destroy();
      if (raw.destroyed) break;
      const { id, event, data } = shape(next.value);
      await output.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
    if (!raw.destroyed) raw.end();
  } catch (error) {
    reply.log.error({ err: error }, 'an event stream broke off');
    raw.destroy();
  } finally {
    clearInterval(heartbeat);
    closed();
    await source.return?.();
  }
}

interface Output {
  /** Resolves when there is room for more, or nobody left to read it. */
  write(text: string): Promise<void>;
  /** A comment, unless the reader has not even read what there is. */
  idle(): void;
}

function openOutput(raw: ServerResponse, gone: () => void): Output {
  let wake = (): void => undefined;
  // A write that the leaving client overtook is no error of ours.
  raw.on('error', () => undefined);
  raw.on('drain', () => wake());
  raw.once('close', () => {
    gone();
    wake();
  });
  if (raw.destroyed) gone();
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write(': connected\n\n');
  return {
    async write(text) {
      if (raw.write(text) || raw.destroyed) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    },
    idle() {
      if (!raw.writableNeedDrain && !raw.destroyed) raw.write(': still here\n\n');
    },
  };
}
