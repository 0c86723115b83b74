// What the agent listener and the nouns behind it agree on: the listener knows certificates, sockets and frames,
// the handlers know agents and runs, and neither reads the other's tables.
import type { X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import type { renewSchema, Identity } from '../../protocol/api/enrollment.ts';
import type { Failure, FailureCode } from '../../protocol/failures.ts';
import type { AgentFrame, ServerFrame, closeCodes } from '../../protocol/frames.ts';
import type { SpiffeIdentity } from '../../protocol/ids.ts';
import type { PeerCertificate } from '../pki/peer-certificate.ts';
import type { z } from 'zod';

export type HelloFrame = Extract<AgentFrame, { type: 'hello' }>;
export type RenewRequest = z.infer<typeof renewSchema>;
export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes];

/** Time as the listener needs it, so that a test can move it by hand. */
export interface ChannelClock {
  /** Epoch ms. */
  now(): number;
  /** Calls `wake` once after `ms`; the answer cancels it. */
  after(ms: number, wake: () => void): () => void;
  /** From 0 up to 1, not 1; spreads what would otherwise happen all at once. */
  random(): number;
}

/** A live WebSocket of one agent. The identity is the certificate's; no frame changes it. */
export interface AgentConnection {
  readonly agentId: string;
  readonly organization: string;
  readonly project: string;
  readonly certificate: PeerCertificate;
  /** Allocated durably at connect, higher than all before (rules.md 1). */
  readonly session: number;
  /** Of the agent's process, from its hello; null before that. */
  readonly incarnation: string | null;
  readonly remoteAddress: string;
  /** False where the connection is closing or its send buffer is full: the frame was not sent. */
  send(frame: ServerFrame): boolean;
  /** Closes with a code of the private range; `message` goes ahead in a `reject` frame. Idempotent. */
  close(code: CloseCode, reason: FailureCode, message?: string): void;
  bufferedBytes(): number;
  /** False from the moment on from which nothing is sent any more; where it is left out, it stays open. */
  isOpen?(): boolean;
}

/**
 * What the nouns do with an agent's connection. A rejected promise closes the connection with the code of its
 * Failure, and with `unavailable` where it is none; nothing that an agent sends can end the process.
 */
export interface ChannelHandlers {
  /**
   * Before the upgrade is answered: the deny list, and the session number. A Failure becomes the HTTP answer
   * (problem document; `retry_after_ms` of its details becomes Retry-After) and no WebSocket comes to be.
   */
  authenticate(
    identity: SpiffeIdentity,
    certificate: PeerCertificate,
    remoteAddress: string,
  ): Promise<{ readonly session: number } | Failure>;
  /** The first frame of a connection, once; the others wait until it has been handled (rules.md 2). */
  hello(connection: AgentConnection, frame: HelloFrame): Promise<void>;
  /**
   * Every later frame. Frames of one run are handled one after the other, and so are those of no run
   * (definitions, poll, heartbeat, drain); different runs go side by side, so that their writes share a commit.
   * While `inboxFramesMax` frames wait or are being handled, the socket is not read.
   */
  frame(connection: AgentConnection, frame: Exclude<AgentFrame, HelloFrame>): Promise<void>;
  /** Once for each connection that `authenticate` let in, after its last frame has been handled. */
  gone(connection: AgentConnection): Promise<void>;
  /** `POST /renew` over mutual TLS. */
  renew(
    identity: SpiffeIdentity,
    certificate: PeerCertificate,
    request: RenewRequest,
    remoteAddress: string,
  ): Promise<Identity | Failure>;
}

/** Key, chain and trust anchors of a listener, all PEM. `crl` is optional; with it TLS checks the whole chain. */
export interface ListenerTls {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
  readonly crl?: NonNullable<SecureContextOptions['crl']>;
}

export interface ChannelLimits {
  readonly frameBytesMax: number;
  readonly heartbeatMs: number;
  readonly heartbeatMissesMax: number;
  readonly helloMsMax: number;
  readonly handshakeMsMax: number;
  readonly inboxFramesMax: number;
  readonly sendBufferBytesMax: number;
  readonly acceptsPerSecondMax: number;
  readonly acceptQueueMax: number;
  readonly pingsPerHeartbeatMax: number;
  readonly socketCloseMsMax: number;
}

/** Something that the operator should be able to see: for the log, and for the audit where it names an agent. */
export interface ChannelReport {
  readonly kind:
    | 'handshake_refused' // TLS: no certificate, a foreign one, expired, an old protocol
    | 'certificate_refused' // the chain is right, but it is not an agent of this trust domain
    | 'connection_refused' // authenticate or renew said no
    | 'request_refused' // not a WebSocket upgrade of wayside.v1 and not a renewal
    | 'frame_refused' // malformed, oversized, unknown or out of order
    | 'handler_failed' // a handler's promise was rejected
    | 'heartbeat_missed'
    | 'certificate_expired'
    | 'accept_dropped'; // the queue of connections that wait for their handshake is full
  readonly code: string;
  readonly message: string;
  readonly agentId: string | null;
  readonly organization: string | null;
  readonly remoteAddress: string;
  readonly cause?: unknown;
}

export interface Channel {
  /** `wss://host:port/agent` with the address that it listens on. */
  readonly url: string;
  readonly port: number;
  online(): Iterable<AgentConnection>;
  connection(agentId: string): AgentConnection | null;
  /** New key, chain or anchors for connections from now on; open ones stay. */
  replaceTls(tls: ListenerTls): void;
  /** False from the moment on from which it closes. */
  isListening(): boolean;
  /** Stops listening, closes every connection with `going_away`, and resolves when all are gone. Idempotent. */
  close(): Promise<void>;
}

export interface ChannelOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly trustDomain: string;
  /** The data-plane CA that signed a certificate, by its id; null for one that does not count any more. */
  readonly issuerOf: (certificate: X509Certificate) => Promise<string | null>;
  readonly tls: ListenerTls;
  readonly handlers: ChannelHandlers;
  readonly clock: ChannelClock;
  readonly limits?: Partial<ChannelLimits>;
  readonly report: (report: ChannelReport) => void;
}
