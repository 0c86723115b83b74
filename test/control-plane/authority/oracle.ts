// The rules of the authority once more, slow and obvious, written without a look at how they are decided: by walking
// every binding for every question.
import type { Caller } from '../../../control-plane/authority/caller.ts';
import type { ResourcePath } from '../../../control-plane/authority/level.ts';
import type { BindingRecord, Policy } from '../../../control-plane/authority/policy.ts';
import type { Condition } from '../../../protocol/api/authority.ts';
import type { Permission } from '../../../protocol/permissions.ts';
import { isReading, sensitivePermissions } from '../../../protocol/permissions.ts';

/** What everybody may do with themselves. */
const forOneself: readonly Permission[] = [
  'iam.token.create',
  'iam.token.read',
  'iam.token.revoke',
  'iam.session.read',
  'iam.session.end',
  'iam.support.request',
];

export interface OracleQuestion {
  readonly caller: Caller;
  readonly permission: Permission;
  readonly resource: ResourcePath;
  readonly at: number;
  readonly inputs: Readonly<Record<string, string>> | null;
}

export function mayDo(policy: Policy, question: OracleQuestion): boolean {
  const { caller, permission } = question;
  const everybody = [caller.principal, ...caller.actors];
  if (everybody.some((each) => each.organization !== policy.organization.id)) return false;
  if (question.resource.organization !== policy.organization.id) return false;
  if (everybody.some(({ disabled }) => disabled)) return false;
  if (caller.actors.length > 3) return false;
  if (!hasRight(policy, caller.principal.id, question)) return false;
  if (!credentialLets(policy, question)) return false;
  const [actor] = caller.actors;
  return actor === undefined || isReading(permission) || hasRight(policy, actor.id, question);
}

/** Whether a denial may say that there is such a thing: where some binding in force reaches it, or lies inside of it. */
export function maySee(policy: Policy, question: OracleQuestion): boolean {
  const { caller, permission, resource, at } = question;
  const everybody = [caller.principal, ...caller.actors];
  if (everybody.some((each) => each.organization !== policy.organization.id)) return false;
  if (resource.organization !== policy.organization.id) return false;
  if (resource.project === null && resource.folder === undefined) return true;
  const within = caller.credential?.within ?? null;
  if (within !== null && permission !== 'iam.self.read' && !liesIn(policy, resource, within)) return false;
  return [...policy.bindingsByPrincipal.values()].flat().some((binding) => {
    if (!isOrIsIn(policy, caller.principal.id, binding.principal)) return false;
    const begun = binding.notBefore === null || binding.notBefore <= at;
    const ended = binding.notAfter !== null && binding.notAfter <= at;
    if (binding.effect === 'deny' || !begun || ended || !policy.roles.has(binding.role)) return false;
    const isInside =
      resource.project !== null &&
      resource.thing === null &&
      binding.level.startsWith(`projects/${resource.project}/`);
    return isInside || reaches(policy, binding, resource);
  });
}

function hasRight(policy: Policy, principal: string, question: OracleQuestion): boolean {
  const all = [...policy.bindingsByPrincipal.values()].flat();
  const mine = all.filter(
    (binding) =>
      isOrIsIn(policy, principal, binding.principal) && reaches(policy, binding, question.resource),
  );
  if (mine.some((binding) => binding.effect === 'deny' && denies(policy, binding, question))) return false;
  if (isForOneself(principal, question)) return true;
  return mine.some((binding) => binding.effect === 'allow' && allows(policy, binding, question));
}

function isForOneself(principal: string, { permission, resource }: OracleQuestion): boolean {
  if (permission === 'iam.self.read') return true;
  return (
    forOneself.includes(permission) &&
    resource.project === null &&
    resource.thing === `principals/${principal}`
  );
}

/** Is it that principal, or directly or indirectly in that team? Teams that are disabled do not count. */
function isOrIsIn(policy: Policy, principal: string, subject: string, depth = 5): boolean {
  if (principal === subject) return true;
  if (depth === 0) return false;
  return (policy.teamsOf.get(principal) ?? []).some(
    (team) => policy.principals.get(team)?.disabled === false && isOrIsIn(policy, team, subject, depth - 1),
  );
}

function reaches(policy: Policy, { level }: BindingRecord, resource: ResourcePath): boolean {
  if (level === '') return true;
  const places: string[] = [];
  let folder: string | null = resource.folder ?? null;
  if (resource.project !== null) {
    const top = `projects/${resource.project}`;
    places.push(top);
    for (const each of [...(resource.above ?? []), resource.thing])
      if (each !== null) places.push(`${top}/${each}`);
    folder = policy.projects.get(resource.project)?.folder ?? null;
  }
  for (; folder !== null; folder = policy.folders.get(folder)?.parent ?? null)
    places.push(`folders/${folder}`);
  return places.includes(level);
}

function lists(policy: Policy, binding: BindingRecord, { permission, at }: OracleQuestion): boolean {
  const begun = binding.notBefore === null || binding.notBefore <= at;
  const ended = binding.notAfter !== null && binding.notAfter <= at;
  return begun && !ended && (policy.roles.get(binding.role)?.permissions.has(permission) ?? false);
}

const withInputs = ['wayside.run.start', 'wayside.run.cancel'];

function allows(policy: Policy, binding: BindingRecord, question: OracleQuestion): boolean {
  if (!lists(policy, binding, question)) return false;
  if (binding.conditions.length === 0) return true;
  if (!withInputs.includes(question.permission)) return isReading(question.permission);
  return binding.conditions.every((condition) => {
    const value = question.inputs?.[condition.input];
    return value !== undefined && meets(condition, value);
  });
}

function denies(policy: Policy, binding: BindingRecord, question: OracleQuestion): boolean {
  if (!lists(policy, binding, question)) return false;
  if (binding.conditions.length === 0) return true;
  if (!withInputs.includes(question.permission)) return false;
  return binding.conditions.every((condition) => {
    const value = question.inputs?.[condition.input];
    return value === undefined || meets(condition, value);
  });
}

function meets({ operator, values }: Condition, value: string): boolean {
  return operator === 'matches'
    ? values.some((pattern) => new RegExp(`^(?:${String(pattern)})$`, 's').test(value))
    : values.includes(value);
}

function credentialLets(policy: Policy, question: OracleQuestion): boolean {
  const { caller, permission, resource } = question;
  const { credential } = caller;
  if (credential === null) return true;
  if (credential.permissions !== null && !credential.permissions.has(permission)) return false;
  const own = isForOneself(caller.principal.id, question) && permission !== 'iam.token.create';
  if (sensitivePermissions.has(permission) && !credential.elevated && !own) return false;
  const { within } = credential;
  return within === null || permission === 'iam.self.read' || liesIn(policy, resource, within);
}

function liesIn(policy: Policy, resource: ResourcePath, within: ResourcePath): boolean {
  if (within.project === null) {
    if (within.thing !== null) return within.thing === resource.thing;
    if (within.folder === undefined) return true;
    let folder = resource.project === null ? resource.folder : policy.projects.get(resource.project)?.folder;
    while (folder !== undefined && folder !== null) {
      if (folder === within.folder) return true;
      folder = policy.folders.get(folder)?.parent;
    }
    return false;
  }
  if (resource.project !== within.project) return false;
  return within.thing === null || [...(resource.above ?? []), resource.thing].includes(within.thing);
}
