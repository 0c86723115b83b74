// What the control plane asks of its database, and nothing else: reads from a snapshot, and writes as units.
// SQLite (sqlite.ts) and PostgreSQL (postgres.ts) implement it.
import type { CompiledQuery, Kysely } from 'kysely';
import type { Guard } from './guard.ts';
import type { Hints } from './hints.ts';
import type { Database } from './schema.ts';

/** One statement of a unit, with the number of rows that it must touch or return where that is a guard. */
export interface Step {
  readonly query: CompiledQuery;
  /** `exactly: n` or `atLeast: n`. A unit with a failed guard is rolled back alone and ends in GuardFailed. */
  readonly guard?: Guard;
}

export interface StepResult {
  readonly rows: readonly Record<string, unknown>[];
  /** Rows inserted, updated or deleted. */
  readonly changes: number;
}

/** A guard did not hold: what was decided is no longer true. The conductor decides again, three times at most. */
export class GuardFailed extends Error {
  readonly guard: string;

  constructor(guard: string) {
    super(`the guard ${guard} did not hold`);
    this.name = 'GuardFailed';
    this.guard = guard;
  }
}

/** One transaction of the writer, which units that arrived together share. */
export interface StoreCommit {
  readonly units: number;
  /** From its begin until it was durable. */
  readonly ms: number;
}

export interface Store extends Hints {
  readonly engine: 'sqlite' | 'postgres';
  /** Builds and compiles queries; executing through it reads, as `read` does. Writes through it are refused. */
  readonly db: Kysely<Database>;
  /** Changes when a backup is restored, or the database was failed over while we ran: read it each time (rules.md 12). */
  readonly incarnation: string;
  readonly trustDomain: string;
  /** Rows of one query. */
  read<Row>(query: CompiledQuery<Row>): Promise<readonly Row[]>;
  /** Rows of several queries, all of one consistent snapshot. */
  snapshot(queries: readonly CompiledQuery[]): Promise<readonly (readonly Record<string, unknown>[])[]>;
  /**
   * The same for a few rows that are found by their keys. Where the engine is in this process it answers without
   * another thread, which costs a tenth; so nothing belongs here that could read many rows. What is read in one turn of
   * the loop may be of one snapshot, which is never older than what any call before has told.
   */
  glance(queries: readonly CompiledQuery[]): Promise<readonly (readonly Record<string, unknown>[])[]>;
  /**
   * Runs the steps as one unit: all or none, durable when the promise resolves. Units that arrive together share a
   * commit. Rejects with GuardFailed, with a Failure (`name_taken` on a unique violation, `store_unavailable` where the
   * database is away and nothing was stored, `store_failed`), or, where the outcome of the commit is unknown, with `store_failed` and `details.unknown` true.
   */
  write(unit: readonly Step[]): Promise<readonly StepResult[]>;
  /** Online copy of the whole database into a file, consistent, without stopping writers. */
  backup(path: string): Promise<void>;
  close(): Promise<void>;
}
