// The main thread's end of a thread that holds a connection: numbers the requests, sends those of one turn of
// the loop together, and settles each when its answer comes.
import { Worker } from 'node:worker_threads';
import { Failure } from '../../../protocol/failures.ts';
import { storePendingMax } from '../../../protocol/limits.ts';
import { GuardFailed } from '../store.ts';
import type { StepResult, StoreCommit } from '../store.ts';
import { toFailure } from './failure.ts';
import type { Answer, FromThread, RequestBatch, Statement, ThreadSettings, ToThread } from './messages.ts';
import { packRequests, unpackAnswers } from './packing.ts';
import { openKnownTexts, openLearntTexts } from './texts.ts';

export interface ThreadOptions {
  readonly entry: URL;
  /** The clock that the database follows, where it is not the machine's. */
  readonly clock: (() => number) | null;
  /** Called before answers are given out. */
  readonly onAnswers: () => void;
  /** Told of each transaction of a thread that writes. */
  readonly onCommit?: (commit: StoreCommit) => void;
  /** Called once, when nothing more can be written and the process must end (rules.md 4). */
  readonly onFatal: (failure: Failure) => void;
}

interface Pending {
  readonly resolve: (results: readonly StepResult[]) => void;
  readonly reject: (reason: Error) => void;
}

export class Thread {
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #texts = openKnownTexts();
  readonly #columns = openLearntTexts();
  #outgoing: [number, readonly Statement[]][] = [];
  #last = 0;
  #ended: Failure | null = null;
  readonly #exited: Promise<void>;

  /** Starts the thread; it does nothing before `open`. */
  constructor(options: ThreadOptions) {
    this.#options = options;
    this.#worker = new Worker(options.entry);
    this.#worker.on('message', (message: FromThread) => {
      this.#receive(message);
    });
    this.#worker.on('error', (cause) => {
      this.#fail(new Failure('store_failed', 'A thread of the store died. Restart the server.', { cause }));
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(new Failure('store_failed', 'The store is closed.'));
        resolve();
      });
    });
  }

  /** Opens the connection, and resolves with what the thread found. Throws what it could not do. */
  async open(settings: ThreadSettings): Promise<Readonly<Record<string, string>>> {
    const first = await new Promise<FromThread>((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
      this.#post({ open: settings });
    });
    if ('unusable' in first) throw toFailure(first.unusable);
    if (!('ready' in first)) throw new Error('the thread of the store answered before it was ready');
    return first.ready;
  }

  /** Ends a thread that was never opened, or that could not be. */
  async discard(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Runs the statements as one unit (writer) or of one snapshot (reader). */
  request(statements: readonly Statement[]): Promise<readonly StepResult[]> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    if (this.#pending.size >= storePendingMax) {
      return Promise.reject(
        new Failure('unavailable', 'The store has more work than it can take. Retry in a moment.'),
      );
    }
    this.#last += 1;
    const id = this.#last;
    if (this.#outgoing.length === 0) this.#flushSoon();
    this.#outgoing.push([id, statements]);
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  /** Finishes what was asked for, then ends the thread. */
  async close(): Promise<void> {
    this.#flush();
    this.#post({ close: true });
    await this.#exited;
  }

  /**
   * At once where the thread has nothing to do. Else still in this turn of the loop, but after everything that came in
   * it: what belongs together is one message.
   */
  #flushSoon(): void {
    if (this.#pending.size === 0) queueMicrotask(() => this.#flush());
    else setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#outgoing.length === 0) return;
    const requests = this.#outgoing;
    this.#outgoing = [];
    const batch = { requests: packRequests(requests, this.#texts) };
    const { clock } = this.#options;
    this.#post((clock === null ? batch : { ...batch, now: clock() }) satisfies RequestBatch);
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromThread): void {
    if (!('answers' in message)) return;
    this.#options.onAnswers();
    const answers = unpackAnswers(message.answers, this.#columns);
    for (const [id, answer] of answers) this.#settle(id, answer);
    const { commitMs } = message;
    if (commitMs !== undefined) this.#options.onCommit?.({ units: answers.length, ms: commitMs });
    if (message.fatal !== undefined && this.#ended === null) {
      const failure = toFailure(message.fatal);
      this.#fail(failure);
      this.#options.onFatal(failure);
    }
  }

  #settle(id: number, answer: Answer): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    if ('results' in answer) pending.resolve(answer.results);
    else if ('guard' in answer) pending.reject(new GuardFailed(answer.guard));
    else pending.reject(toFailure(answer.failure));
  }

  /** Whatever still waits has an outcome that nobody here can know. */
  #fail(failure: Failure): void {
    this.#ended ??= failure;
    for (const { reject } of this.#pending.values()) {
      reject(
        new Failure('store_failed', `${failure.message} Whether this was stored is not known.`, {
          cause: failure,
          details: { unknown: true },
        }),
      );
    }
    this.#pending.clear();
  }
}
