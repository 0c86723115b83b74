// Whoever makes a token or a credential of a principal can act as that principal from then on: what this asks of them,
// so that nobody gets by it what they do not have.
import type { Permission } from '../../protocol/permissions.ts';
import { demand } from '../http/decide.ts';
import type { DecideDeps } from '../http/decide.ts';
import type { Caller } from './caller.ts';
import type { ChangeContext } from './change.ts';
import { exceeds } from './cover.ts';
import { refuseLacking } from './demand-cover.ts';
import type { PrincipalRecord } from './policy.ts';
import { organizationOf } from './resources.ts';

/** Throws `forbidden` where the principal may do what the caller may not. */
export async function refuseStronger(
  deps: DecideDeps,
  context: ChangeContext,
  principal: PrincipalRecord,
): Promise<void> {
  const { authority } = deps;
  const lacked = exceeds(authority.policy(), context.caller, principal.id, authority.now());
  if (lacked === null) return;
  const why = `You cannot act as ${principal.name}, who may do what you may not.`;
  await refuseLacking(deps, context, { lacked, why });
}

/** Whoever acts for somebody is not that somebody: what is made outlives the token by which they act. */
export function isByThemselves({ principal, actors }: Caller, made: Pick<PrincipalRecord, 'id'>): boolean {
  return principal.id === made.id && actors.length === 0;
}

/**
 * The ceiling of what is made, which is never higher than that of the token that it is made with; null where neither
 * has one. Throws `forbidden` for what that token cannot do.
 */
export async function narrowed(
  deps: DecideDeps,
  { caller, request }: ChangeContext,
  wanted: readonly Permission[] | null,
): Promise<readonly Permission[] | null> {
  const inherited = caller.credential?.permissions ?? null;
  if (inherited === null) return wanted;
  if (wanted === null) return [...inherited];
  const resource = organizationOf(deps.authority.policy());
  for (const permission of wanted.filter((each) => !inherited.has(each))) {
    const why = 'What is made cannot do more than the token that makes it.';
    await demand(deps, request, { permission, resource, why });
  }
  return wanted;
}
