// Accepts a new definition in a pinned group: from now on runs with that digest may be dispatched (rules.md 19).
import type { z } from 'zod';
import type { digestAcceptSchema } from '../../protocol/api/operations.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext, ChangeDeps } from '../authority/change.ts';
import { insertAcceptedDefinition } from './store.ts';
import type { GroupRow } from './store.ts';

export async function acceptDefinition(
  deps: ChangeDeps,
  context: ChangeContext,
  accepted: { readonly group: GroupRow } & z.output<typeof digestAcceptSchema>,
): Promise<void> {
  const { group, operation, digest } = accepted;
  await commitChange(deps, context, {
    operation: 'group.accept_definition',
    resource: `projects/${group.project}/groups/${group.id}`,
    details: { after: { operation, digest } },
    steps: [
      insertAcceptedDefinition(deps.store, {
        group: group.id,
        operation,
        digest,
        by: context.caller.principal.id,
      }),
    ],
  });
}
