// What schedules are given from outside, and what they tell the operator.
import type { ChangeDeps } from '../authority/change.ts';
import type { Authority } from '../authority/authority.ts';
import type { RunParts } from '../runs/parts.ts';
import type { FiringStatements } from './store.ts';

/** For the loop and its firing. */
export interface FiringDeps extends ChangeDeps {
  readonly authority: Authority;
  readonly runs: { readonly parts: RunParts };
  /** Calls `wake` once after `ms`; the answer cancels it. */
  readonly clock: { after(ms: number, wake: () => void): () => void };
  readonly report: (report: ScheduleReport) => void;
}

export interface Firing extends FiringDeps {
  readonly sql: FiringStatements;
}

/** For the verbs: what is changed has to be stored and then seen by the loop. */
export interface ScheduleDeps extends ChangeDeps {
  readonly runs: { readonly parts: RunParts };
  /** Says that a fire time may have come closer. */
  readonly wake: () => void;
}

/** Something that the operator should be able to see. */
export interface ScheduleReport {
  readonly kind: 'schedule_failed' | 'schedules_failed';
  readonly message: string;
  readonly schedule?: string;
  readonly cause: unknown;
}
