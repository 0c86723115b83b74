// Tells the watchers of this process what was committed, and those of other processes that there is something to read.
// It keeps nothing: history is the store's.
import type { RunEvent } from '../../protocol/api/runs.ts';
import { watchInterestMs, watchInterestsMax } from '../../protocol/limits.ts';

export type RunListener = (events: readonly RunEvent[]) => void;

export interface RunBus {
  /** Only after COMMIT (rules.md 4). An empty list says that there is something new to read. */
  publish(run: string, events: readonly RunEvent[]): void;
  /** Whether somebody watches the run now; for others an empty list is as good as the events. */
  isWatched(run: string): boolean;
  /** The answer ends the subscription. */
  subscribe(run: string, listener: RunListener): () => void;
  /** Another process has committed something: the watchers here read it. */
  look(run: string): void;
  /** Somebody watches the run at another process, which asks again while that is so. */
  interested(run: string): void;
  /** Runs that are watched here. */
  watched(): readonly string[];
}

export interface RunBusDeps {
  now(): number;
  /** Events were committed of a run that another process asked about. */
  readonly tell: (run: string) => void;
  /** Somebody begins to watch the run here. */
  readonly ask: (run: string) => void;
}

/** Where there is no other process. */
const alone: RunBusDeps = { now: () => 0, tell: () => undefined, ask: () => undefined };

export function openRunBus(deps: RunBusDeps = alone): RunBus {
  const listeners = new Map<string, Set<RunListener>>();
  /** Until when others are told, in the order in which that ends. */
  const interests = new Map<string, number>();
  const deliver = (run: string, events: readonly RunEvent[]): void => {
    for (const listener of listeners.get(run) ?? []) listener(events);
  };
  const forgetOld = (): void => {
    for (const [run, until] of interests) {
      if (until > deps.now() && interests.size <= watchInterestsMax) return;
      interests.delete(run);
    }
  };
  return {
    publish(run, events) {
      deliver(run, events);
      const until = interests.get(run);
      if (until !== undefined && until > deps.now()) deps.tell(run);
    },
    isWatched: (run) => listeners.has(run),
    subscribe(run, listener) {
      const those = listeners.get(run) ?? new Set();
      if (those.size === 0) deps.ask(run);
      listeners.set(run, those.add(listener));
      return () => {
        those.delete(listener);
        if (those.size === 0 && listeners.get(run) === those) listeners.delete(run);
      };
    },
    look: (run) => deliver(run, []),
    interested(run) {
      interests.delete(run);
      interests.set(run, deps.now() + watchInterestMs);
      forgetOld();
    },
    watched: () => [...listeners.keys()],
  };
}
