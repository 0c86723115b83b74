// One connection: the WebSocket over mutual TLS, its heartbeats both ways, and its end. It knows nothing of runs.
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { Failure, isFailureCode } from '../protocol/failures.ts';
import { closeCodes, parseServerFrame, subprotocol } from '../protocol/frames.ts';
import type { ServerFrame } from '../protocol/frames.ts';
import { agentWatchdogMs, connectMsMax, frameBytesMax, heartbeatMs, helloMsMax } from '../protocol/limits.ts';
import type { Clock } from './contract.ts';
import { connectionFailure } from './explain-connection.ts';
import type { StoredIdentity } from './identity.ts';
import { secureAgent } from './secure-agent.ts';
import type { ProxyEnv } from './secure-agent.ts';

/** How many heartbeats of silence end a connection; with the usual interval that is `agentWatchdogMs`. */
const silentBeats = agentWatchdogMs / heartbeatMs;

export interface Closed {
  readonly code: number;
  readonly failure: Failure | null;
  /** As the server asked in a `reject`, a Retry-After, or null. */
  readonly retryAfterMs: number | null;
  /** How long it was open and welcomed, in ms. */
  readonly welcomedMs: number;
}

export interface Connection {
  readonly number: number;
  /** False where it is closing; the frame was not sent. */
  send(text: string): boolean;
  close(code: number, reason: string): void;
  pause(): void;
  resume(): void;
}

export interface DialOptions {
  readonly number: number;
  readonly identity: StoredIdentity;
  readonly proxyEnv: ProxyEnv;
  readonly clock: Clock;
  /** What the heartbeat carries. */
  readonly journalCounter: () => number;
  readonly opened: () => void;
  readonly frame: (frame: ServerFrame) => void;
  readonly closed: (closed: Closed) => void;
}

/** Dials once. `closed` is called exactly once, also when no connection came to be. */
export function dial(options: DialOptions): Connection {
  const { identity, proxyEnv, clock } = options;
  const url = new URL(identity.agent_url);
  const trust = { root: identity.root, client: { chain: identity.certificate_chain, key: identity.key } };
  const socket = new WebSocket(url, subprotocol, {
    agent: secureAgent(trust, proxyEnv),
    perMessageDeflate: false,
    maxPayload: frameBytesMax,
    handshakeTimeout: connectMsMax,
    followRedirects: false,
  });
  let failure: Failure | null = null;
  let retryAfterMs: number | null = null;
  let welcomedAt: number | null = null;
  const pulse = startPulse(socket, options);
  const connection = connectionOf(socket, options.number);

  socket.on('unexpected-response', (request, response) => {
    retryAfterMs = retryAfterOf(response);
    void refusalOf(response, url).then((refusal) => {
      failure ??= refusal;
      request.destroy();
      socket.terminate();
    });
  });
  socket.on('error', (cause) => {
    failure ??= connectionFailure(cause, url);
  });
  socket.on('open', () => {
    pulse.open();
    options.opened();
  });
  socket.on('message', (data, isBinary) => {
    pulse.heard();
    try {
      const frame = parseServerFrame(isBinary ? '' : textOf(data));
      if (frame.type === 'welcome') {
        welcomedAt = clock.boot();
        pulse.welcomed(frame.heartbeat_ms);
      }
      if (frame.type === 'reject') retryAfterMs = frame.retry_after_ms;
      options.frame(frame);
    } catch (cause) {
      failure ??=
        cause instanceof Failure ? cause : new Failure('protocol_error', 'A frame could not be read.');
      socket.close(closeCodes.protocol_error, 'protocol_error');
    }
  });
  socket.on('close', (code) => {
    pulse.stop();
    const welcomedMs = welcomedAt === null ? 0 : clock.boot() - welcomedAt;
    options.closed({ code, failure, retryAfterMs, welcomedMs });
  });
  return connection;
}

function textOf(data: WebSocket.RawData): string {
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.concat(data as Buffer[]).toString('utf8');
}

function connectionOf(socket: WebSocket, number: number): Connection {
  return {
    number,
    send(text) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(text);
      return true;
    },
    close(code, reason) {
      socket.close(code, reason);
      // A peer that does not answer the closing handshake must not keep the connection.
      setTimeout(() => {
        socket.terminate();
      }, helloMsMax / 5).unref();
    },
    pause() {
      socket.pause();
    },
    resume() {
      socket.resume();
    },
  };
}

interface Pulse {
  open(): void;
  welcomed(beatMs: number): void;
  heard(): void;
  stop(): void;
}

/**
 * Pings and heartbeats of ours, and the watchdog over theirs: silence for several beats, or no welcome in time, ends
 * the connection. Silence is measured on boot time, so a machine that slept redials at once.
 */
function startPulse(socket: WebSocket, { clock, journalCounter }: DialOptions): Pulse {
  let heardAt = clock.boot();
  // Reading the boot clock is a system call, which not every frame needs.
  let heardSince = false;
  let silenceMs = helloMsMax + connectMsMax;
  let beatMs = heartbeatMs;
  let timer: NodeJS.Timeout | null = null;
  const beat = (): void => {
    if (heardSince) heardAt = clock.boot();
    heardSince = false;
    if (clock.boot() - heardAt > silenceMs) return socket.terminate();
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.ping();
    socket.send(`{"type":"heartbeat","journal_counter":${journalCounter()},"now":${clock.now()}}`);
  };
  const heard = (): void => {
    heardSince = true;
  };
  const every = (ms: number): void => {
    if (timer !== null) clearInterval(timer);
    timer = setInterval(beat, ms);
  };
  socket.on('ping', heard);
  socket.on('pong', heard);
  return {
    open() {
      heard();
      silenceMs = helloMsMax;
      timer = setTimeout(() => {
        socket.terminate();
      }, helloMsMax);
    },
    welcomed(ms) {
      if (timer !== null) clearTimeout(timer);
      beatMs = ms;
      silenceMs = beatMs * silentBeats;
      every(beatMs);
    },
    heard,
    stop() {
      if (timer !== null) clearTimeout(timer);
    },
  };
}

function retryAfterOf(response: IncomingMessage): number | null {
  const seconds = Number(response.headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null;
}

/** The failure that the problem document of a refused upgrade names (RFC 9457). */
async function refusalOf(response: IncomingMessage, url: URL): Promise<Failure> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > frameBytesMax) break;
      chunks.push(chunk as Buffer);
    }
    const problem = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Readonly<Record<string, unknown>>;
    const { code, detail } = problem;
    if (typeof code === 'string' && isFailureCode(code)) {
      return new Failure(code, typeof detail === 'string' ? detail : code);
    }
  } catch {
    // Something else than the control plane answered.
  }
  return new Failure('unreachable', `${url.host} answered ${response.statusCode ?? 0} to the agent.`);
}
