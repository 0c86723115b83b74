// A bare WebSocket server over mutual TLS that answers every message with itself: what a round trip costs without a
// product around it. Its TLS settings come as JSON on standard input.
import { createServer } from 'node:https';
import { text } from 'node:stream/consumers';
import { WebSocketServer } from 'ws';
import { mutualTls } from '../../control-plane/channel/secure-context.ts';
import type { ListenerTls } from '../../control-plane/channel/contract.ts';

const tls = JSON.parse(await text(process.stdin)) as ListenerTls;
const server = createServer(mutualTls(tls));
const websockets = new WebSocketServer({ server, perMessageDeflate: false });
websockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 })}\n`);
});
