// What time alone brings: deadlines, questions asked again, writes tried again. `nextWake` says when to look next.
import { cancelGraceMsDefault, goValidMs } from '../../protocol/limits.ts';
import { isPast } from '../work-state.ts';
import type { WorkRun, WorkState } from '../work-state.ts';
import { probeDisk } from './disk.ts';
import { drainDue } from './drain.ts';
import type { Draft } from './draft.ts';
import { retryEnd } from './end.ts';
import { refuseRun, sendAccept } from './offer.ts';
import { cancelRun } from './run.ts';

export function onTick(draft: Draft): void {
  drainDue(draft);
  const { boot } = draft.at;
  if (draft.state.probeAt !== null && boot >= draft.state.probeAt) probeDisk(draft);
  for (const run of draft.state.runs.values()) runDue(draft, run);
}

function runDue(draft: Draft, run: WorkRun): void {
  const { boot } = draft.at;
  if (run.phase === 'held' && boot >= run.heldUntil) return refuseRun(draft, run, 'busy');
  if (run.phase === 'ending' && run.retryAt !== null && boot >= run.retryAt) return retryEnd(draft, run);
  if (run.stop === null && run.phase !== 'ended' && isPast(run.deadline, draft.at)) {
    return cancelRun(draft, run, { reason: 'deadline', graceMs: cancelGraceMsDefault });
  }
  if (asksAgain(draft.state, run) && boot >= (run.acceptedAt ?? 0) + goValidMs) sendAccept(draft, run);
}

function asksAgain(state: WorkState, run: WorkRun): boolean {
  return run.phase === 'waiting' && state.session?.welcomed === true && state.probeAt === null;
}

/** Boot time of the next moment at which a tick changes something; null where only an event can. */
export function nextWake(state: WorkState): number | null {
  const times: number[] = [];
  const add = (time: number | null | undefined): void => {
    if (time !== null && time !== undefined) times.push(time);
  };
  if (!state.left) {
    add(state.drain?.until);
    add(state.drain?.leaveBy);
  }
  add(state.probeAt);
  for (const run of state.runs.values()) {
    if (run.phase === 'held') add(run.heldUntil);
    if (run.phase === 'ending') add(run.retryAt);
    if (run.stop === null && run.phase !== 'ended' && run.phase !== 'ending') add(run.deadline?.boot);
    if (asksAgain(state, run)) add((run.acceptedAt ?? 0) + goValidMs);
  }
  return times.length === 0 ? null : Math.min(...times);
}
