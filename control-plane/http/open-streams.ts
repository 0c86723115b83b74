// The event streams that are open, by the server that they are of: how many there are, and how all of them are ended in
// order when the process goes.
import type { FastifyInstance } from 'fastify';

type Server = FastifyInstance['server'];

const open = new WeakMap<Server, Set<() => void>>();

/** Remembers a stream until the answer is called. `end` ends it as if its source had ended. */
export function streamOpened({ server }: Pick<FastifyInstance, 'server'>, end: () => void): () => void {
  const streams = open.get(server) ?? new Set();
  open.set(server, streams.add(end));
  return () => streams.delete(end);
}

export function countStreams({ server }: Pick<FastifyInstance, 'server'>): number {
  return open.get(server)?.size ?? 0;
}

/** A client whose stream has ended takes it up again where it was, at a process that is there. */
export function endStreams({ server }: Pick<FastifyInstance, 'server'>): void {
  for (const end of open.get(server) ?? []) end();
}
