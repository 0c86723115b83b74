// How an attempt ends: its outcome goes into the journal, then over the wire, and is kept until it is acknowledged.
import { failures } from '../../protocol/failures.ts';
import type { FailureCode } from '../../protocol/failures.ts';
import type { Outcome } from '../../protocol/outcome.ts';
import type { OutcomeResult } from '../../protocol/states.ts';
import type { StopOrder } from '../contract.ts';
import type { WorkRun } from '../work-state.ts';
import { emit, forgetRun, updateRun } from './draft.ts';
import type { Draft } from './draft.ts';

const retryMs = 1_000;

/** The first outcome wins: whoever comes later finds the run ending or ended and changes nothing. */
export function endRun(draft: Draft, run: WorkRun, outcome: Outcome, lastSeq = run.lastSeq): void {
  const ending = updateRun(draft, run, { phase: 'ending', outcome, lastSeq, retryAt: null });
  journalEnd(draft, ending);
}

/** Ends a run of which nothing was started. */
export function endUnstarted(draft: Draft, run: WorkRun, order: StopOrder): void {
  endRun(draft, run, unstartedOutcome(order));
}

export function endWritten(draft: Draft, run: WorkRun): void {
  if (run.phase !== 'ending' || run.outcome === null) return;
  const ended = updateRun(draft, run, { phase: 'ended' });
  // What was shown to a server that had lost it is told when the answer is there; until then nothing is sent.
  if (ended.muted && !ended.asking) forgetRun(draft, ended, run.outcome.result);
  else emit(draft, { type: 'report', key: run.key, outcome: run.outcome });
}

export function endNotWritten(draft: Draft, run: WorkRun): void {
  updateRun(draft, run, { retryAt: draft.at.boot + retryMs });
}

export function retryEnd(draft: Draft, run: WorkRun): void {
  journalEnd(draft, updateRun(draft, run, { retryAt: null }));
}

function journalEnd(draft: Draft, run: WorkRun): void {
  if (run.outcome === null) return;
  emit(draft, {
    type: 'journal',
    key: run.key,
    record: {
      type: 'ended',
      run: run.run,
      attempt: run.attempt,
      at: draft.at.now,
      outcome: run.outcome,
      last_seq: run.lastSeq,
    },
  });
}

const results: Readonly<Record<StopOrder['reason'], readonly [OutcomeResult, FailureCode]>> = {
  requested: ['canceled', 'canceled'],
  revoked: ['canceled', 'agent_revoked'],
  drain: ['canceled', 'draining'],
  timeout: ['timed_out', 'timed_out'],
  deadline: ['timed_out', 'timed_out'],
};

function unstartedOutcome({ reason }: StopOrder): Outcome {
  const [result, code] = results[reason];
  return emptyOutcome(result, code, `${failures[code][1]} before it began: nothing was started.`);
}

/** Of a run that a dead process accepted: it did not begin, unless the journal was damaged and cannot tell. */
export function inheritedOutcome(run: WorkRun): Outcome {
  // An idempotent action gets a new attempt from the server when it hears of an interruption (rules.md 6).
  return emptyOutcome(
    run.idempotent ? 'interrupted' : 'failed',
    'agent_interrupted',
    'The agent was restarted between accepting the run and beginning it: nothing was started.',
  );
}

export function emptyOutcome(result: OutcomeResult, code: FailureCode, message: string): Outcome {
  return {
    result,
    code,
    message,
    duration_ms: 0,
    operations: [],
    outputs: {},
    truncated: false,
    survivors: [],
  };
}
