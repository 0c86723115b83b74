// Brings the teams of somebody up to date with what their identity provider says. Only what a provider gave it takes
// away again; what people gave stays, and so does the last owner.
import type { FastifyRequest } from 'fastify';
import { stillOwned } from '../authority/owners.ts';
import type { Without } from '../authority/owners.ts';
import type { Policy, PrincipalRecord } from '../authority/policy.ts';
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
  const { joins, leaves, refused } = heeded(policy, principal.id, {
    joins: [...due].filter((team) => !of.has(team)),
    leaves: [...has].filter((team) => !due.has(team)),
  });
  if (joins.length === 0 && leaves.length === 0 && refused.length === 0) return [];
  const named = (ids: readonly string[]) => ids.map((id) => policy.principals.get(id)?.name ?? id);
  return [
    ...joins.map((team) => joinTeam(store, { team, member: principal.id, source, added_at: clock.now() })),
    ...leaves.map((team) => leaveTeam(store, { team, member: principal.id, source })),
    signInEvent(deps, {
      principal,
      operation: 'team.sync',
      resource: `principals/${principal.id}`,
      details: {
        provider: row.name,
        joined: named(joins),
        left: named(leaves),
        ...(refused.length === 0 ? {} : { refused: named(refused) }),
      },
      request,
    }),
  ];
}

interface Changes {
  readonly joins: readonly string[];
  readonly leaves: readonly string[];
}

/** What of it may be: a provider takes the organization from its last owner as little as anybody else does. */
function heeded(
  policy: Policy,
  member: string,
  wanted: Changes,
): Changes & { readonly refused: readonly string[] } {
  const refused: string[] = [];
  let now = policy;
  const mayBe = (team: string, change: Without): boolean => {
    const after = stillOwned(now, change);
    if (after === null) refused.push(team);
    now = after ?? now;
    return after !== null;
  };
  const leaves = wanted.leaves.filter((team) => mayBe(team, { member: { team, member } }));
  const joins = wanted.joins.filter((team) => mayBe(team, { joins: { team, member } }));
  return { joins, leaves, refused };
}
