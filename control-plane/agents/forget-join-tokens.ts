// What of the agents' side goes: the tokens with which one could have joined a project that is deleted, and those that
// were spent, or lapsed, so long ago that nobody asks any more who joined by which.
import { joinTokenKeptMs } from '../../protocol/limits.ts';
import type { Step, Store } from '../store/store.ts';
import { deleteJoinTokensBefore, deleteJoinTokensOf } from './token-store.ts';

/** Belongs into the unit that deletes the project. */
export function forgetJoinTokens(store: Store, project: string): Step {
  return deleteJoinTokensOf(store, project);
}

/** Resolves with how many went. A use of one that is gone is refused like that of one that never was. */
export async function pruneJoinTokens(deps: {
  readonly store: Store;
  readonly clock: { now(): number };
}): Promise<number> {
  const [removed] = await deps.store.write([
    deleteJoinTokensBefore(deps.store, deps.clock.now() - joinTokenKeptMs),
  ]);
  return removed?.changes ?? 0;
}
