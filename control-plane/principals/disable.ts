// Disables a principal: its tokens stop working at once, its bindings give nothing, its name stays in the record.
import type { Authority } from '../authority/authority.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { demandOwner } from '../authority/owners.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import { bumpPolicy } from '../authority/store.ts';
import { disablePrincipal } from './store.ts';

/** Throws `last_owner`. Disabling a disabled principal changes nothing and succeeds. */
export async function disablePrincipalById(
  deps: ChangeDeps & { readonly authority: Authority },
  context: ChangeContext,
  principal: PrincipalRecord,
): Promise<void> {
  const policy = deps.authority.policy();
  demandOwner(policy, { principal: principal.id });
  await commitChange(deps, context, {
    operation: 'principal.disable',
    resource: `principals/${principal.id}`,
    details: { before: { name: principal.name, disabled: principal.disabled } },
    steps: [disablePrincipal(deps.store, principal.id), bumpPolicy(deps.store, policy)],
  });
  await deps.authority.reload();
}
