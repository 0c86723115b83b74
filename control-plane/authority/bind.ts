// Makes and removes bindings: nobody gives what they lack, and the last owner stays.
import { randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';
import type { bindingCreateSchema, Condition } from '../../protocol/api/authority.ts';
import { Failure } from '../../protocol/failures.ts';
import type { DecideDeps } from '../http/decide.ts';
import { deleteBinding, insertBinding, selectBinding } from './binding-store.ts';
import type { BindingRow } from './binding-store.ts';
import { parseConditions } from './build-policy.ts';
import { commitChange } from './change.ts';
import type { ChangeContext, ChangeDeps } from './change.ts';
import { patternProblem } from './conditions.ts';
import { givenBy } from './cover.ts';
import { demandCover, demandLifting } from './demand-cover.ts';
import { findPrincipal, mustFindRole } from './find.ts';
import { isWithin, levelName, projectLevel, resourceAt } from './level.ts';
import { demandOwner } from './owners.ts';
import { parseLevel } from './parse-level.ts';
import type { BindingRecord, Policy } from './policy.ts';
import { bumpPolicy } from './store.ts';

type Deps = ChangeDeps & DecideDeps;

/**
 * Throws `not_found`, `forbidden` (giving what the caller lacks), `name_taken` (they have it already), `last_owner` (a
 * denial that would leave nobody in charge) and `invalid_request` (a condition that cannot be judged).
 */
export async function createBinding(
  deps: Deps,
  context: ChangeContext,
  body: z.output<typeof bindingCreateSchema>,
): Promise<BindingRow> {
  const policy = deps.authority.policy();
  const binding = await proposed(deps, body);
  await refuseUnjudgeable(deps, binding);
  refuseTwice(policy, binding);
  if (binding.effect === 'deny') demandOwner(policy, { denial: binding });
  else {
    const { name } = mustFindRole(policy, binding.role);
    const why = `You cannot give the role ${name} here, because you do not hold all of it.`;
    await demandCover(deps, context, { given: givenBy(policy, binding), why });
  }
  await commitChange(deps, context, {
    operation: 'binding.create',
    resource: `bindings/${binding.id}`,
    details: { after: told(policy, binding) },
    steps: [
      insertBinding(deps.store, {
        ...binding,
        organization: policy.organization.id,
        createdBy: context.caller.principal.id,
      }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return readBinding(deps, binding.id);
}

async function proposed(deps: Deps, body: z.output<typeof bindingCreateSchema>): Promise<BindingRecord> {
  const policy = deps.authority.policy();
  const level = await parseLevel(deps.authority, body.level);
  if (level === null) throw new Failure('not_found', `There is nothing at the level ${body.level}.`);
  const { not_before: notBefore = null, not_after: notAfter = null } = body;
  if (notAfter !== null && notAfter <= Math.max(deps.authority.now(), notBefore ?? 0)) {
    throw new Failure('invalid_request', 'The binding would end before it begins, or has ended already.');
  }
  return {
    id: randomUUIDv7(),
    principal: findPrincipal(policy, body.principal).id,
    role: mustFindRole(policy, body.role).id,
    effect: body.effect,
    level,
    conditions: body.conditions,
    notBefore,
    notAfter,
    support: null,
  };
}

/** A pattern that is none, and inputs that are secret: what is compared ends up in traces. */
async function refuseUnjudgeable(deps: Deps, { conditions, level }: BindingRecord): Promise<void> {
  const wrong = conditions.map(patternProblem).find((problem) => problem !== null);
  if (wrong !== undefined) throw new Failure('invalid_request', wrong);
  if (conditions.length === 0) return;
  const policy = deps.authority.policy();
  const { thing } = resourceAt(policy.organization.id, level);
  const projects = [...policy.projects.keys()].filter(
    (id) => isWithin(policy, projectLevel(id), level) || level.startsWith(`${projectLevel(id)}/`),
  );
  const names = conditions.map(({ input }) => input);
  const secret = await deps.authority.things().sensitiveAmong(names, { projects, thing });
  if (secret !== null) {
    throw new Failure(
      'invalid_request',
      `The input ${secret} is sensitive, and what a condition compares is shown in traces. Use another input.`,
    );
  }
}

function refuseTwice(policy: Policy, wanted: BindingRecord): void {
  const text = (each: BindingRecord): string =>
    JSON.stringify([each.role, each.level, each.effect, each.conditions, each.notBefore, each.notAfter]);
  const has = (policy.bindingsByPrincipal.get(wanted.principal) ?? []).some(
    (each) => each.support === null && text(each) === text(wanted),
  );
  if (!has) return;
  const { principal, role } = told(policy, wanted);
  throw new Failure('name_taken', `${principal} has the role ${role} there already.`);
}

/**
 * Throws `not_found` and `last_owner`, and `forbidden` for a denial of what the caller does not hold: taking it away
 * gives that back.
 */
export async function removeBinding(deps: Deps, context: ChangeContext, id: string): Promise<void> {
  const binding = recordOf(await readBinding(deps, id));
  const policy = deps.authority.policy();
  if (binding.effect === 'deny') await demandLifting(deps, context, [binding]);
  else demandOwner(policy, { binding: id });
  await commitChange(deps, context, {
    operation: 'binding.delete',
    resource: `bindings/${id}`,
    details: { before: told(policy, binding) },
    steps: [deleteBinding(deps.store, id), bumpPolicy(deps.store, policy)],
  });
  await deps.authority.reload();
}

/** What the audit says of a binding. */
export function told(policy: Policy, binding: BindingRecord): Readonly<Record<string, unknown>> {
  const { effect, conditions, notBefore, notAfter } = binding;
  return {
    principal: policy.principals.get(binding.principal)?.name ?? binding.principal,
    role: policy.roles.get(binding.role)?.name ?? binding.role,
    level: binding.level === '' ? 'organization' : binding.level,
    level_name: levelName(policy, binding.level),
    ...(effect === 'deny' ? { effect } : {}),
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(notBefore === null ? {} : { not_before: notBefore }),
    ...(notAfter === null ? {} : { not_after: notAfter }),
  };
}

export function conditionsOf(row: Pick<BindingRow, 'conditions'>): Condition[] {
  return parseConditions(row.conditions);
}

function recordOf(row: BindingRow): BindingRecord {
  const { id, principal, role, effect, level, not_before: notBefore, not_after: notAfter, support } = row;
  return { id, principal, role, effect, level, conditions: conditionsOf(row), notBefore, notAfter, support };
}

export async function readBinding(deps: Pick<ChangeDeps, 'store'>, id: string): Promise<BindingRow> {
  const [row] = await deps.store.read(selectBinding(deps.store, id));
  if (row === undefined) throw new Failure('not_found', `There is no binding ${id}.`);
  return row;
}
