// A step in the making: the state being built and the effects asked for so far. It lives for one call of `decide`.
import type { AgentFrame } from '../../protocol/frames.ts';
import type { Effect, Moment, WorkRun, WorkState } from '../work-state.ts';

export interface Draft {
  state: WorkState;
  readonly at: Moment;
  readonly effects: Effect[];
  /** The map of this step: the state's own where that was given away, else a copy from the first change on. */
  ownRuns: Map<string, WorkRun> | null;
}

/** `given`: nobody looks at the state any more, so that its map may be used. */
export function draftOf(state: WorkState, at: Moment, given: boolean): Draft {
  const ownRuns = given && state.runs instanceof Map ? (state.runs as Map<string, WorkRun>) : null;
  return { state, at, effects: [], ownRuns };
}

export function change(draft: Draft, fields: Partial<WorkState>): void {
  draft.state = { ...draft.state, ...fields };
}

export function emit(draft: Draft, effect: Effect): void {
  draft.effects.push(effect);
}

export function note(draft: Draft, level: 'info' | 'warn' | 'error', message: string, run?: string): void {
  emit(draft, { type: 'note', level, message, ...(run === undefined ? {} : { run }) });
}

/** Sends in the current session; without one the frame is not worth keeping: the next welcome says all again. */
export function send(draft: Draft, frame: AgentFrame): void {
  if (draft.state.session?.welcomed === true) emit(draft, { type: 'send', frame });
}

export function runOf(draft: Draft, key: string): WorkRun | null {
  return draft.state.runs.get(key) ?? null;
}

export function putRun(draft: Draft, run: WorkRun): WorkRun {
  ownRuns(draft).set(run.key, run);
  return run;
}

export function updateRun(draft: Draft, run: WorkRun, fields: Partial<WorkRun>): WorkRun {
  return putRun(draft, { ...run, ...fields });
}

/** Takes the run out of the work without a word about it to the journal. */
export function dropRun(draft: Draft, run: WorkRun): void {
  ownRuns(draft).delete(run.key);
}

/** Nobody waits for the run any more. */
export function forgetRun(draft: Draft, run: WorkRun, verdict: string): void {
  dropRun(draft, run);
  emit(draft, { type: 'forget', run: run.run, attempt: run.attempt, verdict });
}

function ownRuns(draft: Draft): Map<string, WorkRun> {
  if (draft.ownRuns === null) {
    draft.ownRuns = new Map(draft.state.runs);
    change(draft, { runs: draft.ownRuns });
  }
  return draft.ownRuns;
}
