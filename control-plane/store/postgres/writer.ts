// Everything that is written by this process, in the order in which it was asked for: one connection, one transaction
// at a time, which takes whatever has come meanwhile.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../../protocol/failures.ts';
import {
  storeCommitUnitsMax,
  storeOutcomeMsMax,
  storePendingMax,
  storeReconnectMsMin,
  storeRetriesMax,
} from '../../../protocol/limits.ts';
import type { Step, StepResult, StoreCommit } from '../store.ts';
import { mayRunAgain, outcomeUnknown, toStoreFailure, unavailable } from './failure.ts';
import type { UniqueIndexes } from './failure.ts';
import { findOutcome, markPrefix } from './find-outcome.ts';
import { commitTogether } from './commit-together.ts';
import type { TogetherEnd } from './commit-together.ts';
import { commitBatch } from './group-commit.ts';
import type { BatchEnd, Unit } from './group-commit.ts';
import type { Line } from './line.ts';
import type { Link } from './link.ts';
import { statementOf } from './statement.ts';

export interface WriterOptions {
  readonly line: Line;
  readonly indexes: () => UniqueIndexes;
  readonly clock: (() => number) | null;
  /** Told of each transaction. */
  readonly onCommit?: (commit: StoreCommit) => void;
}

export class Writer {
  readonly #options: WriterOptions;
  readonly #queue: Unit[] = [];
  readonly #name = `${markPrefix}${randomUUID()}`;
  #transactions = 0;
  #running: Promise<void> | null = null;
  #closed = false;
  /** How many units share a transaction; few after the database gave one up, so that they do not meet again. */
  #most = storeCommitUnitsMax;

  /** How many units at the front of the queue are run one by one, because one of them was not to be. */
  #careful = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  write(steps: readonly Step[]): Promise<readonly StepResult[]> {
    if (this.#closed) return Promise.reject(new Failure('store_failed', 'The store is closed.'));
    if (this.#queue.length >= storePendingMax) {
      return Promise.reject(
        new Failure('unavailable', 'The store has more work than it can take. Retry in a moment.'),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ statements: steps.map(statementOf), tries: 0, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Finishes what was asked for. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    const mark = 'delete from store_meta where name = $1';
    await this.#options.line.current?.send(mark, [this.#name]).catch(() => undefined);
  }

  async #run(): Promise<void> {
    try {
      // What came in the same turn of the loop shares the commit.
      await Promise.resolve();
      while (this.#queue.length > 0) await this.#turn();
    } finally {
      this.#running = null;
    }
  }

  async #turn(): Promise<void> {
    const { line, indexes, clock, onCommit } = this.#options;
    let link: Link;
    try {
      link = await line.link();
    } catch (cause) {
      for (const unit of this.#queue.splice(0)) unit.reject(cause as Error);
      return;
    }
    const mark = { name: this.#name, value: `${(this.#transactions += 1)} ${Date.now()}` };
    const begun = performance.now();
    const options = {
      link,
      mark,
      indexes: indexes(),
      now: clock?.() ?? null,
      elapsed: () => performance.now(),
      committed: (units: number) => onCommit?.({ units, ms: performance.now() - begun }),
    };
    if (this.#careful === 0 && this.#queue.length > 1 && this.#most > 1) {
      await this.#settle(link, await commitTogether(this.#queue, options));
      return;
    }
    const batch = this.#queue.splice(0, Math.min(this.#most, this.#careful > 0 ? this.#careful : Infinity));
    const taken = batch.length;
    const end = await commitBatch(batch, taken, options);
    // What did not get its turn in time is next.
    this.#careful = Math.max(0, this.#careful - (taken - batch.length));
    this.#queue.unshift(...batch);
    await this.#settle(link, end);
  }

  async #settle(link: Link, end: TogetherEnd): Promise<void> {
    switch (end.kind) {
      case 'settled':
        this.#most = Math.min(storeCommitUnitsMax, this.#most * 2);
        return;
      case 'careful':
        this.#careful = end.units.length;
        this.#queue.unshift(...end.units);
        return;
      case 'again':
        return this.#again(end.units, end.cause);
      case 'cut':
        link.destroy();
        this.#back(end.units, end.cause);
        return;
      case 'unknown':
        link.destroy();
        return this.#findOutcome(link, end);
    }
  }

  /** Runs them alone, one after the other, so that the one that cannot be is refused alone. */
  async #again(units: readonly Unit[], cause: unknown): Promise<void> {
    const [only, ...others] = units;
    if (only !== undefined && others.length === 0 && !mayRunAgain(cause)) {
      only.reject(toStoreFailure(cause, 'commit', this.#options.indexes()));
      return;
    }
    this.#most = 1;
    this.#back(units, cause);
    if (mayRunAgain(cause)) await delay(Math.random() * storeReconnectMsMin);
  }

  #back(units: readonly Unit[], cause: unknown): void {
    const again = units.filter((unit) => {
      unit.tries += 1;
      if (unit.tries <= storeRetriesMax) return true;
      unit.reject(unavailable(cause));
      return false;
    });
    this.#queue.unshift(...again);
  }

  async #findOutcome(link: Link, end: Extract<BatchEnd, { kind: 'unknown' }>): Promise<void> {
    const { line } = this.#options;
    const lost = { mark: end.mark, backend: link.backend };
    const deadline = performance.now() + storeOutcomeMsMax;
    for (;;) {
      const left = deadline - performance.now();
      if (left <= 0 || this.#closed) break;
      try {
        const fresh = await line.link(left);
        const outcome = await findOutcome(fresh, lost);
        if (outcome === 'committed') {
          for (const { unit, results } of end.units) unit.resolve(results);
          return;
        }
        if (outcome === 'lost') {
          this.#back(
            end.units.map(({ unit }) => unit),
            end.cause,
          );
          return;
        }
      } catch {
        // Lost again: asked again on the next connection.
      }
      await delay(storeReconnectMsMin);
    }
    for (const { unit } of end.units) unit.reject(outcomeUnknown(end.cause));
  }
}
