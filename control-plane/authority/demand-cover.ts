// Refuses to hand on what the caller lacks, with a denial in the record that says what was lacking.
import { Failure } from '../../protocol/failures.ts';
import { demand } from '../http/decide.ts';
import type { DecideDeps } from '../http/decide.ts';
import type { ChangeContext } from './change.ts';
import { givenBy, lackedOf } from './cover.ts';
import type { Given, Lacked } from './cover.ts';
import type { BindingRecord } from './policy.ts';

type Asking = Pick<ChangeContext, 'caller' | 'request'>;

/** Throws `forbidden` where the caller does not hold all that is given, at least as freely. */
export async function demandCover(
  deps: DecideDeps,
  context: Asking,
  asked: { readonly given: Given; readonly why: string },
): Promise<void> {
  const lacked = lackedOf(deps.authority.policy(), context.caller, asked.given, deps.authority.now());
  if (lacked !== null) await refuseLacking(deps, context, { lacked, why: asked.why });
}

/** The same for bindings that somebody would come by, for instance with a team. */
export async function demandCoverOf(
  deps: DecideDeps,
  context: Asking,
  asked: { readonly bindings: readonly BindingRecord[]; readonly why: string },
): Promise<void> {
  const policy = deps.authority.policy();
  for (const binding of asked.bindings) {
    await demandCover(deps, context, { given: givenBy(policy, binding), why: asked.why });
  }
}

/** For denials among bindings that somebody gets rid of: without them, what they denied is theirs again. */
export async function demandLifting(
  deps: DecideDeps,
  context: Asking,
  bindings: readonly BindingRecord[],
): Promise<void> {
  await demandCoverOf(deps, context, {
    bindings: bindings.filter(({ effect }) => effect === 'deny').map((each) => ({ ...each, conditions: [] })),
    why: 'You cannot lift a denial of what you do not hold yourself.',
  });
}

/** Always throws: the denial of what is lacked, or `forbidden` for what is held only for a time or under conditions. */
export async function refuseLacking(
  deps: DecideDeps,
  { caller, request }: Asking,
  { lacked, why }: { readonly lacked: Lacked; readonly why: string },
): Promise<never> {
  const decision = await demand(deps, request, { ...lacked, inputs: 'later', why });
  const denial = { ...decision, allowed: false, reason: 'condition' as const };
  await deps.denied(denial, caller, request);
  throw new Failure(
    'forbidden',
    `${why} You hold ${decision.permission} on ${decision.resource.join('/')} only for a time, under conditions, or ` +
      'not in all that lies below.',
    { details: { decision: denial.id, permission: denial.permission, reason: denial.reason } },
  );
}
