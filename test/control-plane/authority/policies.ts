// Policies for tests, from a few words, and arbitrary ones.
import fc from 'fast-check';
import { buildPolicy } from '../../../control-plane/authority/build-policy.ts';
import type { PolicyRows } from '../../../control-plane/authority/build-policy.ts';
import type { Caller, Credential } from '../../../control-plane/authority/caller.ts';
import type { ResourcePath } from '../../../control-plane/authority/level.ts';
import type { Policy } from '../../../control-plane/authority/policy.ts';
import type { Condition } from '../../../protocol/api/authority.ts';
import { roleNames } from '../../../protocol/api/authority.ts';
import { permissions } from '../../../protocol/permissions.ts';
import type { Permission } from '../../../protocol/permissions.ts';

export interface Bound {
  readonly principal: string;
  readonly role: string;
  readonly level?: string;
  readonly effect?: 'allow' | 'deny';
  readonly conditions?: readonly Condition[];
  readonly notBefore?: number | null;
  readonly notAfter?: number | null;
}

export interface Tree {
  readonly bindings?: readonly Bound[];
  /** Team to its members. */
  readonly teams?: Readonly<Record<string, readonly string[]>>;
  readonly people?: readonly string[];
  readonly disabled?: readonly string[];
  /** Folder to the one around it. */
  readonly folders?: Readonly<Record<string, string | null>>;
  /** Project to its folder. */
  readonly projects?: Readonly<Record<string, string | null>>;
  readonly roles?: Readonly<Record<string, readonly Permission[]>>;
}

export function policyOf(tree: Tree, before: Policy | null = null): Policy {
  const teams = Object.entries(tree.teams ?? {});
  const principal = (id: string, kind: 'user' | 'team') => ({
    id,
    organization: 'o1',
    kind,
    name: id,
    disabled_at: (tree.disabled ?? []).includes(id) ? 1 : null,
  });
  const rows: PolicyRows = {
    organization: { id: 'o1', name: 'default', policy_revision: 7 },
    folders: Object.entries(tree.folders ?? {}).map(([id, parent]) => ({ id, parent, name: id })),
    projects: Object.entries(tree.projects ?? {}).map(([id, folder]) => ({
      id,
      folder,
      name: id,
      organization: 'o1',
    })),
    principals: [
      ...(tree.people ?? ['ada', 'ben', 'eve']).map((id) => principal(id, 'user')),
      ...teams.map(([id]) => principal(id, 'team')),
    ],
    tokens: [],
    members: teams.flatMap(([team, members]) => members.map((member) => ({ team, member }))),
    roles: Object.entries(tree.roles ?? {}).map(([id, given]) => ({
      id,
      name: id,
      permissions: given.join(' '),
      version: 1,
    })),
    bindings: (tree.bindings ?? []).map((bound, index) => ({
      id: `b${index}`,
      principal: bound.principal,
      role: bound.role,
      effect: bound.effect ?? 'allow',
      level: bound.level ?? '',
      conditions: JSON.stringify(bound.conditions ?? []),
      not_before: bound.notBefore ?? null,
      not_after: bound.notAfter ?? null,
      support: null,
    })),
    entitlements: [],
  };
  return buildPolicy(rows, before);
}

export function credentialWith(
  options: {
    readonly permissions?: readonly Permission[] | null;
    readonly within?: ResourcePath | null;
    readonly elevated?: boolean;
  } = {},
): Credential {
  const { permissions: ceiling = null, within = null, elevated = true } = options;
  return {
    kind: 'session',
    id: 't',
    name: 't',
    permissions: ceiling === null ? null : new Set(ceiling),
    within,
    elevated,
    authenticatedAt: null,
    expiresAt: null,
  };
}

/** Somebody of the policy, or a stranger to it. */
export function callerIn(
  policy: Policy,
  id: string,
  more: { readonly credential?: Credential | null; readonly actors?: readonly string[] } = {},
): Caller {
  const record = (name: string) =>
    policy.principals.get(name) ?? {
      id: name,
      organization: 'o2',
      name,
      kind: 'user' as const,
      disabled: false,
    };
  return {
    principal: record(id),
    credential: more.credential === undefined ? credentialWith() : more.credential,
    actors: (more.actors ?? []).map(record),
  };
}

export const people = ['ada', 'ben', 'eve'];
const subjects = [...people, 'ops', 'dev', 'all'];
const levels = [
  '',
  '',
  'folders/f1',
  'folders/f2',
  'folders/f3',
  'projects/p1',
  'projects/p2',
  'projects/p1/actions/a1',
  'projects/p1/actions/a2',
  'projects/p1/groups/g1',
  'projects/p2/actions/a1',
];

const conditionArbitrary: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    input: fc.constantFrom('env', 'region'),
    operator: fc.constant('equals' as const),
    values: fc.constantFrom<string[]>(['staging'], ['prod']),
  }),
  fc.record({
    input: fc.constantFrom('env', 'region'),
    operator: fc.constant('one_of' as const),
    values: fc.constantFrom<string[]>(['staging', 'prod'], ['prod', 'dev']),
  }),
  fc.record({
    input: fc.constantFrom('env', 'region'),
    operator: fc.constant('matches' as const),
    values: fc.constantFrom<string[]>(['sta.*'], ['p.*', 'd.*']),
  }),
);

/** Mostly what takes nothing away: otherwise hardly any question would be allowed, and little would be tried. */
function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

const timeArbitrary = seldom(fc.integer({ min: 1, max: 9 }));

export const boundArbitrary: fc.Arbitrary<Bound> = fc.record({
  principal: fc.constantFrom(...subjects),
  role: fc.constantFrom(...roleNames, 'starter'),
  level: fc.constantFrom(...levels),
  effect: fc.constantFrom('allow' as const, 'allow' as const, 'allow' as const, 'deny' as const),
  conditions: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    fc.array(conditionArbitrary, { maxLength: 2 }),
  ),
  notBefore: timeArbitrary,
  notAfter: timeArbitrary,
});

const folderArbitrary = fc.constantFrom(null, 'f1', 'f2', 'f3');

/** Folders are nested by their numbers, so that there is no loop. */
export const treeArbitrary: fc.Arbitrary<Tree> = fc.record({
  bindings: fc.array(boundArbitrary, { maxLength: 10, size: '+1' }),
  teams: fc.record({
    ops: fc.subarray(['ada', 'ben', 'dev']),
    dev: fc.subarray(['ben', 'eve']),
    all: fc.subarray(['ada', 'ops', 'dev']),
  }),
  disabled: fc.subarray(['eve', 'dev'], { maxLength: 1 }),
  folders: fc.record({
    f1: fc.constant(null),
    f2: fc.constantFrom(null, 'f1'),
    f3: fc.constantFrom(null, 'f1', 'f2'),
  }),
  projects: fc.record({ p1: folderArbitrary, p2: folderArbitrary }),
  roles: fc.constant({ starter: ['wayside.run.start'] as const }),
});

export const resourceArbitrary: fc.Arbitrary<ResourcePath> = fc.constantFrom<ResourcePath>(
  { organization: 'o1', project: null, thing: null },
  { organization: 'o1', project: null, thing: 'principals/ada' },
  { organization: 'o1', project: null, thing: 'principals/eve' },
  { organization: 'o1', folder: 'f2', project: null, thing: null },
  { organization: 'o1', folder: 'f3', project: null, thing: null },
  { organization: 'o1', project: 'p1', thing: null },
  { organization: 'o1', project: 'p2', thing: null },
  { organization: 'o1', project: 'p1', thing: 'actions/a1', above: ['groups/g1'] },
  { organization: 'o1', project: 'p1', thing: 'actions/a2', above: ['groups/g2'] },
  { organization: 'o1', project: 'p1', thing: 'runs/r1', above: ['groups/g1', 'actions/a1'] },
  { organization: 'o1', project: 'p2', thing: 'actions/a1' },
);

export const askedArbitrary = fc.record({
  principal: fc.constantFrom(...people),
  // What is interesting comes up more often than its share of the catalogue.
  permission: fc.oneof(
    fc.constantFrom<Permission>(
      'wayside.run.start',
      'wayside.run.read',
      'wayside.run.cancel',
      'iam.token.create',
    ),
    fc.constantFrom(...permissions),
  ),
  resource: resourceArbitrary,
  at: fc.integer({ min: 1, max: 9 }),
  inputs: fc.option(
    fc.dictionary(fc.constantFrom('env', 'region'), fc.constantFrom('staging', 'prod', 'dev', 'x'), {
      maxKeys: 2,
    }),
  ),
  ceiling: seldom(fc.uniqueArray(fc.constantFrom(...permissions), { maxLength: 40 })),
  within: seldom(resourceArbitrary),
  elevated: fc.constantFrom(true, true, true, false),
  actors: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    fc.array(fc.constantFrom(...people), { maxLength: 4 }),
  ),
});
export type Asked = typeof askedArbitrary extends fc.Arbitrary<infer T> ? T : never;
