// Answers whether a principal may do something, and why: the same decision that a request would meet.
import type { z } from 'zod';
import type { checkSchema, DecisionTrace } from '../../protocol/api/authority.ts';
import { Failure } from '../../protocol/failures.ts';
import { selfReference } from '../../protocol/ids.ts';
import { demand } from '../http/decide.ts';
import type { DecideDeps } from '../http/decide.ts';
import { onBehalfOf } from './caller.ts';
import type { Caller } from './caller.ts';
import { findPrincipal } from './find.ts';
import type { ChangeContext } from './change.ts';
import { parseResource } from './parse-level.ts';
import { organizationOf } from './resources.ts';
import { traceOf } from './trace.ts';

/**
 * Throws `not_found` for a resource that is not there or that the subject may not see, so that asking tells nobody
 * what exists, and `forbidden` for a question about somebody else without `iam.decision.explain`.
 */
export async function check(
  deps: DecideDeps,
  context: Pick<ChangeContext, 'caller' | 'request'> & { readonly body: z.output<typeof checkSchema> },
): Promise<DecisionTrace> {
  const { permission, principal, resource: text } = context.body;
  const subject = principal === undefined ? context.caller : await standIn(deps, context, principal);
  const resource = await parseResource(deps.authority, text);
  if (resource === null) throw notThere(text);
  const decision = deps.authority.decide(subject, permission, resource);
  if (!decision.visible && subject === context.caller) throw notThere(text);
  return traceOf(decision);
}

/** Asking about somebody else needs the right to have decisions explained. */
async function standIn(
  deps: DecideDeps,
  { caller, request }: Pick<ChangeContext, 'caller' | 'request'>,
  reference: string,
): Promise<Caller> {
  const { id, name } = caller.principal;
  if ([id, name, selfReference].includes(reference)) return caller;
  const policy = deps.authority.policy();
  await demand(deps, request, {
    permission: 'iam.decision.explain',
    resource: organizationOf(policy),
    why: 'Asking about somebody else needs more.',
  });
  return onBehalfOf(findPrincipal(policy, reference));
}

function notThere(text: string): Failure {
  return new Failure(
    'not_found',
    `The resource ${text} is none of organization, projects/<p>, projects/<p>/<thing> that you may see.`,
  );
}
