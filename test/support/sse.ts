// A reader of server-sent events on a bare socket, so that a test decides when it reads and when it leaves.
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface SseEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

export interface SseReader {
  readonly socket: Socket;
  /** Everything of the answer so far: status line, headers and chunks. */
  text(): string;
  /** The events so far. */
  events(): readonly SseEvent[];
  /** Resolves when the server has ended or cut the connection. */
  readonly closed: Promise<void>;
}

export function openSse(
  url: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): SseReader {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  const all = { host: 'x', accept: 'text/event-stream', connection: 'close', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  const text = (): string => Buffer.concat(chunks).toString('utf8');
  return {
    socket,
    text,
    events: () => [...text().matchAll(/id: (.*)\nevent: (.*)\ndata: (.*)\n\n/g)].map(toEvent),
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
  };
}

function toEvent([, id = '', event = '', data = '']: RegExpMatchArray): SseEvent {
  return { id, event, data: JSON.parse(data) };
}
