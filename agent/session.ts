// Keeps the agent connected: dials, waits between tries with full jitter, changes over to a renewed certificate on a
// new connection before the old one goes. It only fills the inbox; what frames mean is decided elsewhere.
import { closeCodes } from '../protocol/frames.ts';
import { helloMsMax, reconnectBackoffMsMax, reconnectBackoffMsMin } from '../protocol/limits.ts';
import type { Clock } from './contract.ts';
import { dial } from './dial.ts';
import type { Closed, Connection, DialOptions } from './dial.ts';
import { certificateLife } from './identity.ts';
import type { StoredIdentity } from './identity.ts';
import type { Inbox } from './inbox.ts';
import type { Log } from './log.ts';
import type { ProxyEnv } from './secure-agent.ts';
import type { Happening, Line } from './work-deps.ts';
import type { LeaveReason } from './work-state.ts';

/** RFC 6455, section 7.4.1. */
const normalClosure = 1000;

export interface SessionOptions {
  readonly identity: () => StoredIdentity;
  readonly proxyEnv: ProxyEnv;
  readonly clock: Clock;
  /** From 0 up to 1, not 1. */
  readonly random: () => number;
  readonly inbox: Inbox<Happening>;
  readonly journalCounter: () => number;
  readonly log: Log;
  /** How a connection is made; left out, over mutual TLS. */
  readonly dial?: (options: DialOptions) => Connection;
}

/** Codes after which the server wants no connection of this identity again. */
const fates: ReadonlyMap<number, LeaveReason> = new Map<number, LeaveReason>([
  [closeCodes.agent_revoked, 'agent_revoked'],
  [closeCodes.quarantined, 'quarantined'],
]);
const fateOfFailure: ReadonlyMap<string, LeaveReason> = new Map<string, LeaveReason>([
  ['agent_revoked', 'agent_revoked'],
  ['quarantined', 'quarantined'],
]);

/** The wait before try number `failures` (from 0): anything up to a bound that doubles (full jitter). */
export function backoffMs(
  failures: number,
  { random, retryAfterMs }: { readonly random: () => number; readonly retryAfterMs: number | null },
): number {
  const bound = Math.min(reconnectBackoffMsMax, reconnectBackoffMsMin * 2 ** Math.min(failures, 16));
  // What the server asks for is a floor; the jitter on top keeps those it asked from coming all at once.
  return Math.round((retryAfterMs ?? 0) + bound * random());
}

export class Session implements Line {
  readonly #options: SessionOptions;
  readonly #stopped = new AbortController();
  readonly #open = new Map<number, Connection>();
  /** The connection that the work has said hello on. */
  #current: Connection | null = null;
  /** The newest dial, until the work has taken it over or it has failed. */
  #dialling: number | null = null;
  #waiting = false;
  #failures = 0;
  #numbers = 0;
  #empty: (() => void) | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
    options.inbox.onRoom(() => {
      for (const connection of this.#open.values()) connection.resume();
    });
  }

  /** Dials at once and for as long as it lives. */
  start(): void {
    this.#dial();
  }

  send(text: string): boolean {
    return this.#current?.send(text) ?? false;
  }

  close(code: number, reason: string): void {
    this.#current?.close(code, reason);
  }

  /** From now on this connection is the one that frames go to; the former one is closed in order. */
  adopt(number: number): void {
    const fresh = this.#open.get(number);
    if (fresh === undefined || fresh === this.#current) return;
    const former = this.#current;
    this.#current = fresh;
    if (this.#dialling === number) this.#dialling = null;
    former?.close(normalClosure, 'replaced by a newer connection of this agent');
  }

  /** A renewed certificate: a new connection is made first, then the old one is closed. */
  redial(): void {
    if (this.#current !== null && this.#dialling === null && !this.#waiting) this.#dial();
  }

  /** Closes in order and does not dial again. Resolves when nothing is open any more. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    if (this.#open.size === 0) return;
    const empty = new Promise<void>((resolve) => (this.#empty = resolve));
    for (const connection of this.#open.values()) connection.close(normalClosure, 'leaving');
    await empty;
  }

  #dial(): void {
    if (this.#stopped.signal.aborted) return;
    const { clock, identity, inbox, journalCounter, proxyEnv } = this.#options;
    const connect = this.#options.dial ?? dial;
    this.#numbers += 1;
    const number = this.#numbers;
    this.#dialling = number;
    let opened = false;
    const connection = connect({
      number,
      identity: identity(),
      proxyEnv,
      clock,
      journalCounter,
      opened: () => {
        opened = true;
        inbox.put({ type: 'opened', connection: number });
      },
      frame: (frame) => {
        if (!inbox.put({ type: 'frame', connection: number, frame })) connection.pause();
      },
      closed: (closed) => {
        this.#onClosed(number, closed, opened);
      },
    });
    this.#open.set(number, connection);
  }

  #onClosed(number: number, closed: Closed, opened: boolean): void {
    const latest = this.#current?.number === number || this.#dialling === number;
    this.#open.delete(number);
    if (this.#current?.number === number) this.#current = null;
    if (this.#dialling === number) this.#dialling = null;
    const fate = fateOf(closed);
    if (opened || fate !== null) this.#options.inbox.put({ type: 'closed', connection: number, fate });
    if (fate !== null) this.#stopped.abort();
    else if (latest) this.#dialLater(closed);
    if (this.#open.size === 0) this.#empty?.();
  }

  /** A server refuses an expired certificate by an alert or a reset, which says nothing; the certificate itself does. */
  #explain({ code, failure }: Closed): { readonly code: string | number; readonly message: string } {
    const { clock, identity } = this.#options;
    const { notAfter } = certificateLife(identity());
    if (clock.now() > notAfter) {
      return {
        code: 'certificate_rejected',
        message: `The certificate of this agent expired at ${new Date(notAfter).toISOString()}. Ask for a recovery token (wayside agent recovery-token NAME) and run: wayside-agent enroll --recover --token-file FILE`,
      };
    }
    return {
      code: failure?.code ?? code,
      message: failure?.message ?? 'The connection to the control plane was closed.',
    };
  }

  #dialLater(closed: Closed): void {
    if (this.#stopped.signal.aborted || this.#waiting) return;
    const { clock, log, random } = this.#options;
    // A process that ends hands its agents on: they come back at once, and not all in the same moment.
    if (closed.welcomedMs > helloMsMax || closed.code === closeCodes.going_away) this.#failures = 0;
    const wait = backoffMs(this.#failures, { random, retryAfterMs: closed.retryAfterMs });
    this.#failures += 1;
    const { code, message } = this.#explain(closed);
    log.warn({ code, retry_ms: wait }, message);
    this.#waiting = true;
    clock.sleep(wait, this.#stopped.signal).then(
      () => {
        this.#waiting = false;
        this.#dial();
      },
      () => undefined,
    );
  }
}

function fateOf({ code, failure }: Closed): LeaveReason | null {
  return fates.get(code) ?? fateOfFailure.get(failure?.code ?? '') ?? null;
}
