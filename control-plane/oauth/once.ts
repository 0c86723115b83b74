// Remembers what may be used once, for as long as it could be used again, over all processes.
import { GuardFailed } from '../store/store.ts';
import type { Store } from '../store/store.ts';
import { hashOf, insertArtifact } from './store.ts';

/** False for whoever is second, also where both come at once. */
export async function isFirstUse(
  deps: { readonly store: Store },
  used: { readonly kind: string; readonly id: string; readonly until: number },
): Promise<boolean> {
  const { kind, id, until } = used;
  try {
    await deps.store.write([
      insertArtifact(deps.store, {
        id: hashOf(kind, id),
        model: kind,
        payload: '{}',
        envelope: null,
        grant_hash: null,
        uid_hash: null,
        user_code_hash: null,
        principal: null,
        client: null,
        expires_at: until,
      }),
    ]);
    return true;
  } catch (error) {
    if (error instanceof GuardFailed && error.guard === 'artifact_unseen') return false;
    throw error;
  }
}
