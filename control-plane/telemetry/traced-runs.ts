// The traced runs that this process has had to do with, and when the present phase of each began.
import type { Attributes } from '@opentelemetry/api';
import { tracedRunsMax } from '../../protocol/limits.ts';
import type { RunFacts } from '../runs/contract.ts';
import { pressTimeOf } from './press-time.ts';

/** Times are epoch ms. */
export interface TracedRun {
  readonly facts: RunFacts;
  readonly pressedAt: number;
  attributes: Attributes;
  queuedAt: number;
  offeredAt: number | null;
  runningAt: number | null;
  /** Whether an operation of the present attempt was reported. */
  hasBegun: boolean;
}

export interface TracedRuns {
  /** Null for a run that nobody traces. */
  find(run: string, facts: RunFacts | undefined): TracedRun | null;
  forget(run: string): void;
}

/** Keeps `tracedRunsMax` at the most; of one that was pushed out, the spans from then on tell only what they still can. */
export function openTracedRuns(now: () => number): TracedRuns {
  const runs = new Map<string, TracedRun>();
  return {
    find(run, facts) {
      const known = runs.get(run);
      if (known !== undefined) return known;
      if (facts === undefined || facts.traceparent === null) return null;
      const pressedAt = pressTimeOf(run) ?? now();
      const fresh = {
        facts,
        pressedAt,
        attributes: attributesOf(facts),
        queuedAt: pressedAt,
        offeredAt: null,
        runningAt: null,
        hasBegun: false,
      };
      runs.set(run, fresh);
      const [eldest] = runs.keys();
      if (runs.size > tracedRunsMax && eldest !== undefined) runs.delete(eldest);
      return fresh;
    },
    forget: (run) => void runs.delete(run),
  };
}

function attributesOf(run: RunFacts): Attributes {
  return {
    'wayside.run.id': run.id,
    'wayside.action.name': run.action_name,
    'wayside.action.id': run.action,
    'wayside.project.id': run.project,
    'wayside.group.id': run.group_id,
  };
}
