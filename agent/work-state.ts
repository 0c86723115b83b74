// What the agent's work consists of: the state that `decide` maps to the next one, the events that move it, and the
// effects that it asks for. Plain data, so that a simulation can hold, compare and replay it.
import type { RunLimits } from '../hcl/agent-file/definition.ts';
import type { AgentFrame, Definition, ServerFrame } from '../protocol/frames.ts';
import type { Outcome } from '../protocol/outcome.ts';
import type { StopOrder } from './contract.ts';
import type { JournalRecord } from './journal-records.ts';
import type { StartHistory } from './limits.ts';

/** Both clocks at the time of an event: boot time counts suspension, wall time is epoch ms. */
export interface Moment {
  readonly boot: number;
  readonly now: number;
}

export type OfferFrame = Extract<ServerFrame, { type: 'offer' }>;

/** What an attempt is doing; `dispatch.md` has the path. */
export type WorkPhase =
  | 'held' // offered, waits a moment for a free slot
  | 'verifying' // offered, its intent is being checked
  | 'accepting' // `accepted` is on its way to the disk
  | 'waiting' // accepted, waits for `go`
  | 'beginning' // `begun` is on its way to the disk
  | 'running'
  | 'ending' // `ended` is on its way to the disk
  | 'ended'; // reported until it is acknowledged

export interface WorkRun {
  readonly key: string;
  readonly run: string;
  readonly attempt: number;
  readonly phase: WorkPhase;
  readonly offer: OfferFrame | null;
  /** Boot time until which a held offer waits. */
  readonly heldUntil: number;
  /** `group/operation`; empty until verified. */
  readonly action: string;
  readonly limits: RunLimits;
  readonly digest: string;
  readonly idempotent: boolean;
  /** Accepted by a process that died before it began: its inputs died with it. */
  readonly inherited: boolean;
  /** Boot time of the last `accept`, null before the first of this process. */
  readonly acceptedAt: number | null;
  /** True once the server has answered `go`: then the run is ours there too. */
  readonly confirmed: boolean;
  readonly begun: boolean;
  readonly deadline: Moment | null;
  readonly stop: StopOrder | null;
  readonly outcome: Outcome | null;
  readonly lastSeq: number;
  /** Boot time at which a failed write of the end is tried again. */
  readonly retryAt: number | null;
  /** The server does not know it any more: nothing is sent about it. */
  readonly muted: boolean;
  /** Its intent was shown to a server that has lost it, and the answer is not there yet. */
  readonly asking: boolean;
}

export interface Advertisement {
  readonly groups: readonly string[];
  readonly definitions: readonly Definition[];
  readonly loadErrors: readonly string[];
}

export interface SessionState {
  readonly connection: number;
  readonly welcomed: boolean;
  /** Slots that the server believes it may still fill. */
  readonly granted: number;
  /** Cancels in this session for runs that nobody here knows. */
  readonly tombstones: number;
  /** What its hello, or the last `definitions`, said. */
  readonly advertised: Advertisement;
}

export interface DrainState {
  readonly cause: 'signal' | 'server' | 'fate';
  readonly reason: LeaveReason;
  readonly hurried: boolean;
  /** Boot time at which what still runs is stopped; null once it was. */
  readonly until: number | null;
  /** Boot time at which the agent goes, acknowledged or not; null while something runs. */
  readonly leaveBy: number | null;
}

export type LeaveReason = 'drained' | 'agent_revoked' | 'quarantined' | 'unknown_groups';

export interface WorkState {
  readonly incarnation: string;
  readonly session: SessionState | null;
  readonly everWelcomed: boolean;
  /** That this agent may serve, as enrolment and welcomes told. */
  readonly knownGroups: readonly string[];
  readonly drain: DrainState | null;
  readonly left: boolean;
  readonly concurrency: number;
  readonly shutdownGraceMs: number;
  /** Boot time of the next try to write, while the journal cannot be written. */
  readonly probeAt: number | null;
  readonly advertisement: Advertisement;
  readonly runs: ReadonlyMap<string, WorkRun>;
}

/** What verification found: enough to decide on, while the request itself stays with the loop. */
export interface VerifiedAction {
  readonly action: string;
  readonly digest: string;
  readonly idempotent: boolean;
  readonly timeoutMs: number;
  readonly concurrency: number | null;
  readonly limits: RunLimits;
  readonly agentLimits: RunLimits;
}

export type WorkEvent = { readonly at: Moment } & (
  | { readonly type: 'opened'; readonly connection: number }
  | {
      readonly type: 'frame';
      readonly connection: number;
      readonly frame: ServerFrame;
      /** The highest attempt of the frame's run that is past for this agent; 0 = none. */
      readonly past: number;
      /** With a welcome: keys of runs in hand whose intents are of an earlier life of the store. */
      readonly showable?: ReadonlySet<string>;
    }
  | { readonly type: 'closed'; readonly connection: number; readonly fate: LeaveReason | null }
  | {
      readonly type: 'verified';
      readonly key: string;
      readonly action: VerifiedAction;
      readonly actionStarts: StartHistory;
      readonly allStarts: StartHistory;
    }
  | { readonly type: 'refused'; readonly key: string; readonly code: string; readonly message: string }
  | { readonly type: 'journaled'; readonly key: string; readonly record: 'accepted' | 'begun' | 'ended' }
  | { readonly type: 'unjournaled'; readonly key: string; readonly record: 'accepted' | 'begun' | 'ended' }
  | {
      readonly type: 'executed';
      readonly key: string;
      readonly outcome: Outcome;
      readonly lastSeq: number;
    }
  | { readonly type: 'tick' }
  | { readonly type: 'probed'; readonly ok: boolean }
  | { readonly type: 'drain'; readonly cause: 'signal' | 'server' }
  | { readonly type: 'hurry' }
  | {
      readonly type: 'reloaded';
      readonly advertisement: Advertisement;
      readonly concurrency: number;
      readonly shutdownGraceMs: number;
    }
);

export interface AttemptNamed {
  readonly run: string;
  readonly attempt: number;
}

export interface RunInHandState {
  readonly key: string;
  readonly state: 'accepted' | 'begun' | 'ended' | 'interrupted';
}

export type Effect =
  | { readonly type: 'hello'; readonly connection: number; readonly runs: readonly RunInHandState[] }
  | { readonly type: 'send'; readonly frame: AgentFrame }
  | { readonly type: 'close'; readonly code: number; readonly reason: string }
  | { readonly type: 'verify'; readonly key: string; readonly offer: OfferFrame }
  /** Answered by `journaled` or `unjournaled`. */
  | {
      readonly type: 'journal';
      readonly key: string;
      readonly record: Extract<JournalRecord, { type: 'accepted' | 'begun' | 'ended' }>;
    }
  /** Nobody waits for it: journal it as past, drop its spool and its request. */
  | { readonly type: 'forget'; readonly run: string; readonly attempt: number; readonly verdict: string }
  | { readonly type: 'execute'; readonly key: string }
  | { readonly type: 'stop'; readonly key: string; readonly order: StopOrder }
  /** Shows the signed intents of these runs, in hand or past, and goes on with those that are past. */
  | { readonly type: 'show'; readonly runs: readonly AttemptNamed[] }
  /** Names the past runs whose intents are of these lives of the store, so that the server can ask for them. */
  | { readonly type: 'recall'; readonly store: string; readonly earlier: readonly string[] }
  | { readonly type: 'attach'; readonly key: string; readonly haveSeq: number }
  | { readonly type: 'detach' }
  | { readonly type: 'acknowledge'; readonly key: string; readonly seq: number }
  | { readonly type: 'report'; readonly key: string; readonly outcome: Outcome }
  | { readonly type: 'report_again'; readonly key: string }
  | { readonly type: 'renew' }
  | { readonly type: 'probe' }
  | { readonly type: 'leave'; readonly reason: LeaveReason; readonly message: string }
  | {
      readonly type: 'note';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly run?: string;
    };

export interface Decision {
  readonly state: WorkState;
  readonly effects: readonly Effect[];
}

/** An agent that has read its journal and not yet connected. */
export function initialState(options: {
  readonly incarnation: string;
  readonly concurrency: number;
  readonly shutdownGraceMs: number;
  readonly advertisement: Advertisement;
  readonly knownGroups: readonly string[];
  readonly runs: readonly WorkRun[];
}): WorkState {
  return {
    incarnation: options.incarnation,
    session: null,
    everWelcomed: false,
    knownGroups: options.knownGroups,
    drain: null,
    left: false,
    concurrency: options.concurrency,
    shutdownGraceMs: options.shutdownGraceMs,
    probeAt: null,
    advertisement: options.advertisement,
    runs: new Map(options.runs.map((run) => [run.key, run])),
  };
}

/** An attempt of which nothing is known but its name. */
export function newRun(
  fields: Pick<WorkRun, 'key' | 'run' | 'attempt' | 'phase'> & Partial<WorkRun>,
): WorkRun {
  return {
    offer: null,
    heldUntil: 0,
    action: '',
    limits: {},
    digest: '',
    idempotent: false,
    inherited: false,
    acceptedAt: null,
    confirmed: false,
    begun: false,
    deadline: null,
    stop: null,
    outcome: null,
    lastSeq: 0,
    retryAt: null,
    muted: false,
    asking: false,
    ...fields,
  };
}

/** Holds one of the agent's slots. What has ended does not, and what a dead process accepted will not run. */
export function holdsSlot(run: WorkRun): boolean {
  return run.phase !== 'ended' && run.phase !== 'held' && !run.inherited;
}

/** How many more runs the agent would take now. */
export function freeSlots(state: WorkState): number {
  if (state.drain !== null || state.left || state.probeAt !== null) return 0;
  let taken = 0;
  for (const run of state.runs.values()) if (holdsSlot(run) || run.phase === 'held') taken += 1;
  return Math.max(0, state.concurrency - taken);
}

export function isPast(deadline: Moment | null, at: Moment): boolean {
  return deadline !== null && (at.boot >= deadline.boot || at.now >= deadline.now);
}
