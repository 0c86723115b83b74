// The peer of `authority`: the same rules without any preparation, by walking all bindings for each question.
import type { Question } from '../../control-plane/authority/authorize.ts';
import type { BindingRecord, Policy } from '../../control-plane/authority/policy.ts';
import { isReading, permissionsWithInputs } from '../../protocol/permissions.ts';

/** Whether the principal may, for a caller without a credential and without anybody who acts for it. */
export function mayObviously(policy: Policy, question: Question): boolean {
  const mine: BindingRecord[] = [];
  for (const list of policy.bindingsByPrincipal.values()) {
    for (const binding of list) {
      if (
        isOrIsIn(policy, question.caller.principal.id, binding.principal) &&
        reaches(policy, binding, question)
      ) {
        mine.push(binding);
      }
    }
  }
  if (mine.some((binding) => binding.effect === 'deny' && counts(policy, binding, question, true)))
    return false;
  return mine.some((binding) => binding.effect === 'allow' && counts(policy, binding, question, false));
}

function isOrIsIn(policy: Policy, principal: string, subject: string): boolean {
  if (principal === subject) return true;
  return (policy.teamsOf.get(principal) ?? []).some((team) => isOrIsIn(policy, team, subject));
}

function reaches(policy: Policy, { level }: BindingRecord, { resource }: Question): boolean {
  if (level === '') return true;
  const top = `projects/${resource.project ?? ''}`;
  if (level === top || level === `${top}/${resource.thing ?? ''}`) return true;
  let folder = policy.projects.get(resource.project ?? '')?.folder ?? null;
  for (; folder !== null; folder = policy.folders.get(folder)?.parent ?? null) {
    if (level === `folders/${folder}`) return true;
  }
  return false;
}

function counts(
  policy: Policy,
  binding: BindingRecord,
  { permission, at, inputs }: Question,
  denies: boolean,
): boolean {
  if (policy.roles.get(binding.role)?.permissions.has(permission) !== true) return false;
  if ((binding.notBefore ?? 0) > at || (binding.notAfter ?? Infinity) <= at) return false;
  if (binding.conditions.length === 0) return true;
  if (!permissionsWithInputs.includes(permission)) return !denies && isReading(permission);
  return binding.conditions.every(({ input, values }) => {
    const value = inputs instanceof Map ? (inputs.get(input) as unknown) : undefined;
    return value === undefined ? denies : values.includes(String(value));
  });
}
