// One press for a schedule, on behalf of the principal that made it and by the rights that it has now.
import { Failure } from '../../protocol/failures.ts';
import type { RunStart } from '../../protocol/api/runs.ts';
import { readAction } from '../actions/read.ts';
import type { ActionRow } from '../actions/store.ts';
import type { Decision } from '../authority/authorize.ts';
import { onBehalfOf } from '../authority/caller.ts';
import type { Caller } from '../authority/caller.ts';
import { demandEntitlement } from '../authority/entitlements.ts';
import type { KnownInputs } from '../authority/conditions.ts';
import { refuseUnauthorized } from '../runs/claim.ts';
import type { Actor } from '../runs/contract.ts';
import type { RunParts } from '../runs/parts.ts';
import { clearInputs } from '../runs/known-inputs.ts';
import { decideInputs, requestRun } from '../runs/request.ts';
import { actionResource } from '../runs/run-resource.ts';
import { GuardFailed } from '../store/store.ts';
import type { Firing } from './contract.ts';
import { openInputs, sealedNames } from './inputs.ts';
import { lastErrorText } from './pass-over.ts';
import type { DueRow } from './store.ts';

/**
 * Stores the run and the next fire time in one unit. Where the principal has lost the right to start the action, the
 * run ends `refused (authority_lost)`, so that it is seen where runs are looked for. Throws what a press throws, and
 * GuardFailed where somebody else has this fire time or something has moved.
 */
export async function pressForSchedule(
  deps: Firing,
  row: DueRow,
  times: { readonly at: number; readonly next: number | null },
): Promise<void> {
  const { parts } = deps.runs;
  const caller = callerOf(deps, row);
  const action = await readAction(deps.store, row.project, row.action);
  await demandEntitlement(deps, 'actions');
  await demandEntitlement(deps, 'runs_per_day');
  const inputs = await openInputs(parts, row);
  const body = { inputs, priority: 0, reason: reasonOf(row, times.at) };
  const decision = await decide(deps, row, { caller, action, body });
  const { allowed } = decision;
  // Without the right nothing may be offered in the same unit; a queued run is refused by whoever comes to it first.
  const held: RunParts = { ...parts, isHeld: () => true };
  const run = await requestRun(allowed ? parts : held, {
    actor: actorOf(deps, row, { caller, decision }),
    action,
    body,
    ...(decision.settled || !allowed
      ? {}
      : { judge: (known) => judged(deps, row, { caller, action, known }) }),
    schedule: row.id,
    sealed: sealedNames(row),
    remember: (id) => [
      deps.sql.fired({
        id: row.id,
        revision: row.revision,
        due: row.next_fire_at,
        next: times.next,
        run: id,
        error: allowed ? null : lastErrorText({ at: row.now, ...lostAuthority(row) }),
      }),
    ],
  });
  if (!allowed) await refuse(parts, run.id);
}

function callerOf(deps: Firing, row: DueRow): Caller {
  const principal = deps.authority.policy().principals.get(row.created_by);
  if (principal !== undefined) return onBehalfOf(principal);
  const { code, message } = lostAuthority(row);
  throw new Failure(code, message);
}

/** Where bindings have conditions, with the inputs that a press would have at this moment. */
async function decide(
  deps: Firing,
  row: DueRow,
  asked: { readonly caller: Caller; readonly action: ActionRow; readonly body: RunStart },
): Promise<Decision> {
  const { caller, action, body } = asked;
  const { organization } = row;
  const resource = actionResource({ ...action, organization, action: action.id });
  const first = deps.authority.decide(caller, 'wayside.run.start', resource, 'later');
  if (first.settled) return first;
  const { inputs } = await decideInputs(deps.runs.parts, {
    action,
    body,
    actor: { entry: { organization } },
  });
  const decision = deps.authority.decide(caller, 'wayside.run.start', resource, clearInputs(inputs));
  // A stored variable may change before the run is stored, so that the press asks once more with what it really has.
  return decision.allowed ? { ...decision, settled: false } : decision;
}

/** Throws `authority_lost` where the inputs have changed since `decide`. */
function judged(
  deps: Firing,
  row: DueRow,
  asked: { readonly caller: Caller; readonly action: ActionRow; readonly known: KnownInputs },
): Actor {
  const { caller, action, known } = asked;
  const resource = actionResource({ ...action, organization: row.organization, action: action.id });
  const decision = deps.authority.decide(caller, 'wayside.run.start', resource, known);
  if (decision.allowed) return actorOf(deps, row, { caller, decision });
  const { code, message } = lostAuthority(row);
  throw new Failure(code, message);
}

function actorOf(
  deps: Firing,
  row: DueRow,
  { caller, decision }: { readonly caller: Caller; readonly decision: Decision },
): Actor {
  const { id, name, kind } = caller.principal;
  return {
    caller,
    entry: {
      organization: row.organization,
      principal: { id, name, kind },
      permission: decision.permission,
      decision: decision.allowed ? decision.id : null,
      request: { schedule: row.id },
    },
    guard: deps.authority.guard(decision),
  };
}

async function refuse(parts: RunParts, id: string): Promise<void> {
  const [run] = await parts.store.read(parts.reads.facts({ run: id }));
  if (run === undefined || run.state !== 'queued') return;
  try {
    await refuseUnauthorized(parts, run);
  } catch (error) {
    // The claim has come to it first, or the right is back.
    if (!(error instanceof GuardFailed)) throw error;
  }
}

function lostAuthority(row: DueRow): { readonly code: 'authority_lost'; readonly message: string } {
  const who = row.acts_for ?? row.created_by;
  const message = `${who}, for whom this schedule acts, may not start ${row.action_name} any more. Make it anew as somebody who may.`;
  return { code: 'authority_lost', message };
}

function reasonOf(row: DueRow, at: number): string {
  return `Schedule ${row.name}, due ${new Date(at).toISOString()}`;
}
