// Gives the organization another name. Its id and its trust domain stay: identities go by those.
import type { Authority } from '../authority/authority.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { bumpPolicy } from '../authority/store.ts';
import { renameOrganization } from './store.ts';

export async function changeOrganization(
  deps: ChangeDeps & { readonly authority: Authority },
  context: ChangeContext,
  change: {
    readonly before: { readonly id: string; readonly name: string; readonly revision: number };
    readonly name: string;
  },
): Promise<void> {
  const { before, name } = change;
  await commitChange(deps, context, {
    operation: 'organization.update',
    resource: `organizations/${before.id}`,
    details: { before: { name: before.name }, after: { name } },
    steps: [
      renameOrganization(deps.store, { id: before.id, revision: before.revision, name }),
      bumpPolicy(deps.store, deps.authority.policy()),
    ],
  });
  await deps.authority.reload();
}
