// Decides about one request for a WebSocket: path, subprotocol, certificate, deny list; then the upgrade.
import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { Failure } from '../../protocol/failures.ts';
import { subprotocol } from '../../protocol/frames.ts';
import type { SpiffeIdentity } from '../../protocol/ids.ts';
import { readPeerCertificate } from '../pki/peer-certificate.ts';
import type { PeerCertificate } from '../pki/peer-certificate.ts';
import { LiveConnection } from './connection.ts';
import type { ConnectionDeps } from './connection.ts';
import type { ChannelHandlers, ChannelOptions, ChannelReport } from './contract.ts';
import { asFailure, refuseUpgrade } from './exchange.ts';

export interface Peer {
  readonly identity: SpiffeIdentity;
  readonly certificate: PeerCertificate;
  readonly remoteAddress: string;
}

/** Who may come in over a verified TLS connection. Throws `certificate_rejected`. */
export async function admitPeer(
  request: IncomingMessage,
  { trustDomain, issuerOf }: Pick<ChannelOptions, 'trustDomain' | 'issuerOf'>,
): Promise<Peer> {
  const peer = readPeer(request, trustDomain);
  const presented = presentedBy(request);
  const authority = presented === undefined ? null : await issuerOf(presented);
  if (authority === null) {
    throw new Failure(
      'certificate_rejected',
      'The authority that issued this certificate does not count any more.',
    );
  }
  return { ...peer, certificate: { ...peer.certificate, authority } };
}

function presentedBy({ socket }: IncomingMessage): X509Certificate | undefined {
  return socket instanceof TLSSocket && socket.authorized ? socket.getPeerX509Certificate() : undefined;
}

/** Who is on the other side of a verified TLS connection. Throws `certificate_rejected`. */
function readPeer(request: IncomingMessage, trustDomain: string): Peer {
  const remoteAddress = request.socket.remoteAddress ?? '';
  const presented = presentedBy(request);
  if (presented === undefined) throw new Failure('certificate_rejected', 'There is no client certificate.');
  const reading = readPeerCertificate(presented, trustDomain);
  if ('refused' in reading) {
    throw new Failure('certificate_rejected', `The certificate is not an agent's. ${reading.refused}`);
  }
  return { ...reading, remoteAddress };
}

export interface AdmitDeps extends ConnectionDeps {
  readonly trustDomain: string;
  readonly issuerOf: ChannelOptions['issuerOf'];
  readonly handlers: ChannelHandlers;
  /** It has a session now, and takes the place of an older connection of its agent. */
  readonly admitted: (connection: LiveConnection) => void;
}

export type Admit = (request: IncomingMessage, socket: Duplex, head: Buffer) => Promise<void>;

/** What answers `upgrade` events. Its promise is never rejected. */
export function admitWith(deps: AdmitDeps): Admit {
  const websockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Compression beside secrets tells their length and likeness (as CRIME did), and costs memory.
    perMessageDeflate: false,
    maxPayload: deps.limits.frameBytesMax,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  });
  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    checkRequest(request);
    const peer = await admitPeer(request, deps);
    const { identity, certificate, remoteAddress } = peer;
    const answer = await deps.handlers.authenticate(identity, certificate, remoteAddress);
    if (answer instanceof Failure) throw answer;
    const connection = new LiveConnection({ ...peer, session: answer.session }, deps);
    deps.admitted(connection);
    if (socket.destroyed) {
      connection.abandon();
      return;
    }
    socket.once('close', () => connection.abandon());
    websockets.handleUpgrade(request, socket, head, (websocket) => connection.attach(websocket));
  };
  return async (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    try {
      await upgrade(request, socket, head);
    } catch (cause) {
      const failure = asFailure(cause);
      deps.report(refusalOf(request, failure, deps.trustDomain));
      refuseUpgrade(socket, failure);
    }
  };
}

function checkRequest(request: IncomingMessage): void {
  if (request.method !== 'GET' || request.url !== '/agent') {
    throw new Failure('not_found', 'Agents connect to /agent.');
  }
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!offered.includes(subprotocol)) {
    throw new Failure('wrong_subprotocol', `Ask for the WebSocket subprotocol ${subprotocol}.`);
  }
}

/** A refusal as the operator sees it; names the agent where its certificate does. */
export function refusalOf(request: IncomingMessage, failure: Failure, trustDomain: string): ChannelReport {
  const { code, message } = failure;
  let peer: Peer | null = null;
  try {
    peer = readPeer(request, trustDomain);
  } catch {
    // Its certificate says nothing that we believe.
  }
  const kind =
    peer === null
      ? 'certificate_refused'
      : code === 'not_found' || code === 'wrong_subprotocol'
        ? 'request_refused'
        : 'connection_refused';
  return {
    kind,
    code,
    message,
    agentId: peer?.identity.agent ?? null,
    organization: peer?.identity.organization ?? null,
    remoteAddress: request.socket.remoteAddress ?? '',
    ...(failure.cause === undefined ? {} : { cause: failure.cause }),
  };
}
