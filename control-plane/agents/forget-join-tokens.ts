// What of the agents' side goes with a project that is deleted: the tokens with which one could have joined it.
import type { Step, Store } from '../store/store.ts';
import { deleteJoinTokensOf } from './token-store.ts';

/** Belongs into the unit that deletes the project. */
export function forgetJoinTokens(store: Store, project: string): Step {
  return deleteJoinTokensOf(store, project);
}
