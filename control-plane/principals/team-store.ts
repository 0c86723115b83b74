// The SQL of teams: principals that others are members of.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { PrincipalsTable } from '../store/schema.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { TeamMembersTable } from '../store/tables-authority.ts';

export type MemberRow = TeamMembersTable & Pick<PrincipalsTable, 'name' | 'kind' | 'disabled_at'>;

export function selectTeams(
  store: Store,
  page: { readonly organization: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<PrincipalsTable> {
  let query = store.db
    .selectFrom('principals')
    .selectAll()
    .where('organization', '=', page.organization)
    .where('kind', '=', 'team')
    .where('disabled_at', 'is', null);
  if (page.after !== null) query = query.where('id', '<', page.after);
  return query
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function selectMembers(
  store: Store,
  page: { readonly team: string; readonly after: string | null; readonly limit: number },
): CompiledQuery<MemberRow> {
  let query = store.db
    .selectFrom('team_members')
    .innerJoin('principals', 'principals.id', 'team_members.member')
    .selectAll('team_members')
    .select(['principals.name', 'principals.kind', 'principals.disabled_at'])
    .where('team_members.team', '=', page.team);
  if (page.after !== null) query = query.where('team_members.member', '<', page.after);
  return query
    .orderBy('team_members.member', 'desc')
    .limit(page.limit + 1)
    .compile();
}

export function insertMember(
  store: Store,
  membership: { readonly team: string; readonly member: string; readonly source: string },
): Step {
  return step(store.db.insertInto('team_members').values({ ...membership, added_at: nowMs(store.engine) }));
}

export function deleteMember(
  store: Store,
  membership: { readonly team: string; readonly member: string },
): Step {
  return step(
    store.db
      .deleteFrom('team_members')
      .where('team', '=', membership.team)
      .where('member', '=', membership.member),
    { name: 'member', exactly: 1 },
  );
}

/** Everybody leaves it, and it leaves every team that it is in. */
export function deleteMemberships(store: Store, team: string): Step {
  return step(
    store.db.deleteFrom('team_members').where((e) => e.or([e('team', '=', team), e('member', '=', team)])),
  );
}
