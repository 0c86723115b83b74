// What those who decide about support access are told without asking: how much of it waits, and is in force.
import { pageRowsMax } from '../../protocol/limits.ts';
import type { Store } from '../store/store.ts';
import type { Authority } from './authority.ts';
import type { Caller } from './caller.ts';
import { organizationOf } from './resources.ts';
import { selectSupport } from './support-store.ts';

/** Each number up to `pageRowsMax`; null for a caller who may not see the list. */
export async function supportToSee(
  deps: { readonly authority: Pick<Authority, 'decide' | 'policy' | 'now'>; readonly store: Store },
  caller: Caller,
): Promise<{ readonly requested: number; readonly in_force: number } | null> {
  const { authority, store } = deps;
  if (!authority.decide(caller, 'iam.support.read', organizationOf(authority.policy())).allowed) return null;
  const page = {
    organization: caller.principal.organization,
    principal: null,
    after: null,
    limit: pageRowsMax - 1,
  };
  const [requested = [], inForce = []] = await store.snapshot([
    selectSupport(store, { ...page, state: 'requested', inForceAt: null }),
    selectSupport(store, { ...page, state: 'approved', inForceAt: authority.now() }),
  ]);
  return { requested: requested.length, in_force: inForce.length };
}
