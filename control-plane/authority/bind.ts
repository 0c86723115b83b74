// Makes and removes bindings: nobody gives what they lack, and the last owner stays.
import { randomUUIDv7 } from 'node:crypto';
import type { RoleName } from '../../protocol/api/authority.ts';
import { Failure } from '../../protocol/failures.ts';
import { selfReference } from '../../protocol/ids.ts';
import { GuardFailed } from '../store/store.ts';
import { demand } from '../http/decide.ts';
import type { DecideDeps } from '../http/decide.ts';
import { lackedOf } from './authorize.ts';
import type { Caller } from './caller.ts';
import { deleteBinding, insertBinding, ownerRemains, selectBinding } from './binding-store.ts';
import type { BindingRow } from './binding-store.ts';
import { commitChange } from './change.ts';
import type { ChangeContext, ChangeDeps } from './change.ts';
import { findProject } from './policy.ts';
import type { Policy, PrincipalRecord } from './policy.ts';
import { bumpPolicy } from './store.ts';

type Deps = ChangeDeps & DecideDeps;

/** Throws `not_found`, `forbidden` (giving what the caller lacks) and `name_taken` (they have it already). */
export async function createBinding(
  deps: Deps,
  context: ChangeContext,
  body: { readonly principal: string; readonly role: RoleName; readonly level: string },
): Promise<BindingRow> {
  const policy = deps.authority.policy();
  const principal = findPrincipal(policy, body.principal);
  const project = projectOfLevel(policy, body.level);
  await refuseToGiveWhatIsLacked(deps, context, { name: body.role, project });
  refuseTwice(policy, principal, { role: body.role, project });
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

async function refuseToGiveWhatIsLacked(
  deps: Deps,
  context: ChangeContext,
  role: { readonly name: RoleName; readonly project: string | null },
): Promise<void> {
  const policy = deps.authority.policy();
  const lacked = lackedOf(policy, context.caller, role);
  if (lacked === null) return;
  await demand(deps, context.request, {
    permission: lacked,
    resource: { organization: policy.organization.id, project: role.project, thing: null },
    why: `You cannot give the role ${role.name} here, because you do not hold all of it.`,
  });
}

function refuseTwice(
  policy: Policy,
  principal: PrincipalRecord,
  wanted: { readonly role: RoleName; readonly project: string | null },
): void {
  const has = (policy.bindingsByPrincipal.get(principal.id) ?? []).some(
    ({ role, project }) => role === wanted.role && project === wanted.project,
  );
  if (has) throw new Failure('name_taken', `${principal.name} has the role ${wanted.role} there already.`);
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

/** By id or name; `self` is the caller, where one is given. Throws `not_found`. */
export function findPrincipal(policy: Policy, reference: string, caller?: Caller): PrincipalRecord {
  if (reference === selfReference && caller !== undefined) return caller.principal;
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

/** `organization` is null, `projects/<p>` its id. Throws `not_found`. */
function projectOfLevel(policy: Policy, level: string): string | null {
  if (level === 'organization') return null;
  const project = findProject(policy, level.slice('projects/'.length));
  if (project === null) throw new Failure('not_found', `There is no project for the level ${level}.`);
  return project.id;
}
