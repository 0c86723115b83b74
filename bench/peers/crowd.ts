// A crowd of connections in one process: each dials, says what it is told to say, and stays. What they do comes as
// JSON on standard input; `ready` is printed when the last one is there.
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import type { ClientTls } from '../installation.ts';

export interface Crowd {
  readonly url: string;
  readonly ca: string;
  readonly clients: readonly ClientTls[];
  readonly protocols: readonly string[];
  /** Sent by each, in order: the first when it is connected, the next ones after the first answer. */
  readonly says: readonly string[];
}

const dialsAtOnce = 32;
const crowd = JSON.parse(await text(process.stdin)) as Crowd;
const sockets: WebSocket[] = [];
let next = 0;

async function dialSome(): Promise<void> {
  for (let client = crowd.clients[next]; client !== undefined; client = crowd.clients[next]) {
    next += 1;
    sockets.push(await dial(client));
  }
}

function dial(client: ClientTls): Promise<WebSocket> {
  const socket = new WebSocket(crowd.url, [...crowd.protocols], {
    ...client,
    ca: crowd.ca,
    minVersion: 'TLSv1.3',
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', (code) => reject(new Error(`a connection was closed with ${code}`)));
    socket.once('open', () => socket.send(crowd.says[0] ?? ''));
    socket.once('message', () => {
      for (const words of crowd.says.slice(1)) socket.send(words);
      resolve(socket);
    });
  });
}

await Promise.all(Array.from({ length: dialsAtOnce }, dialSome));
process.stdout.write(`ready ${sockets.length}\n`);
