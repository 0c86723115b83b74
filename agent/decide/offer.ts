// From an offer to an acceptance or a refusal. Nothing starts on an offer (rules.md 6).
import { failures, isFailureCode } from '../../protocol/failures.ts';
import { offerHeldMsMax } from '../../protocol/limits.ts';
import { runKey } from '../journal-records.ts';
import { admit } from '../limits.ts';
import type { InHand } from '../limits.ts';
import { holdsSlot, newRun } from '../work-state.ts';
import type { OfferFrame, WorkEvent, WorkRun, WorkState } from '../work-state.ts';
import { change, dropRun, emit, forgetRun, note, putRun, runOf, send, updateRun } from './draft.ts';
import type { Draft } from './draft.ts';

export function onOffer(draft: Draft, offer: OfferFrame, past: number): void {
  const { session } = draft.state;
  if (session !== null) change(draft, { session: { ...session, granted: Math.max(0, session.granted - 1) } });
  const known = runOf(draft, runKey(offer));
  if (known !== null) return offeredAgain(draft, known);
  if (offer.attempt <= past || hasLaterAttempt(draft.state, offer)) {
    return refuse(draft, offer, 'replayed', 'This attempt is over for this agent.');
  }
  supersede(draft, offer);
  if (isGoingOn(draft.state, offer))
    return refuse(draft, offer, 'busy', 'An earlier attempt is going on here.');
  if (draft.state.drain !== null) return refuse(draft, offer, 'draining');
  if (draft.state.probeAt !== null) return refuse(draft, offer, 'disk_full');
  putRun(
    draft,
    newRun({
      key: runKey(offer),
      run: offer.run,
      attempt: offer.attempt,
      phase: 'held',
      offer,
      heldUntil: draft.at.boot + offerHeldMsMax,
    }),
  );
}

/** What was accepted is said again; the server answers `go`, `stale`, or knows already. Nothing starts twice. */
function offeredAgain(draft: Draft, run: WorkRun): void {
  if (run.phase === 'held' || run.phase === 'verifying' || run.phase === 'accepting') return;
  sendAccept(draft, run);
  if (run.phase === 'ended') emit(draft, { type: 'report_again', key: run.key });
}

function hasLaterAttempt(state: WorkState, offer: OfferFrame): boolean {
  for (const run of state.runs.values()) {
    if (run.run === offer.run && run.attempt > offer.attempt) return true;
  }
  return false;
}

/** Two attempts of one run never go on side by side, whatever the server says. */
function isGoingOn(state: WorkState, offer: OfferFrame): boolean {
  for (const run of state.runs.values()) {
    if (run.run === offer.run && run.attempt < offer.attempt && holdsSlot(run)) return true;
  }
  return false;
}

/** A higher attempt says that the server has taken back what had not begun. */
function supersede(draft: Draft, offer: OfferFrame): void {
  for (const run of draft.state.runs.values()) {
    if (run.run !== offer.run || run.attempt >= offer.attempt) continue;
    if (run.phase === 'held' || run.phase === 'verifying') dropRun(draft, run);
    else if (run.phase === 'waiting') forgetRun(draft, run, 'superseded');
  }
}

/** Begins to verify held offers as far as there are slots, oldest first. */
export function takeHeld(draft: Draft): void {
  let taken = 0;
  let held = 0;
  for (const run of draft.state.runs.values()) {
    if (holdsSlot(run)) taken += 1;
    else if (run.phase === 'held') held += 1;
  }
  if (held === 0) return;
  for (const run of draft.state.runs.values()) {
    if (taken >= draft.state.concurrency) return;
    if (run.phase !== 'held' || run.offer === null) continue;
    updateRun(draft, run, { phase: 'verifying' });
    emit(draft, { type: 'verify', key: run.key, offer: run.offer });
    taken += 1;
  }
}

export function onVerified(draft: Draft, event: Extract<WorkEvent, { type: 'verified' }>): void {
  const run = runOf(draft, event.key);
  if (run?.phase !== 'verifying') return;
  if (draft.state.drain !== null) return refuseRun(draft, run, 'draining');
  if (draft.state.probeAt !== null) return refuseRun(draft, run, 'disk_full');
  const { action, actionStarts, allStarts, at } = event;
  const refusal = admit({
    action,
    settings: { limits: action.agentLimits },
    inHand: inHandOf(draft.state, run, action.action),
    actionStarts,
    allStarts,
    now: at.now,
  });
  if (refusal !== null) return refuseRun(draft, run, refusal.code, refusal.message);
  const { digest, idempotent, limits, timeoutMs } = action;
  const accepting = updateRun(draft, run, {
    phase: 'accepting',
    offer: null,
    action: action.action,
    digest,
    idempotent,
    limits,
    deadline: { boot: at.boot + timeoutMs, now: at.now + timeoutMs },
  });
  journalAccepted(draft, accepting, run.offer?.intent);
}

/** The intent goes with the first record; one that is written again adds nothing to it. */
export function journalAccepted(draft: Draft, run: WorkRun, intent?: string): void {
  const { action, attempt, digest, idempotent, key } = run;
  emit(draft, {
    type: 'journal',
    key,
    record: {
      type: 'accepted',
      run: run.run,
      attempt,
      at: draft.at.now,
      action,
      digest,
      idempotent,
      ...(intent === undefined ? {} : { intent }),
    },
  });
}

function inHandOf(state: WorkState, self: WorkRun, action: string): InHand {
  const inHand = { action: 0, all: 0, actionWaiting: 0, allWaiting: 0 };
  for (const run of state.runs.values()) {
    if (run === self || !holdsSlot(run) || run.action === '') continue;
    const waiting = run.begun ? 0 : 1;
    const same = run.action === action ? 1 : 0;
    inHand.all += 1;
    inHand.allWaiting += waiting;
    inHand.action += same;
    inHand.actionWaiting += same * waiting;
  }
  return inHand;
}

export function onRefused(draft: Draft, event: Extract<WorkEvent, { type: 'refused' }>): void {
  const run = runOf(draft, event.key);
  if (run?.phase === 'verifying') refuseRun(draft, run, event.code, event.message);
}

export function refuseRun(draft: Draft, run: WorkRun, code: string, message = titleOf(code)): void {
  dropRun(draft, run);
  refuse(draft, run, code, message);
}

function refuse(
  draft: Draft,
  { run, attempt }: { readonly run: string; readonly attempt: number },
  code: string,
  message = titleOf(code),
): void {
  note(draft, 'info', `Refused (${code}): ${message}`, run);
  // A server that was refused offers nothing more until it is asked again.
  const { session } = draft.state;
  if (session !== null) change(draft, { session: { ...session, granted: 0 } });
  send(draft, { type: 'refuse', run, attempt, code, message });
}

function titleOf(code: string): string {
  return isFailureCode(code) ? `${failures[code][1]}.` : code;
}

export function sendAccept(draft: Draft, run: WorkRun): WorkRun {
  const { attempt } = run;
  send(draft, { type: 'accept', run: run.run, attempt, incarnation: draft.state.incarnation });
  return updateRun(draft, run, { acceptedAt: draft.at.boot });
}
