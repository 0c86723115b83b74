// The rows behind the policy, read in one snapshot, and the statements that guard it.
import type { CompiledQuery } from 'kysely';
import type { DecisionTrace } from '../../protocol/api/authority.ts';
import { compileOnce, perStore } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { buildPolicy } from './build-policy.ts';
import type { PolicyRows } from './build-policy.ts';
import type { Policy } from './policy.ts';

const policyQueries = perStore((store): readonly CompiledQuery[] => [
  store.db
    .selectFrom('organizations')
    .select(['id', 'name', 'policy_revision'])
    .orderBy('id')
    .limit(1)
    .compile(),
  store.db.selectFrom('folders').select(['id', 'parent', 'name']).compile(),
  store.db.selectFrom('projects').select(['id', 'organization', 'folder', 'name']).compile(),
  store.db.selectFrom('principals').select(['id', 'organization', 'kind', 'name', 'disabled_at']).compile(),
  store.db
    .selectFrom('tokens')
    .select(['id', 'principal', 'name', 'hash', 'permissions', 'expires_at', 'revoked_at'])
    .where('revoked_at', 'is', null)
    .compile(),
  store.db.selectFrom('team_members').select(['team', 'member']).compile(),
  store.db.selectFrom('roles').select(['id', 'name', 'permissions', 'version']).compile(),
  store.db
    .selectFrom('bindings')
    .select([
      'id',
      'principal',
      'role',
      'effect',
      'level',
      'conditions',
      'not_before',
      'not_after',
      'support',
    ])
    .compile(),
  store.db
    .selectFrom('entitlements')
    .select(['name', 'quota', 'ends_at', 'grace_ms', 'exceeded_at'])
    .compile(),
]);

/** Reads the whole policy of the one organization. */
export async function readPolicy(store: Store, before: Policy | null = null): Promise<Policy> {
  const [organizations, folders, projects, principals, tokens, members, roles, bindings, entitlements] =
    (await store.snapshot(policyQueries(store))) as unknown as [
      PolicyRows['organization'][],
      PolicyRows['folders'],
      PolicyRows['projects'],
      PolicyRows['principals'],
      PolicyRows['tokens'],
      PolicyRows['members'],
      PolicyRows['roles'],
      PolicyRows['bindings'],
      PolicyRows['entitlements'],
    ];
  const organization = organizations[0];
  if (organization === undefined) throw new Error('the store has no organization; it was never initialized');
  return buildPolicy(
    { organization, folders, projects, principals, tokens, members, roles, bindings, entitlements },
    before,
  );
}

const revisionQuery = perStore((store) =>
  store.db.selectFrom('organizations').select('policy_revision').orderBy('id').limit(1).compile(),
);

/** The revision that is in force, whatever this process knows. */
export async function readRevision(store: Store): Promise<number> {
  const [rows] = await store.glance([revisionQuery(store)]);
  const [row] = (rows ?? []) as unknown as readonly { policy_revision: number }[];
  if (row === undefined) throw new Error('the store has no organization');
  return row.policy_revision;
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

/** The oldest, `limit` at the most. */
export function deleteDecisionsBefore(store: Store, id: string, limit: number): Step {
  const { db } = store;
  const old = db.selectFrom('decisions').select('id').where('id', '<', id).orderBy('id').limit(limit);
  return { query: db.deleteFrom('decisions').where('id', 'in', old).compile() };
}

export function selectDecision(store: Store, id: string): CompiledQuery<{ trace: string }> {
  return store.db.selectFrom('decisions').select('trace').where('id', '=', id).compile();
}

export function touchToken(store: Store, id: string, now: number): Step {
  return { query: store.db.updateTable('tokens').set({ last_used_at: now }).where('id', '=', id).compile() };
}
