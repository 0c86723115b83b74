// Counts what becomes of runs as it is committed. It keeps nothing about a single run: when it was pressed is in its id.
import type { Counter, Histogram } from 'prom-client';
import { isFinal } from '../../protocol/states.ts';
import type { RunState } from '../../protocol/states.ts';
import type { RunWitness } from '../runs/contract.ts';
import { pressTimeOf } from './press-time.ts';

export interface RunMeterDeps {
  /** Epoch ms. */
  readonly now: () => number;
  readonly requested: Counter;
  readonly requeued: Counter;
  readonly ended: Counter<'state'>;
  readonly offerDelay: Histogram;
  readonly startDelay: Histogram;
}

export function runMeter(deps: RunMeterDeps): RunWitness {
  const observeSince = (histogram: Histogram, run: string): void => {
    const pressed = pressTimeOf(run);
    // Where the clocks of two replicas differ, a delay may seem to be less than nothing.
    if (pressed !== null) histogram.observe(Math.max(0, deps.now() - pressed) / 1_000);
  };
  const count = (run: string, attempt: number, state: RunState): void => {
    if (state === 'queued') deps.requeued.inc();
    else if (state === 'running' && attempt === 1) observeSince(deps.startDelay, run);
    else if (isFinal(state)) deps.ended.inc({ state });
  };
  const requested = (): void => deps.requested.inc();
  return {
    traceparent: () => null,
    requesting: () => requested,
    offered(run) {
      if (run.attempt === 1) observeSince(deps.offerDelay, run.id);
    },
    changing({ run, attempt, events }) {
      const last = events.at(-1)?.event;
      if (last?.kind !== 'state') return undefined;
      return () => count(run, attempt, last.data['state'] as RunState);
    },
  };
}

/** Tells both. The trace is the second one's. */
export function bothWitnesses(first: RunWitness, second: RunWitness): RunWitness {
  const after = (
    one: (() => void) | undefined,
    other: (() => void) | undefined,
  ): (() => void) | undefined => {
    if (one === undefined || other === undefined) return one ?? other;
    return () => {
      one();
      other();
    };
  };
  return {
    traceparent: () => second.traceparent(),
    requesting: (run) => after(first.requesting(run), second.requesting(run)),
    offered(run, seat) {
      first.offered(run, seat);
      second.offered(run, seat);
    },
    changing: (change) => after(first.changing(change), second.changing(change)),
  };
}
