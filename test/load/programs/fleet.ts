// Thousands of agents in one process, as light as can be: each dials with its own certificate over mutual TLS, says
// hello, grants slots, answers pings, and dials again with the backoff of a real agent when it is cut off. What they do
// comes as JSON on standard input; a line of JSON says how many have been welcomed whenever that changed.
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { backoffMs } from '../../../agent/session.ts';

export interface Fleet {
  readonly url: string;
  readonly ca: string;
  readonly protocol: string;
  readonly clients: readonly { readonly key: string; readonly cert: string }[];
  /** The hello and what follows it. */
  readonly says: readonly string[];
}

const sayEveryMs = 100;
const fleet = JSON.parse(await text(process.stdin)) as Fleet;
let welcomed = 0;
let dials = 0;
let said = -1;

setInterval(() => {
  if (said === welcomed) return;
  said = welcomed;
  process.stdout.write(`${JSON.stringify({ welcomed, dials })}\n`);
}, sayEveryMs);

for (const client of fleet.clients) void stay(client);

/** Connects again and again, for as long as the process lives. */
async function stay(client: Fleet['clients'][number]): Promise<void> {
  for (let failures = 0; ; failures += 1) {
    await delay(backoffMs(failures, { random: Math.random, retryAfterMs: null }));
    if (await connection(client)) failures = 0;
  }
}

/** Resolves when the connection has ended, with whether the agent had been welcomed on it. */
function connection(client: Fleet['clients'][number]): Promise<boolean> {
  dials += 1;
  const socket = new WebSocket(fleet.url, [fleet.protocol], {
    ...client,
    ca: fleet.ca,
    minVersion: 'TLSv1.3',
    perMessageDeflate: false,
  });
  let isWelcomed = false;
  return new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.once('open', () => socket.send(fleet.says[0] ?? ''));
    socket.once('message', () => {
      isWelcomed = true;
      welcomed += 1;
      for (const words of fleet.says.slice(1)) socket.send(words);
    });
    socket.once('close', () => {
      if (isWelcomed) welcomed -= 1;
      resolve(isWelcomed);
    });
  });
}
