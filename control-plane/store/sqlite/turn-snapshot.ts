// Reads of this thread within one turn of its loop, all of one snapshot. A new one makes SQLite forget its cache
// where anything was written meanwhile, and that takes longer than the reads.
import type { StepResult } from '../store.ts';
import type { Connection } from './connection.ts';
import type { Statement } from './messages.ts';

export class TurnSnapshot {
  readonly #connection: Connection;
  #isOpen = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sets what the database's clock says, where it was opened with one. */
  setNow(ms: number): void {
    this.#connection.setNow(ms);
  }

  /** Throws what SQLite says of a statement that is wrong. */
  read(statements: readonly Statement[]): readonly StepResult[] {
    if (!this.#isOpen) {
      this.#connection.run('begin');
      this.#isOpen = true;
      setImmediate(() => this.end());
    }
    return statements.map(({ sql, parameters }) => this.#connection.run(sql, parameters));
  }

  /** What is read from now on is of a new snapshot; called whenever somebody may have learnt of something newer. */
  end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#connection.run('commit');
  }

  close(): void {
    this.end();
    this.#connection.close();
  }
}
