// Makes a one-time link for somebody. Whoever has it can act as them, so nobody makes one for a person who may do more.
import { Failure } from '../../protocol/failures.ts';
import { isByThemselves, refuseStronger } from '../authority/act-as.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { RouteDeps } from '../http/route.ts';
import type { SignInDeps } from './deps.ts';
import { newLink } from './links.ts';
import type { NewLink } from './links.ts';

type Deps = SignInDeps & RouteDeps;

/** Throws `conflict` for who cannot sign in, and `forbidden` where they may do what the caller may not. */
export async function inviteOrReset(
  deps: Deps,
  context: ChangeContext,
  asked: {
    readonly principal: PrincipalRecord;
    readonly purpose: 'invite' | 'reset';
    readonly removesFactors: boolean;
    readonly lifeMs: number;
  },
): Promise<NewLink> {
  const { principal, purpose, removesFactors, lifeMs } = asked;
  if (principal.disabled) throw new Failure('conflict', `${principal.name} is disabled.`);
  if (principal.kind !== 'user')
    throw new Failure('conflict', `${principal.name} is no user and never signs in.`);
  if (!isByThemselves(context.caller, principal)) await refuseStronger(deps, context, principal);
  const createdBy = context.caller.principal.id;
  const link = newLink(deps, { principal: principal.id, purpose, removesFactors, createdBy, lifeMs });
  await commitChange(deps, context, {
    operation: 'sign_in_link.create',
    resource: `principals/${principal.id}`,
    details: {
      after: { link: link.id, purpose, removes_factors: removesFactors, expires_at: link.expiresAt },
    },
    steps: link.steps,
  });
  return link;
}
