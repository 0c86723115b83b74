// What the agent's loop is given from outside, and what it begins with: so that a test can give it a world of its own.
import type { AgentFrame, ServerFrame } from '../protocol/frames.ts';
import type { Clock, ExecuteRun } from './contract.ts';
import type { FaultPoint } from './fault.ts';
import type { Inbox } from './inbox.ts';
import type { Journal } from './journal.ts';
import type { Starts } from './limits.ts';
import type { Log } from './log.ts';
import type { Recovered } from './recover.ts';
import type { RunSpool } from './spool.ts';
import type { Verification } from './verify.ts';
import type { Advertisement, LeaveReason, OfferFrame, WorkEvent } from './work-state.ts';

/** An event before the loop stamps it with the time. */
export type Happening = WorkEvent extends infer Event
  ? Event extends WorkEvent
    ? Omit<Event, 'at' | 'past' | 'actionStarts' | 'allStarts'>
    : never
  : never;

/** How the loop speaks to the control plane; whose frames arrive is the session's business. */
export interface Line {
  /** False where the current connection is gone. */
  send(text: string): boolean;
  close(code: number, reason: string): void;
  /** The work says hello on this connection: what it sends goes there from now on. */
  adopt(connection: number): void;
}

export interface WorkDeps {
  readonly clock: Clock;
  readonly journal: Pick<Journal, 'fold' | 'counter' | 'append' | 'note'>;
  readonly starts: Starts;
  readonly spools: { create(): RunSpool };
  readonly bootId: string | null;
  readonly version: string;
  readonly incarnation: string;
  readonly inbox: Inbox<Happening>;
  readonly line: Line;
  readonly verify: (offer: OfferFrame) => Promise<Verification>;
  readonly execute: ExecuteRun;
  /** Takes note of what a welcome says of clocks and keys, before the work hears of it. */
  readonly welcomed: (welcome: Extract<ServerFrame, { type: 'welcome' }>) => void;
  /** Heads of the control plane's audit trail: what a hello says of them, and what an acknowledgement brings. */
  readonly heads: {
    hello(): NonNullable<Extract<AgentFrame, { type: 'hello' }>['audit']>;
    seen(jws: string): void;
  };
  readonly renew: () => void;
  readonly leave: (reason: LeaveReason, message: string) => void;
  readonly faultPoint: FaultPoint;
  readonly log: Log;
}

export interface WorkStart {
  readonly concurrency: number;
  readonly shutdownGraceMs: number;
  readonly sharesUser: boolean;
  readonly advertisement: Advertisement;
  /** As enrolment told. */
  readonly knownGroups: readonly string[];
  readonly recovered: readonly Recovered[];
}
