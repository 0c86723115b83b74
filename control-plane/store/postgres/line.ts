// Keeps one connection: opens it when it is first needed, and again with backoff and jitter when it was lost.
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../../protocol/failures.ts';
import {
  storeAwayMsMax,
  storeOpenMsMax,
  storeReconnectMsMax,
  storeReconnectMsMin,
} from '../../../protocol/limits.ts';
import { isAway, stateOf, unavailable } from './failure.ts';
import { openLink } from './link.ts';
import type { Link, LinkOptions } from './link.ts';
import type { PostgresSettings } from './settings.ts';

export interface LineOptions {
  readonly settings: PostgresSettings;
  readonly purpose: LinkOptions['purpose'];
  readonly movesTime: boolean;
  /** Called with each new connection before anybody else gets it; what it throws counts as not connected. */
  readonly prepare?: (link: Link) => Promise<void>;
  readonly report: (message: string, cause: Error) => void;
  /** Called when the connection is open: where one can be opened, so can the others. */
  readonly opened?: () => void;
}

interface Waiting {
  readonly resolve: (link: Link) => void;
  readonly reject: (reason: Failure) => void;
  readonly timer: NodeJS.Timeout;
}

export class Line {
  readonly #options: LineOptions;
  readonly #waiting = new Set<Waiting>();
  #link: Link | null = null;
  #connecting = false;
  #closed = false;
  #tries = 0;
  #retry: NodeJS.Timeout | null = null;
  #away: { readonly since: number; cause: unknown } | null = null;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  /** The open connection, or null. */
  get current(): Link | null {
    return this.#link;
  }

  /**
   * The connection. Waits through a short absence; rejects with `store_unavailable` once the database is away for
   * longer than `msMax`.
   */
  link(msMax: number = storeAwayMsMax): Promise<Link> {
    if (this.#link !== null) return Promise.resolve(this.#link);
    if (this.#closed) return Promise.reject(new Failure('store_failed', 'The store is closed.'));
    this.#connect();
    const left = msMax - (this.#away === null ? 0 : performance.now() - this.#away.since);
    if (left <= 0) return Promise.reject(unavailable(this.#away?.cause));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(waiting);
        reject(unavailable(this.#away?.cause ?? new Error('it does not answer')));
      }, left);
      const waiting = { resolve, reject, timer };
      this.#waiting.add(waiting);
    });
  }

  /** The database is there again: tries at once, and lets those who ask now wait for it. */
  nudge(): void {
    if (this.#link !== null || this.#retry === null) return;
    clearTimeout(this.#retry);
    this.#retry = null;
    this.#tries = 0;
    if (this.#away !== null) this.#away = { since: performance.now(), cause: this.#away.cause };
    this.#connect();
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#refuse(new Failure('store_failed', 'The store is closed.'));
    const link = this.#link;
    this.#link = null;
    await link?.close();
  }

  #connect(): void {
    if (this.#link !== null || this.#connecting || this.#retry !== null || this.#closed) return;
    this.#connecting = true;
    void connectToPrimary(this.#options).then(
      (link) => this.#opened(link),
      (cause: unknown) => this.#failed(cause),
    );
  }

  #opened(link: Link): void {
    this.#connecting = false;
    if (this.#closed) {
      void link.close();
      return;
    }
    this.#tries = 0;
    this.#away = null;
    this.#link = link;
    link.onLost((cause) => this.#lost(link, cause));
    for (const { resolve, timer } of this.#waiting) {
      clearTimeout(timer);
      resolve(link);
    }
    this.#waiting.clear();
    this.#options.opened?.();
  }

  #lost(link: Link, cause: Error): void {
    if (this.#link !== link) return;
    this.#link = null;
    this.#away = { since: performance.now(), cause };
    if (this.#closed) return;
    this.#options.report('the connection to the database was lost; it is opened again', cause);
    this.#connect();
  }

  #failed(cause: unknown): void {
    this.#connecting = false;
    if (this.#closed) return;
    this.#away ??= { since: performance.now(), cause };
    this.#away.cause = cause;
    // Whoever waits would only hear the same again after a while.
    if (!isAway(cause)) this.#refuse(refusalOf(cause));
    if (this.#tries === 0) {
      this.#options.report('the database cannot be reached; it is tried again', cause as Error);
    }
    const spread = Math.min(storeReconnectMsMax, storeReconnectMsMin * 2 ** this.#tries);
    this.#tries += 1;
    this.#retry = setTimeout(
      () => {
        this.#retry = null;
        this.#connect();
      },
      storeReconnectMsMin / 2 + Math.random() * spread,
    );
  }

  #refuse(reason: Failure): void {
    for (const { reject, timer } of this.#waiting) {
      clearTimeout(timer);
      reject(reason);
    }
    this.#waiting.clear();
  }
}

/** The first of the hosts that answers and takes writes. Rejects with what the last one said. */
export async function connectToPrimary(options: Omit<LineOptions, 'report'>): Promise<Link> {
  let last: unknown = null;
  for (const host of options.settings.hosts) {
    try {
      const link = await openLink({ ...options, host });
      try {
        const { rows } = await link.send('select pg_is_in_recovery() as standby');
        if (rows[0]?.['standby'] !== 0) throw new Error(`${host.host} is a standby`);
        await options.prepare?.(link);
        return link;
      } catch (cause) {
        await link.close().catch(() => undefined);
        throw cause;
      }
    } catch (cause) {
      last = cause;
      // A password that is wrong here is wrong at the next one too; what is said about the data is said for good.
      if (cause instanceof Failure || (stateOf(cause) !== null && !isAway(cause))) break;
    }
  }
  throw last;
}

/** A database that starts together with us is waited for; what does not change by waiting is thrown at once. */
export async function connectAtStart(options: Omit<LineOptions, 'report'>): Promise<Link> {
  const deadline = performance.now() + storeOpenMsMax;
  for (;;) {
    try {
      return await connectToPrimary(options);
    } catch (cause) {
      const refusal = refusalOf(cause);
      if (refusal.code !== 'store_unavailable' || performance.now() > deadline) throw refusal;
      await delay(storeReconnectMsMin * 3);
    }
  }
}

/** What the first connection of a start failed with, and what to do about it. */
export function refusalOf(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const invalid = (sentence: string) =>
    new Failure('invalid_configuration', `${sentence} The database said: ${text}.`, { cause });
  switch (stateOf(cause) ?? '') {
    case '28P01':
    case '28000':
      return invalid('The database does not let us in: look at user, password and TLS in DATABASE_URL.');
    case '3D000':
      return invalid('There is no such database: make it (createdb), or name another one in DATABASE_URL.');
    case '42501':
      return invalid('The user of DATABASE_URL may not do that: let it own the database or its schema.');
  }
  if (/self[- ]signed|certificate|altnames|does not support SSL/i.test(text)) {
    return invalid(
      'The database could not be trusted: name its authority as sslrootcert, or write sslmode=disable where nobody ' +
        'can listen on the way.',
    );
  }
  return unavailable(cause);
}
