// An accepted run on its way: `go`, the durable beginning, cancel, the answers of the server, the end.
import { cancelGraceMsMax, goValidMs, tombstonesMax } from '../../protocol/limits.ts';
import type { ServerFrame } from '../../protocol/frames.ts';
import type { StopOrder } from '../contract.ts';
import { runKey } from '../journal-records.ts';
import { isPast } from '../work-state.ts';
import type { WorkEvent, WorkRun } from '../work-state.ts';
import { change, emit, forgetRun, note, runOf, updateRun } from './draft.ts';
import type { Draft } from './draft.ts';
import { endNotWritten, endRun, endUnstarted, endWritten, inheritedOutcome } from './end.ts';
import { journalAccepted, refuseRun, sendAccept } from './offer.ts';
import { diskFailed } from './disk.ts';

type Frame<Type extends ServerFrame['type']> = Extract<ServerFrame, { type: Type }>;

export function onGo(draft: Draft, frame: Frame<'go'>): void {
  const run = runOf(draft, runKey(frame));
  if (run === null || frame.incarnation !== draft.state.incarnation) return;
  const confirmed = updateRun(draft, run, { confirmed: true });
  if (run.phase !== 'waiting') return;
  if (run.inherited) return endRun(draft, confirmed, inheritedOutcome(run));
  if (isPast(run.deadline, draft.at))
    return endUnstarted(draft, confirmed, { reason: 'deadline', graceMs: 0 });
  if (isOld(draft, run)) {
    sendAccept(draft, confirmed);
    return;
  }
  updateRun(draft, confirmed, { phase: 'beginning' });
  const { attempt, key } = run;
  emit(draft, {
    type: 'journal',
    key,
    record: { type: 'begun', run: run.run, attempt, at: draft.at.now },
  });
}

/** `go` answers an `accept`, and counts from when that was sent: no pause can make it look younger (rules.md 7). */
function isOld(draft: Draft, run: WorkRun): boolean {
  return run.acceptedAt === null || draft.at.boot - run.acceptedAt > goValidMs;
}

export function onJournaled(draft: Draft, event: Extract<WorkEvent, { type: 'journaled' }>): void {
  const run = runOf(draft, event.key);
  if (run === null) return;
  if (event.record === 'accepted' && run.phase === 'accepting') return acceptWritten(draft, run);
  if (event.record === 'begun' && run.phase === 'beginning') return beginWritten(draft, run);
  if (event.record === 'ended') endWritten(draft, run);
}

function acceptWritten(draft: Draft, run: WorkRun): void {
  if (run.stop === null) {
    sendAccept(draft, updateRun(draft, run, { phase: 'waiting' }));
    return;
  }
  // An end without its acceptance would mean nothing to a server that still holds the run as offered.
  endUnstarted(draft, run.muted ? run : sendAccept(draft, run), run.stop);
}

function beginWritten(draft: Draft, run: WorkRun): void {
  if (run.stop !== null) return endUnstarted(draft, run, run.stop);
  if (isPast(run.deadline, draft.at)) return endUnstarted(draft, run, { reason: 'deadline', graceMs: 0 });
  if (isOld(draft, run)) {
    // The machine was paused while the record went to the disk. Nothing was started: back to waiting.
    journalAccepted(draft, updateRun(draft, run, { phase: 'accepting' }));
    return;
  }
  updateRun(draft, run, { phase: 'running', begun: true });
  emit(draft, { type: 'execute', key: run.key });
}

export function onUnjournaled(draft: Draft, event: Extract<WorkEvent, { type: 'unjournaled' }>): void {
  const run = runOf(draft, event.key);
  diskFailed(draft);
  if (run === null) return;
  if (event.record === 'ended' && run.phase === 'ending') return endNotWritten(draft, run);
  if (event.record === 'begun' && run.phase === 'beginning') {
    // Asked for again when the disk can be written; until then nothing is lost but time.
    updateRun(draft, run, { phase: 'waiting', acceptedAt: null });
    return;
  }
  if (event.record !== 'accepted' || run.phase !== 'accepting') return;
  if (run.confirmed) updateRun(draft, run, { phase: 'waiting', acceptedAt: null });
  else {
    emit(draft, { type: 'forget', run: run.run, attempt: run.attempt, verdict: 'refused' });
    refuseRun(draft, run, 'disk_full');
  }
}

export function onStale(draft: Draft, frame: Frame<'stale'>): void {
  const found = runOf(draft, runKey(frame));
  if (found === null) return;
  // Shown in vain: nothing is said about it any more.
  const run = found.asking ? updateRun(draft, found, { asking: false }) : found;
  switch (run.phase) {
    case 'held':
    case 'verifying':
    case 'waiting':
    case 'ended':
      return forgetRun(draft, run, 'stale');
    case 'accepting':
    case 'beginning':
      updateRun(draft, run, { stop: { reason: 'requested', graceMs: 0 }, muted: true });
      return;
    case 'ending':
      updateRun(draft, run, { muted: true });
      return;
    case 'running':
      // It was given to this process durably, so the right to report stays (dispatch.md): the server will judge.
      note(
        draft,
        'warn',
        'The server calls a running attempt stale; it goes on and will be reported.',
        run.run,
      );
  }
}

export function onCancel(draft: Draft, frame: Frame<'cancel'>, past: number): void {
  const order: StopOrder = {
    reason: frame.reason,
    graceMs: Math.min(frame.grace_ms, cancelGraceMsMax),
  };
  const run = runOf(draft, runKey(frame));
  if (run !== null) return cancelRun(draft, run, order);
  const { session } = draft.state;
  // The journal remembers tombstones for days, so a server that sends them without end is not listened to.
  if (frame.attempt <= past || session === null || session.tombstones >= tombstonesMax) return;
  change(draft, { session: { ...session, tombstones: session.tombstones + 1 } });
  emit(draft, { type: 'forget', run: frame.run, attempt: frame.attempt, verdict: 'canceled' });
}

export function cancelRun(draft: Draft, run: WorkRun, order: StopOrder): void {
  switch (run.phase) {
    case 'held':
    case 'verifying':
      // The tombstone outlives an offer that this cancel overtook (rules.md 10).
      return forgetRun(draft, run, 'canceled');
    case 'waiting':
      return endUnstarted(draft, run, order);
    case 'accepting':
    case 'beginning':
      if (run.stop === null) updateRun(draft, run, { stop: order });
      return;
    case 'running':
      if (run.stop !== null) return;
      updateRun(draft, run, { stop: order });
      emit(draft, { type: 'stop', key: run.key, order });
      return;
    case 'ended':
      emit(draft, { type: 'report_again', key: run.key });
      return;
    case 'ending':
  }
}

export function onAck(draft: Draft, frame: Frame<'ack'>): void {
  const run = runOf(draft, runKey(frame));
  if (run === null) return;
  emit(draft, { type: 'acknowledge', key: run.key, seq: frame.seq });
  if (!frame.ended && !frame.pruned) return;
  if (run.phase === 'ended') forgetRun(draft, run, run.outcome?.result ?? 'pruned');
  else if (frame.pruned) updateRun(draft, run, { muted: true });
}

export function onExecuted(draft: Draft, event: Extract<WorkEvent, { type: 'executed' }>): void {
  const run = runOf(draft, event.key);
  if (run?.phase === 'running') endRun(draft, run, event.outcome, event.lastSeq);
}
