// What an agent's showing of a signed intent means for a run that the store has lost, or has an older row of
// (rules.md 12). Pure.
import type { AgentFrame } from '../../protocol/frames.ts';
import type { Intent } from '../../protocol/intent.ts';
import { tombstoneMs } from '../../protocol/limits.ts';
import { isFinal, nextState, triggerOf } from '../../protocol/states.ts';
import type { RunState, RunTrigger } from '../../protocol/states.ts';
import type { RunFacts } from './contract.ts';

export type ShownFrame = Extract<AgentFrame, { type: 'shown' }>;

export interface Showing {
  readonly shown: ShownFrame;
  readonly intent: Intent;
  /** Whose connection it came over; the certificate's, never the frame's. */
  readonly agent: { readonly id: string; readonly organization: string; readonly project: string };
  readonly store: string;
  readonly earlier: ReadonlySet<string>;
  readonly row: RunFacts | undefined;
  readonly isPruned: boolean;
  readonly now: number;
}

export type RebuildDecision =
  /** It shows what is not its own, or what this store never lost: audited, and the connection ends (rules.md 5). */
  | { readonly kind: 'refuse'; readonly reason: 'wrong_audience' | 'intent_is_current' | 'unknown_store' }
  /** Nobody waits for it: the agent may forget it. */
  | { readonly kind: 'stale' }
  | { readonly kind: 'pruned' }
  /** The row says the same already. */
  | { readonly kind: 'known'; readonly row: RunFacts }
  /** There is no row. */
  | { readonly kind: 'insert'; readonly to: RunState }
  /** The row is of an earlier attempt, or of an earlier step of this one. */
  | { readonly kind: 'advance'; readonly row: RunFacts; readonly to: RunState }
  /** The row is of this attempt, and the outcome settles it. */
  | { readonly kind: 'end'; readonly row: RunFacts };

export function decideShown(showing: Showing): RebuildDecision {
  const { intent, row, shown, store } = showing;
  const reason = refusalOf(showing);
  if (reason !== null) return { kind: 'refuse', reason };
  if (showing.isPruned) return { kind: 'pruned' };
  if (row === undefined) {
    // It may have been pruned so long ago that its tombstone is gone too.
    if (intent.issued_at <= showing.now - tombstoneMs) return { kind: 'stale' };
    return { kind: 'insert', to: walk('queued', ['offer', 'accept', ...lastSteps(shown)]) };
  }
  if (row.attempt > intent.attempt) return { kind: 'stale' };
  const isMine = row.attempt === intent.attempt && row.agent === intent.agent;
  if (row.store_incarnation === store && !isOutrun(row, intent)) {
    return isMine ? { kind: 'known', row } : { kind: 'stale' };
  }
  if (row.attempt === intent.attempt && !isMine) return { kind: 'stale' };
  const isOpen = !isFinal(row.state) || (row.state === 'indeterminate' && row.settled === 0);
  if (!isOpen) return isMine ? { kind: 'known', row } : { kind: 'stale' };
  if (isMine && row.state !== 'offered')
    return shown.outcome === null ? { kind: 'known', row } : { kind: 'end', row };
  return {
    kind: 'advance',
    row,
    to: walk(row.state, [...stepsFrom(row.state, isMine), ...lastSteps(shown, row)]),
  };
}

/** Unsettled at a lower attempt, which another agent may have shown first: who had the next one knows more. */
function isOutrun(row: RunFacts, named: { readonly attempt: number }): boolean {
  return row.attempt < named.attempt && row.state === 'indeterminate' && row.settled === 0;
}

function refusalOf({ agent, earlier, intent, shown, store }: Showing) {
  const isItsOwn =
    intent.run === shown.run &&
    intent.attempt === shown.attempt &&
    intent.agent === agent.id &&
    intent.organization === agent.organization &&
    intent.project === agent.project;
  if (!isItsOwn) return 'wrong_audience';
  // What this life of the store has signed and does not know is a fault, not a loss.
  if (intent.store_incarnation === store) return 'intent_is_current';
  return earlier.has(intent.store_incarnation) ? null : 'unknown_store';
}

/** The steps that the lost rows took from where this one is until the agent had the run. */
function stepsFrom(state: RunState, isMine: boolean): readonly RunTrigger[] {
  switch (state) {
    case 'queued':
      return ['offer', 'accept'];
    case 'offered':
      return isMine ? ['accept'] : ['lapse', 'offer', 'accept'];
    case 'running':
      return ['retry', 'offer', 'accept'];
    default:
      return [];
  }
}

/**
 * What was accepted and never begun is not begun now: the attempt after it may be somebody else's. An interruption is
 * never tried again, because the inputs are lost with the row.
 */
function lastSteps({ outcome, state }: ShownFrame, row?: RunFacts): readonly RunTrigger[] {
  const isVerdict = outcome !== null && outcome.result !== 'interrupted';
  if (row?.state === 'indeterminate') return isVerdict ? [triggerOf(outcome.result)] : [];
  if (outcome !== null) return [triggerOf(outcome.result)];
  return state === 'accepted' ? ['rollback'] : [];
}

/** Through the one table of states, so that no row gets where none can get (states.ts). */
function walk(from: RunState, triggers: readonly RunTrigger[]): RunState {
  let state = from;
  for (const trigger of triggers) {
    const next = nextState(state, trigger);
    if (next === null) throw new Error(`a run that is ${state} has no way by ${trigger}`);
    state = next;
  }
  return state;
}

/** True where the server has lost what the agent says it has of the run, and asks to be shown it. */
export function isLost(
  named: { readonly attempt: number },
  facts: { readonly agent: string; readonly store: string; readonly row: RunFacts | undefined },
): boolean {
  const { agent, row, store } = facts;
  if (row === undefined) return true;
  if (row.attempt > named.attempt) return false;
  if (row.store_incarnation === store) return isOutrun(row, named);
  if (row.attempt === named.attempt && row.agent !== agent) return false;
  return !isFinal(row.state) || (row.state === 'indeterminate' && row.settled === 0);
}
