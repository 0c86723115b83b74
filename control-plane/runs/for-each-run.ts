// Acts on runs that a sweep found, side by side so that they share commits.
import { GuardFailed } from '../store/store.ts';
import type { RunFacts } from './contract.ts';

/** What has moved on since it was read is passed over: somebody else has decided about it. */
export async function forEachRun(
  runs: readonly RunFacts[],
  act: (run: RunFacts) => Promise<void>,
): Promise<void> {
  await Promise.all(
    runs.map(async (run) => {
      try {
        await act(run);
      } catch (error) {
        if (!(error instanceof GuardFailed)) throw error;
      }
    }),
  );
}
