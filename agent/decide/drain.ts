// Leaving: take nothing new, finish or cancel what runs within the grace, report, go (R14 of hcl.md).
import { cancelGraceMsDefault, leaveMsMax } from '../../protocol/limits.ts';
import type { StopOrder } from '../contract.ts';
import type { LeaveReason } from '../work-state.ts';
import { change, dropRun, emit, note, send } from './draft.ts';
import type { Draft } from './draft.ts';
import { refuseRun } from './offer.ts';
import { cancelRun } from './run.ts';

const hurriedLeaveMs = 1_000;

export function onDrain(draft: Draft, cause: 'signal' | 'server'): void {
  if (draft.state.drain !== null) return;
  const until = draft.at.boot + draft.state.shutdownGraceMs;
  change(draft, { drain: { cause, reason: 'drained', hurried: false, until, leaveBy: null } });
  note(draft, 'info', 'Draining: no new work is taken; what runs may finish within the shutdown grace.');
  send(draft, { type: 'drain' });
  for (const run of draft.state.runs.values()) {
    if (run.phase === 'held' || run.phase === 'verifying') refuseRun(draft, run, 'draining');
  }
}

/** A second signal: whoever sent it does not want to wait for the grace. */
export function onHurry(draft: Draft): void {
  onDrain(draft, 'signal');
  const { drain } = draft.state;
  if (drain === null || drain.hurried) return;
  note(draft, 'warn', 'Hurried: what runs is stopped now.');
  const leaveBy = drain.leaveBy === null ? null : Math.min(drain.leaveBy, draft.at.boot + hurriedLeaveMs);
  change(draft, { drain: { ...drain, hurried: true, until: null, leaveBy } });
  stopAll(draft, { reason: 'drain', graceMs: 0 });
}

/** The server has closed the door for good: what runs is stopped, and nothing is waited for (rules.md 11). */
export function onFate(draft: Draft, reason: LeaveReason): void {
  change(draft, { drain: { cause: 'fate', reason, hurried: true, until: null, leaveBy: null } });
  for (const run of draft.state.runs.values()) {
    if (run.phase === 'held' || run.phase === 'verifying') dropRun(draft, run);
  }
  note(draft, 'error', fateMessages[reason]);
  stopAll(draft, { reason: 'revoked', graceMs: cancelGraceMsDefault });
}

const fateMessages: Readonly<Record<LeaveReason, string>> = {
  agent_revoked:
    'This agent was revoked: what ran was stopped. To use this machine again, enrol it anew with a join token.',
  quarantined:
    'This agent is quarantined: its identity was copied or its state folder rolled back. Revoke it and enrol it anew.',
  unknown_groups: 'The agent file names groups that the control plane does not know.',
  drained: 'Drained.',
};

export function drainDue(draft: Draft): void {
  const { drain } = draft.state;
  if (drain === null || drain.until === null || draft.at.boot < drain.until) return;
  change(draft, { drain: { ...drain, until: null } });
  note(draft, 'warn', 'The shutdown grace is over: what still runs is canceled.');
  stopAll(draft, { reason: 'drain', graceMs: cancelGraceMsDefault });
}

function stopAll(draft: Draft, order: StopOrder): void {
  for (const run of draft.state.runs.values()) {
    if (run.phase !== 'ended' && !run.inherited) cancelRun(draft, run, order);
  }
}

/** Goes when nothing runs and every end was acknowledged, or the wait for that is over. */
export function leaveWhenDone(draft: Draft): void {
  const { drain } = draft.state;
  if (drain === null || draft.state.left) return;
  const unacknowledged = [...draft.state.runs.values()].filter((run) => !run.inherited);
  if (unacknowledged.some((run) => run.phase !== 'ended')) return;
  if (unacknowledged.length > 0 && drain.cause !== 'fate') {
    const leaveBy = drain.leaveBy ?? draft.at.boot + (drain.hurried ? hurriedLeaveMs : leaveMsMax);
    change(draft, { drain: { ...drain, leaveBy } });
    if (draft.at.boot < leaveBy) return;
  }
  change(draft, { left: true });
  if (unacknowledged.length > 0 && drain.cause !== 'fate') {
    const count = unacknowledged.length;
    note(draft, 'info', `${count} ends are not acknowledged yet; the next start reports them.`);
  }
  emit(draft, { type: 'leave', reason: drain.reason, message: fateMessages[drain.reason] });
}
