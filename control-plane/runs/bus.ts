// Tells the watchers of this process what was committed. It keeps nothing: history is the store's.
import type { RunEvent } from '../../protocol/api/runs.ts';

export type RunListener = (events: readonly RunEvent[]) => void;

export interface RunBus {
  /** Only after COMMIT (rules.md 4). An empty list says that there is something new to read. */
  publish(run: string, events: readonly RunEvent[]): void;
  /** Whether somebody watches the run now; for others an empty list is as good as the events. */
  isWatched(run: string): boolean;
  /** The answer ends the subscription. */
  subscribe(run: string, listener: RunListener): () => void;
}

export function openRunBus(): RunBus {
  const listeners = new Map<string, Set<RunListener>>();
  return {
    publish(run, events) {
      for (const listener of listeners.get(run) ?? []) listener(events);
    },
    isWatched: (run) => listeners.has(run),
    subscribe(run, listener) {
      const those = listeners.get(run) ?? new Set();
      listeners.set(run, those.add(listener));
      return () => {
        those.delete(listener);
        if (those.size === 0 && listeners.get(run) === those) listeners.delete(run);
      };
    },
  };
}
