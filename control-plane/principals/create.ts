// Creates a user or a service. It can do nothing until somebody makes a binding for it.
import { randomUUIDv7 } from 'node:crypto';
import type { Authority } from '../authority/authority.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { bumpPolicy } from '../authority/store.ts';
import type { PrincipalsTable } from '../store/schema.ts';
import { insertPrincipal } from './store.ts';
import { readPrincipal } from './read.ts';

/** Throws `name_taken`. */
export async function createPrincipal(
  deps: ChangeDeps & { readonly authority: Authority },
  context: ChangeContext,
  body: { readonly name: string; readonly kind: 'user' | 'service' },
): Promise<PrincipalsTable> {
  const id = randomUUIDv7();
  const policy = deps.authority.policy();
  await commitChange(deps, context, {
    operation: 'principal.create',
    resource: `principals/${id}`,
    details: { after: { name: body.name, kind: body.kind } },
    steps: [
      newPrincipal(deps.store, {
        id,
        organization: policy.organization.id,
        kind: body.kind,
        name: body.name,
      }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return readPrincipal(deps, id);
}

/** The step that makes one; also for the first start, which has nobody who could ask. */
export const newPrincipal = insertPrincipal;
