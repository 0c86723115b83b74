// Enables a principal again: its bindings give what they gave, and tokens of it that have not ended work again.
import type { Authority } from '../authority/authority.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { demandCoverOf } from '../authority/demand-cover.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import { reachOf } from '../authority/reach.ts';
import { bumpPolicy } from '../authority/store.ts';
import type { DecideDeps } from '../http/decide.ts';
import { enablePrincipal } from './store.ts';

/**
 * Nobody hands on what they lack, and this hands it all on: throws `forbidden` where the caller does not hold it.
 * Enabling an enabled principal changes nothing and succeeds.
 */
export async function enablePrincipalById(
  deps: ChangeDeps & DecideDeps & { readonly authority: Authority },
  context: ChangeContext,
  principal: PrincipalRecord,
): Promise<void> {
  const policy = deps.authority.policy();
  const held = [...reachOf(policy, principal.id).byLevel.values()].flat();
  await demandCoverOf(deps, context, {
    bindings: held.map(({ binding }) => binding).filter(({ effect }) => effect === 'allow'),
    why: `You cannot enable ${principal.name}, because you do not hold all that it would be given.`,
  });
  await commitChange(deps, context, {
    operation: 'principal.enable',
    resource: `principals/${principal.id}`,
    details: { before: { name: principal.name, disabled: principal.disabled } },
    steps: [enablePrincipal(deps.store, principal.id), bumpPolicy(deps.store, policy)],
  });
  await deps.authority.reload();
}
