// What crosses the border between the main thread and the threads that hold a SQLite connection.
import type { SQLInputValue } from 'node:sqlite';
import type { FailureCode } from '../../../protocol/failures.ts';
import type { StepResult } from '../store.ts';
import type { Guard } from '../guard.ts';

/** Requests or answers as packing.ts writes them: one flat list. */
export interface Packed {
  readonly list: readonly unknown[];
  /** Texts that are numbers from here on: statements one way, names of columns the other. */
  readonly texts: readonly string[];
}

/** A statement without its syntax tree, which would cost more to copy than to run. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
  readonly guard?: Guard;
}

/** A failure in a form that can be cloned: an Error would lose its fields on the way. */
export interface FailureMessage {
  readonly code: FailureCode;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly cause: string;
}

/** What became of one request: results of its statements, a guard that did not hold, or a failure. */
export type Answer =
  | { readonly results: readonly StepResult[] }
  | { readonly guard: string }
  | { readonly failure: FailureMessage };

/** Requests that left the main thread in one turn. */
export interface RequestBatch {
  readonly requests: Packed;
  /** Epoch ms of the clock that was passed to the store; absent where the machine's own clock counts. */
  readonly now?: number;
}

export type ToThread = RequestBatch | { readonly open: ThreadSettings } | { readonly close: true };

export type FromThread =
  | { readonly ready: Readonly<Record<string, string>> }
  | { readonly unusable: FailureMessage }
  /** `commitMs` is how long the writer took for the transaction that these are the answers of. */
  | { readonly answers: Packed; readonly commitMs?: number; readonly fatal?: FailureMessage };

/** What a connection is opened with. */
export interface ThreadSettings {
  readonly path: string;
  readonly trustDomain: string | null;
  /** Present where the database must take its time from the batches instead of the machine. */
  readonly now?: number;
}
