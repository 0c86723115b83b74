// The rows behind the policy, read in one snapshot, and the statements that guard it.
import type { CompiledQuery } from 'kysely';
import { permissions } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';
import { roleNames } from '../../protocol/api/authority.ts';
import type { DecisionTrace, RoleName } from '../../protocol/api/authority.ts';
import { compileOnce, perStore } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type {
  BindingsTable,
  OrganizationsTable,
  PrincipalsTable,
  ProjectsTable,
  TokensTable,
} from '../store/schema.ts';
import type { BindingRecord, Policy, ProjectRecord } from './policy.ts';

/** Reads the whole policy of the one organization. */
export async function readPolicy(store: Store): Promise<Policy> {
  const [organizations, projects, principals, tokens, bindings] = (await store.snapshot([
    store.db.selectFrom('organizations').selectAll().orderBy('id').limit(1).compile(),
    store.db.selectFrom('projects').selectAll().compile(),
    store.db.selectFrom('principals').selectAll().compile(),
    store.db.selectFrom('tokens').selectAll().where('revoked_at', 'is', null).compile(),
    store.db.selectFrom('bindings').selectAll().compile(),
  ])) as unknown as [
    OrganizationsTable[],
    ProjectsTable[],
    PrincipalsTable[],
    TokensTable[],
    BindingsTable[],
  ];
  const organization = organizations[0];
  if (organization === undefined) throw new Error('the store has no organization; it was never initialized');
  const projectRecords = projects.map(({ id, organization, name }) => ({ id, organization, name }));
  return {
    organization: { id: organization.id, name: organization.name },
    revision: organization.policy_revision,
    principals: new Map(
      principals.map((row) => [
        row.id,
        {
          id: row.id,
          organization: row.organization,
          name: row.name,
          kind: row.kind,
          disabled: row.disabled_at !== null,
        },
      ]),
    ),
    tokensByHash: new Map(
      tokens.map((row) => [
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
    bindingsByPrincipal: groupByPrincipal(bindings),
    projects: new Map(projectRecords.map((project): [string, ProjectRecord] => [project.id, project])),
    projectsByName: new Map(
      projectRecords.map((project): [string, ProjectRecord] => [project.name, project]),
    ),
  };
}

/** A stored ceiling; a name that the catalogue no longer has gives nothing. */
function permissionSet(text: string): ReadonlySet<Permission> {
  const names = new Set(text.split(' '));
  return new Set(permissions.filter((permission) => names.has(permission)));
}

function groupByPrincipal(rows: readonly BindingsTable[]): ReadonlyMap<string, readonly BindingRecord[]> {
  const grouped = new Map<string, BindingRecord[]>();
  for (const row of rows) {
    const role = roleNames.find((name): name is RoleName => name === row.role);
    if (role === undefined) continue;
    const list = grouped.get(row.principal) ?? [];
    list.push({ id: row.id, principal: row.principal, role, project: row.project });
    grouped.set(row.principal, list);
  }
  return grouped;
}

const unmovedPolicy = perStore((store) =>
  compileOnce({ organization: '', revision: 0 }, (p) =>
    store.db
      .selectFrom('organizations')
      .select('id')
      .where('id', '=', p.organization)
      .where('policy_revision', '=', p.revision),
  ),
);

/** Holds only while the policy is still the one that a decision was made on. */
export function policyGuard(store: Store, policy: Pick<Policy, 'organization' | 'revision'>): Step {
  const { organization, revision } = policy;
  return {
    query: unmovedPolicy(store)({ organization: organization.id, revision }),
    guard: { name: 'policy', exactly: 1 },
  };
}

/** Every change of principals, tokens, bindings or projects moves the revision, so that decisions are made again. */
export function bumpPolicy(store: Store, policy: Pick<Policy, 'organization' | 'revision'>): Step {
  return {
    query: store.db
      .updateTable('organizations')
      .set({ policy_revision: policy.revision + 1 })
      .where('id', '=', policy.organization.id)
      .where('policy_revision', '=', policy.revision)
      .compile(),
    guard: { name: 'policy', exactly: 1 },
  };
}

export function insertDecision(store: Store, organization: string, trace: DecisionTrace): Step {
  return {
    query: store.db
      .insertInto('decisions')
      .values({ id: trace.id, organization, at: trace.at, trace: JSON.stringify(trace) })
      .compile(),
  };
}

export function selectDecision(store: Store, id: string): CompiledQuery<{ trace: string }> {
  return store.db.selectFrom('decisions').select('trace').where('id', '=', id).compile();
}

export function touchToken(store: Store, id: string, now: number): Step {
  return { query: store.db.updateTable('tokens').set({ last_used_at: now }).where('id', '=', id).compile() };
}
