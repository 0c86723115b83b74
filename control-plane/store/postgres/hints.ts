// Hints over LISTEN and NOTIFY. A notification takes a lock of the whole server at commit, so what is told in one turn
// goes in one, outside of the transactions that it is about.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { storeHintBytesMax, storeHintsWaitingMax } from '../../../protocol/limits.ts';
import type { HintListener, Hints } from '../hints.ts';
import type { Line } from './line.ts';
import type { Link } from './link.ts';

const channel = 'wayside';

const payloadSchema = z.object({ from: z.string(), topics: z.array(z.string()) });

export interface PostgresHints extends Hints {
  /** Listens on a connection that was just opened. */
  attach(link: Link): Promise<void>;
  close(): void;
}

/** `line` is the connection that listens; it tells too. */
export function openHints(line: () => Line): PostgresHints {
  const me = randomUUID();
  const listeners = new Set<HintListener>();
  let waiting = new Set<string>();
  let telling = false;
  let closed = false;
  const tellAll = async () => {
    // One at a time: what comes meanwhile waits for the next, and goes in one.
    while (waiting.size > 0 && !closed) {
      const topics = waiting;
      waiting = new Set();
      try {
        const link = await line().link();
        for (const payload of payloadsOf(me, topics))
          await link.send('select pg_notify($1, $2)', [channel, payload]);
      } catch {
        // The sweep of the others finds what they were not told.
      }
    }
    telling = false;
  };
  const deliver = (topic: string | null) => {
    for (const listener of listeners) listener(topic);
  };
  return {
    hint: (topic) => {
      if (closed || waiting.size >= storeHintsWaitingMax) return;
      waiting.add(topic);
      if (telling) return;
      telling = true;
      setImmediate(() => void tellAll());
    },
    onHint: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    attach: async (link) => {
      link.onNotification((payload) => {
        const told = read(payload);
        if (told?.from === me) return;
        for (const topic of told?.topics ?? [null]) deliver(topic);
      });
      await link.send(`listen ${channel}`);
      deliver(null);
    },
    close: () => {
      closed = true;
      listeners.clear();
    },
  };
}

/** Null for what somebody else sent on our channel: then everything is looked at. */
function read(payload: string): z.infer<typeof payloadSchema> | null {
  try {
    return payloadSchema.parse(JSON.parse(payload));
  } catch {
    return null;
  }
}

/** As many topics in each as PostgreSQL takes. */
export function payloadsOf(from: string, topics: Iterable<string>): readonly string[] {
  const payloads: string[] = [];
  let some: string[] = [];
  let bytes = 0;
  const overhead = Buffer.byteLength(JSON.stringify({ from, topics: [] }));
  const flush = () => {
    if (some.length > 0) payloads.push(JSON.stringify({ from, topics: some }));
    some = [];
    bytes = overhead;
  };
  flush();
  for (const topic of topics) {
    const size = Buffer.byteLength(JSON.stringify(topic)) + 1;
    if (bytes + size > storeHintBytesMax) flush();
    some.push(topic);
    bytes += size;
  }
  flush();
  return payloads;
}
