// Brings the teams of somebody up to date with what their identity provider says. Only what a provider gave it takes
// away again; what people gave stays.
import type { FastifyRequest } from 'fastify';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { Step } from '../store/store.ts';
import type { IdentityProvidersTable } from '../store/tables-sign-in.ts';
import { signInEvent } from './audit-entry.ts';
import type { SignInDeps } from './deps.ts';
import { joinTeam, leaveTeam, selectProvidedTeams } from './provider-store.ts';

/** Empty where nothing changes. A team that the mapping names and that is not there is left out. */
export async function teamSteps(
  deps: SignInDeps,
  asked: {
    readonly row: IdentityProvidersTable;
    readonly principal: PrincipalRecord;
    /** Names; null where the provider says nothing about teams. */
    readonly wanted: readonly string[] | null;
    readonly request: FastifyRequest;
  },
): Promise<readonly Step[]> {
  const { row, principal, wanted, request } = asked;
  if (wanted === null) return [];
  const { store, authority, clock } = deps;
  const source = `provider:${row.id}`;
  const found = await store.read(selectProvidedTeams(store, { principal: principal.id, source }));
  const policy = authority.policy();
  const has = new Set(found.map(({ team }) => team));
  const due = new Set(
    wanted.flatMap((name) => {
      const team = policy.principalsByName.get(name);
      return team?.kind === 'team' && !team.disabled ? [team.id] : [];
    }),
  );
  const of = new Set(policy.teamsOf.get(principal.id) ?? []);
  const joins = [...due].filter((team) => !of.has(team));
  const leaves = [...has].filter((team) => !due.has(team));
  if (joins.length === 0 && leaves.length === 0) return [];
  const named = (ids: readonly string[]) => ids.map((id) => policy.principals.get(id)?.name ?? id);
  return [
    ...joins.map((team) => joinTeam(store, { team, member: principal.id, source, added_at: clock.now() })),
    ...leaves.map((team) => leaveTeam(store, { team, member: principal.id, source })),
    signInEvent(deps, {
      principal,
      operation: 'team.sync',
      resource: `principals/${principal.id}`,
      details: { provider: row.name, joined: named(joins), left: named(leaves) },
      request,
    }),
  ];
}
