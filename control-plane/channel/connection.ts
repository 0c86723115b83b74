// One agent's WebSocket from its upgrade to its end: frames in and out, the heartbeat, and the ways to close.
import type { WebSocket } from 'ws';
import { Failure } from '../../protocol/failures.ts';
import type { FailureCode } from '../../protocol/failures.ts';
import { encodeFrame, parseAgentFrame } from '../../protocol/frames.ts';
import type { ServerFrame } from '../../protocol/frames.ts';
import type { SpiffeIdentity } from '../../protocol/ids.ts';
import type { PeerCertificate } from '../pki/peer-certificate.ts';
import { closeCodeOf } from './close-code.ts';
import type {
  AgentConnection,
  ChannelClock,
  ChannelHandlers,
  ChannelLimits,
  ChannelReport,
  CloseCode,
} from './contract.ts';
import { asFailure } from './exchange.ts';
import { startHeartbeat } from './heartbeat.ts';
import { Inbox } from './inbox.ts';

export interface ConnectionFacts {
  readonly identity: SpiffeIdentity;
  readonly certificate: PeerCertificate;
  readonly session: number;
  readonly remoteAddress: string;
}

export interface ConnectionDeps {
  readonly handlers: Pick<ChannelHandlers, 'hello' | 'frame' | 'gone'>;
  readonly limits: ChannelLimits;
  readonly clock: ChannelClock;
  readonly report: (report: ChannelReport) => void;
  /** The connection has ended and `gone` has been handled. */
  readonly ended: (connection: LiveConnection) => void;
}

/** The longest wait that a timer of the platform can hold is 24.8 days; certificates of others may live longer. */
const timerMsMax = 86_400_000;

export class LiveConnection implements AgentConnection {
  readonly agentId: string;
  readonly organization: string;
  readonly project: string;
  readonly certificate: PeerCertificate;
  readonly session: number;
  readonly remoteAddress: string;
  readonly #deps: ConnectionDeps;
  readonly #inbox: Inbox;
  readonly #cancels = new Set<() => void>();
  #socket: WebSocket | null = null;
  #incarnation: string | null = null;
  #hasGreeted = false;
  #closing: { readonly code: CloseCode; readonly reason: FailureCode } | null = null;
  #hasEnded = false;
  #pings = 0;

  constructor(facts: ConnectionFacts, deps: ConnectionDeps) {
    this.agentId = facts.identity.agent;
    this.organization = facts.identity.organization;
    this.project = facts.identity.project;
    this.certificate = facts.certificate;
    this.session = facts.session;
    this.remoteAddress = facts.remoteAddress;
    this.#deps = deps;
    this.#inbox = new Inbox({
      framesMax: deps.limits.inboxFramesMax,
      hello: (frame) => deps.handlers.hello(this, frame),
      frame: (frame) => deps.handlers.frame(this, frame),
      failed: (cause) => this.#handlerFailed(cause),
      full: () => this.#socket?.pause(),
      roomy: () => this.#socket?.resume(),
    });
  }

  get incarnation(): string | null {
    return this.#incarnation;
  }

  send(frame: ServerFrame): boolean {
    const socket = this.#socket;
    if (this.#closing !== null || socket === null || socket.readyState !== socket.OPEN) return false;
    const text = encodeFrame(frame);
    if (socket.bufferedAmount + text.length > this.#deps.limits.sendBufferBytesMax) return false;
    socket.send(text);
    return true;
  }

  bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  isOpen(): boolean {
    return this.#closing === null;
  }

  close(code: CloseCode, reason: FailureCode, message?: string): void {
    this.#close({ code, reason, message: message ?? null, retryAfterMs: null });
  }

  /** From the answer to the upgrade on. */
  attach(socket: WebSocket): void {
    this.#socket = socket;
    socket.on('close', () => this.#end());
    socket.on('error', (cause) => {
      // Of the layer below frames: masks, lengths, UTF-8. ws itself answers with the close code of RFC 6455.
      this.#report('frame_refused', { code: 'protocol_error', message: cause.message, cause });
    });
    if (this.#closing !== null) {
      this.#closeSocket(socket, this.#closing);
      return;
    }
    this.#listen(socket);
    this.#watchHello();
    this.#watchCertificate();
  }

  /** The socket ended before there was a WebSocket on it. */
  abandon(): void {
    if (this.#socket === null) this.#end();
  }

  #listen(socket: WebSocket): void {
    const { limits, clock } = this.#deps;
    const heartbeat = startHeartbeat({
      intervalMs: limits.heartbeatMs,
      missesMax: limits.heartbeatMissesMax,
      clock,
      ping: () => {
        if (socket.readyState === socket.OPEN) socket.ping();
      },
      lost: () => {
        this.#report('heartbeat_missed', {
          code: 'unreachable',
          message: 'The agent does not answer any more.',
        });
        socket.terminate();
      },
      turn: () => {
        this.#pings = 0;
      },
      isDeaf: () => this.#inbox.isFull,
    });
    this.#cancels.add(() => heartbeat.stop());
    socket.on('message', (data: Buffer, isBinary) => {
      heartbeat.heard();
      this.#receive(data, isBinary);
    });
    socket.on('pong', () => heartbeat.heard());
    socket.on('ping', () => {
      heartbeat.heard();
      this.#countPing();
    });
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#closing !== null) return;
    try {
      if (isBinary) throw new Failure('protocol_error', 'A frame is one text message; this one was binary.');
      const frame = parseAgentFrame(data.toString('utf8'));
      if ((frame.type === 'hello') === this.#hasGreeted) {
        throw new Failure('protocol_error', 'The first frame of a connection is hello, and no other one is.');
      }
      if (frame.type === 'hello') {
        this.#hasGreeted = true;
        this.#incarnation = frame.incarnation;
      }
      this.#inbox.push(frame);
    } catch (cause) {
      this.#refuse(asFailure(cause));
    }
  }

  #countPing(): void {
    this.#pings += 1;
    const { pingsPerHeartbeatMax } = this.#deps.limits;
    if (this.#pings <= pingsPerHeartbeatMax || this.#closing !== null) return;
    this.#refuse(new Failure('protocol_error', `More than ${pingsPerHeartbeatMax} pings in one interval.`));
  }

  #watchHello(): void {
    const cancel = this.#deps.clock.after(this.#deps.limits.helloMsMax, () => {
      if (!this.#hasGreeted && this.#closing === null) {
        this.#refuse(new Failure('protocol_error', 'No hello came in time.'));
      }
    });
    this.#cancels.add(cancel);
  }

  /** A socket must not live longer than the right to open it. */
  #watchCertificate(): void {
    const { clock } = this.#deps;
    const left = this.certificate.notAfter - clock.now();
    if (left > 0) {
      const cancel = clock.after(Math.min(left, timerMsMax), () => {
        this.#cancels.delete(cancel);
        this.#watchCertificate();
      });
      this.#cancels.add(cancel);
      return;
    }
    const failure = new Failure('certificate_rejected', 'The certificate of this connection has expired.');
    this.#report('certificate_expired', failure);
    this.#closeFor(failure);
  }

  #refuse(failure: Failure): void {
    this.#report('frame_refused', failure);
    this.#closeFor(failure);
  }

  #handlerFailed(cause: unknown): void {
    const failure = asFailure(cause);
    this.#report('handler_failed', { code: failure.code, message: failure.message, cause });
    this.#closeFor(failure);
  }

  #closeFor(failure: Failure): void {
    const retryAfterMs = failure.details['retry_after_ms'];
    this.#close({
      code: closeCodeOf(failure.code),
      reason: failure.code,
      message: failure.message,
      retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : null,
    });
  }

  #close(end: {
    readonly code: CloseCode;
    readonly reason: FailureCode;
    readonly message: string | null;
    readonly retryAfterMs: number | null;
  }): void {
    if (this.#closing !== null) return;
    const { code, reason, message, retryAfterMs } = end;
    if (message !== null) this.send({ type: 'reject', code: reason, message, retry_after_ms: retryAfterMs });
    this.#closing = { code, reason };
    void this.#inbox.close();
    if (this.#socket !== null) this.#closeSocket(this.#socket, this.#closing);
  }

  #closeSocket(socket: WebSocket, end: { readonly code: CloseCode; readonly reason: FailureCode }): void {
    // A paused socket would never see the peer's answer to the closing handshake.
    socket.resume();
    socket.close(end.code, end.reason);
    this.#cancels.add(this.#deps.clock.after(this.#deps.limits.socketCloseMsMax, () => socket.terminate()));
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#closing ??= { code: closeCodeOf('unreachable'), reason: 'unreachable' };
    for (const cancel of this.#cancels) cancel();
    void this.#sayGone();
  }

  async #sayGone(): Promise<void> {
    await this.#inbox.close();
    try {
      await this.#deps.handlers.gone(this);
    } catch (cause) {
      const { code, message } = asFailure(cause);
      this.#report('handler_failed', { code, message, cause });
    }
    this.#deps.ended(this);
  }

  #report(kind: ChannelReport['kind'], what: Pick<ChannelReport, 'code' | 'message' | 'cause'>): void {
    const { code, message, cause } = what;
    this.#deps.report({
      kind,
      code,
      message,
      agentId: this.agentId,
      organization: this.organization,
      remoteAddress: this.remoteAddress,
      ...(cause === undefined ? {} : { cause }),
    });
  }
}
