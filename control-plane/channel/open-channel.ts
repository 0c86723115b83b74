// The agent listener: mutual TLS in front, WebSockets of agents behind, one connection of each agent at a time.
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { openAcceptGate } from './accept.ts';
import type { AcceptGate } from './accept.ts';
import { admitWith } from './admit.ts';
import type { Channel, ChannelLimits, ChannelOptions, ListenerTls } from './contract.ts';
import { defaultLimits } from './limits.ts';
import { listen, urlHost } from './listen.ts';
import { Presence } from './presence.ts';
import { answerRequest } from './renewal-request.ts';
import { mutualTls } from './secure-context.ts';

/** Listens. Rejects with `port_in_use` or `invalid_configuration` where it cannot. */
export async function openChannel(options: ChannelOptions): Promise<Channel> {
  const { handlers, clock, report, trustDomain, issuerOf, host } = options;
  const limits: ChannelLimits = { ...defaultLimits, ...options.limits };
  const presence = new Presence();
  const server = createServer({
    ...mutualTls(options.tls),
    handshakeTimeout: limits.handshakeMsMax,
    headersTimeout: limits.handshakeMsMax,
    requestTimeout: limits.handshakeMsMax,
    connectionsCheckingInterval: limits.handshakeMsMax,
  });
  const accepting = limitAccepts(server, limits, options);
  const admit = admitWith({
    handlers,
    limits,
    clock,
    report,
    trustDomain,
    issuerOf,
    admitted: (connection) => presence.add(connection),
    ended: (connection) => presence.remove(connection),
  });
  server.on('upgrade', (request, socket, head) => void admit(request, socket, head));
  server.on('request', (request, response) => {
    void answerRequest({ handlers, report, trustDomain, issuerOf }, request, response);
  });
  server.on('clientError', (_cause, socket) => socket.destroy());
  server.on('tlsClientError', (cause: NodeJS.ErrnoException, socket) => {
    report({
      kind: 'handshake_refused',
      code: cause.code ?? 'certificate_rejected',
      message: cause.message,
      agentId: null,
      organization: null,
      remoteAddress: socket.remoteAddress ?? '',
    });
  });
  const port = await listen(server, { host, port: options.port, purpose: 'agents' });
  return {
    url: `wss://${urlHost(host)}:${port}/agent`,
    port,
    online: () => presence.online(),
    connection: (agentId) => presence.connection(agentId),
    replaceTls: (tls: ListenerTls) => server.setSecureContext(mutualTls(tls)),
    isListening: () => server.listening,
    close: () => closeAll(server, accepting, presence),
  };
}

interface Accepting {
  readonly gate: AcceptGate;
  /** Every open socket, with TLS or not yet. */
  readonly sockets: Set<Socket>;
}

/** Puts the gate between the TCP connection and the TLS handshake, which begins in Node's own listener. */
function limitAccepts(server: Server, limits: ChannelLimits, options: ChannelOptions): Accepting {
  const beginHandshake = server.listeners('connection');
  server.removeAllListeners('connection');
  const sockets = new Set<Socket>();
  const gate = openAcceptGate(limits, options.clock, {
    begin: (socket) => {
      for (const listener of beginHandshake) listener.call(server, socket);
    },
    dropped: (socket) =>
      options.report({
        kind: 'accept_dropped',
        code: 'too_many_requests',
        message: `${limits.acceptQueueMax} connections wait for their handshake already.`,
        agentId: null,
        organization: null,
        remoteAddress: socket.remoteAddress ?? '',
      }),
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    gate.arrive(socket);
  });
  return { gate, sockets };
}

async function closeAll(server: Server, accepting: Accepting, presence: Presence): Promise<void> {
  accepting.gate.close();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await presence.closeAll();
  for (const socket of accepting.sockets) socket.destroy();
  await closed;
}
