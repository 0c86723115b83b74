// Server-sent events (WHATWG HTML, section 9.2): numbered, resumable, with back-pressure and a heartbeat comment
// that keeps proxies from closing an idle stream.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { once } from 'node:events';
import { eventStreamHeartbeatMs } from '../../protocol/limits.ts';

export interface StreamedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** True where the client asks for a stream rather than a page. */
export function wantsEventStream(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '').includes('text/event-stream');
}

/** The id in `Last-Event-ID`, or null. */
export function lastEventId(request: FastifyRequest): string | null {
  const header = request.headers['last-event-id'];
  return typeof header === 'string' && header !== '' ? header : null;
}

/**
 * Answers with a stream that ends when the source does or the client leaves; `source` is returned then, so that a
 * generator's `finally` runs. A slow reader is waited for.
 */
export async function sendEventStream(
  reply: FastifyReply,
  source: AsyncIterable<StreamedEvent>,
): Promise<void> {
  const { raw } = reply.hijack();
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  raw.write(': connected\n\n');
  const heartbeat = setInterval(() => raw.write(': still here\n\n'), eventStreamHeartbeatMs);
  const iterator = source[Symbol.asyncIterator]();
  const gone = new Promise<'gone'>((resolve) => raw.once('close', () => resolve('gone')));
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), gone]);
      if (next === 'gone' || next.done === true) break;
      const { id, event, data } = next.value;
      const room = raw.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      if (!room) await Promise.race([once(raw, 'drain'), gone]);
    }
  } finally {
    clearInterval(heartbeat);
    await iterator.return?.();
    raw.end();
  }
}
