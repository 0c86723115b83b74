// The signed intents of the newest past runs. Two halves, the older of which goes as a whole, because taking the oldest
// out of one map for every run that ends would cost more than the rest of the journal's memory.
import type { Outcome } from '../protocol/outcome.ts';

/** What can still be shown of a run that is over: the signed word, and how it ended without its details. */
export interface KeptIntent {
  readonly attempt: number;
  readonly intent: string;
  readonly outcome: Outcome;
  readonly begunAt: number | null;
  readonly endedAt: number | null;
  readonly lastSeq: number;
}

export class KeptIntents implements Iterable<[run: string, kept: KeptIntent]> {
  readonly #halfMax: number;
  #older = new Map<string, KeptIntent>();
  #newer = new Map<string, KeptIntent>();

  /** Keeps at least half of `runsMax`, and at most that many. */
  constructor(runsMax: number) {
    this.#halfMax = Math.ceil(runsMax / 2);
  }

  get size(): number {
    return this.#older.size + this.#newer.size;
  }

  get(run: string): KeptIntent | undefined {
    return this.#newer.get(run) ?? this.#older.get(run);
  }

  put(run: string, kept: KeptIntent): void {
    if (this.#newer.size >= this.#halfMax && !this.#newer.has(run)) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(run, kept);
    if (this.#older.size > 0) this.#older.delete(run);
  }

  delete(run: string): void {
    this.#newer.delete(run);
    this.#older.delete(run);
  }

  /** Oldest first. */
  *[Symbol.iterator](): Iterator<[run: string, kept: KeptIntent]> {
    yield* this.#older;
    yield* this.#newer;
  }
}
