// Makes and removes bindings: nobody gives what they lack, and the last owner stays.
import { randomUUIDv7 } from 'node:crypto';
import type { RoleName } from '../../protocol/api/authority.ts';
import { Failure } from '../../protocol/failures.ts';
import { GuardFailed } from '../store/store.ts';
import type { Authority } from './authority.ts';
import { holdsRole } from './authorize.ts';
import { deleteBinding, insertBinding, ownerRemains, selectBinding } from './binding-store.ts';
import type { BindingRow } from './binding-store.ts';
import { commitChange } from './change.ts';
import type { ChangeContext, ChangeDeps } from './change.ts';
import { findProject } from './policy.ts';
import type { Policy, PrincipalRecord } from './policy.ts';
import { bumpPolicy } from './store.ts';

type Deps = ChangeDeps & { readonly authority: Authority };

/** Throws `not_found`, `forbidden` (giving what the caller lacks) and `name_taken` (it exists already). */
export async function createBinding(
  deps: Deps,
  context: ChangeContext,
  body: { readonly principal: string; readonly role: RoleName; readonly level: string },
): Promise<BindingRow> {
  const policy = deps.authority.policy();
  const principal = findPrincipal(policy, body.principal);
  const project = projectOfLevel(policy, body.level);
  if (!holdsRole(policy, context.caller, body.role, project)) {
    throw new Failure(
      'forbidden',
      `You cannot give the role ${body.role} here, because you do not hold all of it.`,
    );
  }
  const id = randomUUIDv7();
  await commitChange(deps, context, {
    operation: 'binding.create',
    resource: `bindings/${id}`,
    details: { after: { principal: principal.name, role: body.role, level: body.level } },
    steps: [
      insertBinding(deps.store, {
        id,
        organization: policy.organization.id,
        project,
        principal: principal.id,
        role: body.role,
      }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return readBinding(deps, id);
}

/** Throws `not_found` and `last_owner`. */
export async function removeBinding(deps: Deps, context: ChangeContext, id: string): Promise<void> {
  const binding = await readBinding(deps, id);
  const policy = deps.authority.policy();
  try {
    await commitChange(deps, context, {
      operation: 'binding.delete',
      resource: `bindings/${id}`,
      details: {
        before: { principal: binding.principal_name, role: binding.role, project: binding.project },
      },
      steps: [
        deleteBinding(deps.store, id),
        ownerRemains(deps.store, policy.organization.id),
        bumpPolicy(deps.store, policy),
      ],
    });
  } catch (error) {
    throw lastOwner(error);
  }
  await deps.authority.reload();
}

/** A failed `last_owner` guard, in words; any other error as it is. */
export function lastOwner(error: unknown): unknown {
  if (!(error instanceof GuardFailed) || error.guard !== 'last_owner') return error;
  return new Failure('last_owner', 'Make somebody else an owner of the organization first.', {
    cause: error,
  });
}

export function findPrincipal(policy: Policy, reference: string): PrincipalRecord {
  const found =
    policy.principals.get(reference) ??
    [...policy.principals.values()].find((principal) => principal.name === reference);
  if (found === undefined) throw new Failure('not_found', `There is no principal ${reference}.`);
  return found;
}

export async function readBinding(deps: ChangeDeps, id: string): Promise<BindingRow> {
  const [row] = await deps.store.read(selectBinding(deps.store, id));
  if (row === undefined) throw new Failure('not_found', `There is no binding ${id}.`);
  return row;
}

function projectOfLevel(policy: Policy, level: string): string | null {
  if (level === 'organization') return null;
  const project = findProject(policy, level.slice('projects/'.length));
  if (project === null) throw new Failure('not_found', `There is no project for the level ${level}.`);
  return project.id;
}
