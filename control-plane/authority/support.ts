// Support access (F10): somebody asks for a role somewhere, with a reason; somebody who holds it there approves, and a
// binding is made that ends by itself, because a decision looks at the clock. It can be revoked before.
import { randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';
import type { supportCreateSchema } from '../../protocol/api/policy.ts';
import { Failure } from '../../protocol/failures.ts';
import { supportRequestsOpenMax } from '../../protocol/limits-authority.ts';
import { demand } from '../http/decide.ts';
import type { DecideDeps } from '../http/decide.ts';
import type { SupportRequestsTable } from '../store/tables-authority.ts';
import { deleteBinding, insertBinding } from './binding-store.ts';
import { commitChange } from './change.ts';
import type { ChangeContext, ChangeDeps } from './change.ts';
import { givenBy } from './cover.ts';
import { demandCover } from './demand-cover.ts';
import { mustFindRole } from './find.ts';
import { resourceAt } from './level.ts';
import { parseLevel } from './parse-level.ts';
import type { BindingRecord, Policy } from './policy.ts';
import { bumpPolicy } from './store.ts';
import { decideSupport, insertSupport, selectSupport, selectSupportRequest } from './support-store.ts';
import type { SupportRow } from './support-store.ts';

type Deps = ChangeDeps & DecideDeps;

/**
 * Everybody may ask for themselves; whether there is what they ask for is looked up by who approves, so that asking
 * tells nothing. Throws `limit_exceeded` where so many of theirs are still open.
 */
export async function requestSupport(
  deps: Deps,
  context: ChangeContext,
  body: z.output<typeof supportCreateSchema>,
): Promise<SupportRow> {
  const { id: principal, organization } = context.caller.principal;
  const open = await deps.store.read(
    selectSupport(deps.store, {
      organization,
      principal,
      state: 'requested',
      inForceAt: null,
      after: null,
      limit: supportRequestsOpenMax,
    }),
  );
  if (open.length >= supportRequestsOpenMax) {
    throw new Failure('limit_exceeded', `You have ${open.length} requests that nobody has answered yet.`);
  }
  const id = randomUUIDv7();
  const { role, level, reason, ticket = null, duration_ms } = body;
  await commitChange(deps, context, {
    operation: 'support.request',
    resource: `support/${id}`,
    details: { after: { role, level, reason, ticket, duration_ms } },
    steps: [
      insertSupport(deps.store, { id, organization, principal, role, level, reason, ticket, duration_ms }),
    ],
  });
  return readSupport(deps, id);
}

/**
 * Throws `conflict` for one that is not open or is the caller's own, `not_found` and `invalid_request` where there is no
 * such level or role, and `forbidden` where the caller may not approve there or lacks what would be given.
 */
export async function approveSupport(
  deps: Deps,
  context: ChangeContext,
  approval: { readonly request: SupportRow; readonly durationMs: number | undefined },
): Promise<SupportRow> {
  const { request } = approval;
  mustBe(request, 'requested');
  const { principal, actors } = context.caller;
  if ([principal, ...actors].some(({ id }) => id === request.principal)) {
    throw new Failure('conflict', 'Somebody else has to approve what you ask for.');
  }
  const duration = Math.min(approval.durationMs ?? request.duration_ms, request.duration_ms);
  const binding = await proposed(deps, request, deps.authority.now() + duration);
  const policy = deps.authority.policy();
  await demand(deps, context.request, {
    permission: 'iam.support.approve',
    resource: resourceAt(policy.organization.id, binding.level),
    why: 'Support access is approved by who may do so there.',
  });
  const why = `You cannot approve the role ${request.role} there, because you do not hold all of it.`;
  await demandCover(deps, context, { given: givenBy(policy, binding), why });
  const { id: approver, organization } = context.caller.principal;
  await commitChange(deps, context, {
    operation: 'support.approve',
    resource: `support/${request.id}`,
    details: { before: { state: request.state }, after: toldOf(request, binding) },
    steps: [
      insertBinding(deps.store, { ...binding, organization, createdBy: approver }),
      decideSupport(deps.store, {
        id: request.id,
        revision: request.revision,
        state: 'approved',
        decided_by: approver,
        duration_ms: duration,
        not_after: binding.notAfter,
        binding: binding.id,
      }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return readSupport(deps, request.id);
}

async function proposed(deps: Deps, request: SupportRow, notAfter: number): Promise<BindingRecord> {
  const level = await parseLevel(deps.authority, request.level);
  if (level === null) throw new Failure('not_found', `There is nothing at the level ${request.level}.`);
  return {
    id: randomUUIDv7(),
    principal: request.principal,
    role: mustFindRole(deps.authority.policy(), request.role).id,
    effect: 'allow',
    level,
    conditions: [],
    notBefore: null,
    notAfter,
    support: request.id,
  };
}

/** Says no to an open request, or takes one's own back. Throws `conflict`. */
export async function closeSupport(
  deps: Deps,
  context: ChangeContext,
  request: SupportRow,
): Promise<SupportRow> {
  mustBe(request, 'requested');
  const { id: decider } = context.caller.principal;
  const state = decider === request.principal ? 'withdrawn' : 'refused';
  await commitChange(deps, context, {
    operation: state === 'withdrawn' ? 'support.withdraw' : 'support.refuse',
    resource: `support/${request.id}`,
    details: { before: { state: request.state }, after: { state } },
    steps: [
      decideSupport(deps.store, { id: request.id, revision: request.revision, state, decided_by: decider }),
    ],
  });
  return readSupport(deps, request.id);
}

/** Takes one's own open request back. Throws `conflict` for somebody else's. */
export async function withdrawSupport(
  deps: Deps,
  context: ChangeContext,
  request: SupportRow,
): Promise<SupportRow> {
  if (request.principal !== context.caller.principal.id) {
    throw new Failure(
      'conflict',
      `Only ${request.principal_name} takes it back; whoever may approve it refuses it: \`wayside support refuse\`.`,
    );
  }
  return closeSupport(deps, context, request);
}

/** Ends access that was given; the next request is refused. Throws `conflict`. */
export async function revokeSupport(
  deps: Deps,
  context: ChangeContext,
  request: SupportRow,
): Promise<SupportRow> {
  mustBe(request, 'approved');
  const policy = deps.authority.policy();
  await commitChange(deps, context, {
    operation: 'support.revoke',
    resource: `support/${request.id}`,
    details: { before: { state: request.state, not_after: request.not_after }, after: { state: 'revoked' } },
    steps: [
      ...(isBound(policy, request) ? [deleteBinding(deps.store, request.binding)] : []),
      decideSupport(deps.store, {
        id: request.id,
        revision: request.revision,
        state: 'revoked',
        decided_by: context.caller.principal.id,
      }),
      bumpPolicy(deps.store, policy),
    ],
  });
  await deps.authority.reload();
  return readSupport(deps, request.id);
}

/** Whether the binding that was made for it is still there: somebody may have deleted it, or what it was on. */
function isBound(policy: Policy, request: SupportRow): request is SupportRow & { readonly binding: string } {
  return (policy.bindingsByPrincipal.get(request.principal) ?? []).some(({ id }) => id === request.binding);
}

/** Whether it gives what was approved, at that moment (epoch ms). */
export function isSupportInForce(policy: Policy, request: SupportRow, at: number): boolean {
  const { state, not_after } = request;
  return state === 'approved' && not_after !== null && not_after > at && isBound(policy, request);
}

function mustBe(request: SupportRow, state: SupportRequestsTable['state']): void {
  if (request.state === state) return;
  throw new Failure('conflict', `The request is ${request.state}, not ${state}.`);
}

function toldOf(request: SupportRow, { level, notAfter }: BindingRecord) {
  const { principal_name: principal, role, reason, ticket } = request;
  return {
    state: 'approved',
    principal,
    role,
    level: level === '' ? 'organization' : level,
    reason,
    ticket,
    not_after: notAfter,
  };
}

export async function readSupport(deps: Pick<ChangeDeps, 'store'>, id: string): Promise<SupportRow> {
  const [row] = await deps.store.read(selectSupportRequest(deps.store, id));
  if (row === undefined) throw new Failure('not_found', `There is no request ${id} for support access.`);
  return row;
}
