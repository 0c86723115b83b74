// Makes the policy of its rows. Records of bindings that have not changed are taken over from the policy before, so that
// what is compiled of their conditions is kept.
import { conditionSchema } from '../../protocol/api/authority.ts';
import type { Condition } from '../../protocol/api/authority.ts';
import { parseJson } from '../../protocol/json.ts';
import { isPermission } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';
import type {
  FoldersTable,
  OrganizationsTable,
  PrincipalsTable,
  ProjectsTable,
  TokensTable,
} from '../store/schema.ts';
import type {
  BindingsTable,
  EntitlementsTable,
  RolesTable,
  TeamMembersTable,
} from '../store/tables-authority.ts';
import type { BindingRecord, Policy, RoleRecord } from './policy.ts';
import { builtInRoles } from './roles.ts';

export interface PolicyRows {
  readonly organization: Pick<OrganizationsTable, 'id' | 'name' | 'policy_revision'>;
  readonly folders: readonly Pick<FoldersTable, 'id' | 'parent' | 'name'>[];
  readonly projects: readonly Pick<ProjectsTable, 'id' | 'organization' | 'folder' | 'name'>[];
  readonly principals: readonly Pick<
    PrincipalsTable,
    'id' | 'organization' | 'kind' | 'name' | 'disabled_at'
  >[];
  readonly tokens: readonly Pick<
    TokensTable,
    'id' | 'principal' | 'name' | 'hash' | 'permissions' | 'expires_at' | 'revoked_at'
  >[];
  readonly members: readonly Pick<TeamMembersTable, 'team' | 'member'>[];
  readonly roles: readonly Pick<RolesTable, 'id' | 'name' | 'permissions' | 'version'>[];
  readonly bindings: readonly Pick<
    BindingsTable,
    'id' | 'principal' | 'role' | 'effect' | 'level' | 'conditions' | 'not_before' | 'not_after' | 'support'
  >[];
  readonly entitlements: readonly Pick<
    EntitlementsTable,
    'name' | 'quota' | 'ends_at' | 'grace_ms' | 'exceeded_at'
  >[];
}

export function buildPolicy(rows: PolicyRows, before: Policy | null): Policy {
  const principals = rows.principals.map(({ disabled_at, ...row }) => ({
    ...row,
    disabled: disabled_at !== null,
  }));
  const { id, name, policy_revision: revision } = rows.organization;
  return {
    organization: { id, name },
    revision,
    principals: mapBy(principals, (each) => each.id),
    principalsByName: mapBy(principals, (each) => each.name),
    tokensByHash: new Map(
      rows.tokens.map((row) => [
        row.hash,
        {
          id: row.id,
          principal: row.principal,
          name: row.name,
          hash: row.hash,
          permissions: row.permissions === null ? null : permissionSet(row.permissions),
          expiresAt: row.expires_at,
          revoked: row.revoked_at !== null,
        },
      ]),
    ),
    roles: mapBy([...builtInRoles, ...rows.roles.map(roleOf)], (each) => each.id),
    bindingsByPrincipal: bindingsByPrincipal(rows.bindings, before),
    teamsOf: groupBy(
      rows.members,
      (row) => row.member,
      (row) => row.team,
    ),
    folders: mapBy(rows.folders, (each) => each.id),
    projects: mapBy(rows.projects, (each) => each.id),
    projectsByName: mapBy(rows.projects, (each) => each.name),
    entitlements: mapBy(
      rows.entitlements.map((row) => ({
        name: row.name,
        quota: row.quota,
        endsAt: row.ends_at,
        graceMs: row.grace_ms,
        exceededAt: row.exceeded_at,
      })),
      (each) => each.name,
    ),
  };
}

/** A stored list of permissions; a name that the catalogue no longer has gives nothing. */
export function permissionSet(text: string): ReadonlySet<Permission> {
  return new Set(text.split(' ').filter(isPermission));
}

function roleOf(row: PolicyRows['roles'][number]): RoleRecord {
  const { id, name, version } = row;
  return { id, name, builtIn: false, permissions: permissionSet(row.permissions), version };
}

/** A binding is never changed, only made and removed, so that its id says all. */
function bindingsByPrincipal(
  rows: PolicyRows['bindings'],
  before: Policy | null,
): ReadonlyMap<string, readonly BindingRecord[]> {
  const known = new Map<string, BindingRecord>();
  for (const list of before?.bindingsByPrincipal.values() ?? [])
    for (const each of list) known.set(each.id, each);
  return groupBy(
    rows,
    (row) => row.principal,
    (row) => known.get(row.id) ?? bindingOf(row),
  );
}

function bindingOf(row: PolicyRows['bindings'][number]): BindingRecord {
  const { id, principal, role, effect, level, support } = row;
  return {
    id,
    principal,
    role,
    effect,
    level,
    conditions: row.conditions === '[]' ? none : parseConditions(row.conditions),
    notBefore: row.not_before,
    notAfter: row.not_after,
    support,
  };
}

const none: readonly Condition[] = [];

export function parseConditions(text: string): Condition[] {
  return conditionSchema.array().parse(parseJson(text));
}

function mapBy<Row>(rows: readonly Row[], key: (row: Row) => string): ReadonlyMap<string, Row> {
  return new Map(rows.map((row) => [key(row), row]));
}

function groupBy<Row, Value>(
  rows: readonly Row[],
  key: (row: Row) => string,
  value: (row: Row) => Value,
): ReadonlyMap<string, readonly Value[]> {
  const grouped = new Map<string, Value[]>();
  for (const row of rows) {
    const list = grouped.get(key(row));
    if (list === undefined) grouped.set(key(row), [value(row)]);
    else list.push(value(row));
  }
  return grouped;
}
