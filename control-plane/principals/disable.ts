// Disables a principal: its tokens stop working at once, its bindings give nothing, its name stays in the record.
import type { Authority } from '../authority/authority.ts';
import { lastOwner } from '../authority/bind.ts';
import { ownerRemains } from '../authority/binding-store.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
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
  try {
    await commitChange(deps, context, {
      operation: 'principal.disable',
      resource: `principals/${principal.id}`,
      details: { before: { name: principal.name, disabled: principal.disabled } },
      steps: [
        disablePrincipal(deps.store, principal.id),
        ownerRemains(deps.store, policy.organization.id),
        bumpPolicy(deps.store, policy),
      ],
    });
  } catch (error) {
    throw lastOwner(error);
  }
  await deps.authority.reload();
}
