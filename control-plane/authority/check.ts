// Answers whether a principal may do something, and why: the same decision that a request would meet.
import type { z } from 'zod';
import type { checkSchema, DecisionTrace } from '../../protocol/api/authority.ts';
import { Failure } from '../../protocol/failures.ts';
import { selfReference } from '../../protocol/ids.ts';
import { demand } from '../http/decide.ts';
import type { DecideDeps } from '../http/decide.ts';
import type { ResourcePath } from './authorize.ts';
import { onBehalfOf } from './caller.ts';
import type { Caller } from './caller.ts';
import { findPrincipal } from './bind.ts';
import type { ChangeContext } from './change.ts';
import type { Policy } from './policy.ts';
import { organizationOf, projectPath } from './resources.ts';

/**
 * Throws `not_found` for a resource that is not there or that the subject may not see, so that asking tells nobody
 * what exists, and `forbidden` for a question about somebody else without `iam.decision.explain`.
 */
export async function check(
  deps: DecideDeps,
  context: Pick<ChangeContext, 'caller' | 'request'> & { readonly body: z.output<typeof checkSchema> },
): Promise<DecisionTrace> {
  const { permission, principal, resource: text } = context.body;
  const policy = deps.authority.policy();
  const subject = principal === undefined ? context.caller : await standIn(deps, context, principal);
  const resource = parseResource(policy, text);
  if (resource === null) throw notThere(text);
  const { visible, ...trace } = deps.authority.decide(subject, permission, resource);
  if (!visible && subject === context.caller) throw notThere(text);
  return trace;
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

/** `organization`, `projects/<p>` or `projects/<p>/<thing>`; null for anything else. */
function parseResource(policy: Policy, text: string): ResourcePath | null {
  if (text === 'organization') return organizationOf(policy);
  const match = /^projects\/([^/]+)(?:\/(.+))?$/.exec(text);
  const project = match?.[1] === undefined ? null : projectPath(policy, match[1]);
  return project === null ? null : { ...project, thing: match?.[2] ?? null };
}

function notThere(text: string): Failure {
  return new Failure(
    'not_found',
    `The resource ${text} is none of organization, projects/<p>, projects/<p>/<thing> that you may see.`,
  );
}
