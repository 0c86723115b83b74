// A press: decides the inputs, freezes the definition, and stores the run as queued, with its audit event, in one
// unit. Where a free agent is connected and nobody is ahead, the offer is in the same commit (direct dispatch).
import type { Run, RunStart } from '../../protocol/api/runs.ts';
import { Failure } from '../../protocol/failures.ts';
import type { KnownInputs } from '../authority/conditions.ts';
import type { ActionsTable } from '../store/schema.ts';
import type { Step, StepResult } from '../store/store.ts';
import { storedInputs } from '../variables/stored-inputs.ts';
import { choosePlace, countRoom, placeOf } from './assign.ts';
import { choosableDefinitions } from './choose-definition.ts';
import type { DefinitionChoice } from './choose-definition.ts';
import { outcomeUnknown } from './commit.ts';
import { clearInputs } from './known-inputs.ts';
import type { Actor, RunFacts, Seat } from './contract.ts';
import { dataText, stateEvent } from './events.ts';
import { listOf } from './lists.ts';
import {
  appendOffered,
  deliverOffer,
  makeOffer,
  offeringOf,
  offerValues,
  publishOffered,
  tokenSteps,
} from './offer.ts';
import type { Offering } from './offer.ts';
import type { RunParts } from './parts.ts';
import { readRun, runOfRow } from './read.ts';
import { resolveInputs } from './resolve-inputs.ts';
import type { Resolved } from './resolve-inputs.ts';
import { reserve, unreserve } from './seats.ts';
import type { NewRunValues } from './store-birth.ts';
import type { RunRow } from './store-read.ts';
import { prepareInputs, runCell } from './stored-inputs.ts';
import type { PreparedInputs } from './stored-inputs.ts';

export type PressedAction = Pick<
  ActionsTable,
  'id' | 'project' | 'name' | 'group_id' | 'operation' | 'expires_in_ms' | 'priority'
>;

export interface Press {
  readonly actor: Actor;
  readonly action: PressedAction;
  readonly body: RunStart;
  /** The schedule that fired, where no person pressed. */
  readonly schedule?: string;
  /**
   * Inputs that were sealed when they were given, long before this press. What the action no longer declares as
   * sensitive is refused then, never shown (rules.md 19).
   */
  readonly sealed?: ReadonlySet<string>;
  /**
   * Decides once more, with the inputs that the run will have, where bindings have conditions on them. Throws what a
   * denial throws; answers who asks, by the decision that holds.
   */
  readonly judge?: (inputs: KnownInputs) => Promise<Actor> | Actor;
  /** What else is stored in the same unit, for instance an idempotency key for the run's id. */
  readonly remember?: (run: string) => readonly Step[];
}

/**
 * Resolves with the run when it is durable. Throws `action_never_advertised`, `digest_gone`,
 * `definition_not_accepted`, `invalid_inputs`, `sensitive_needs_sensitive_input`, `secret_too_short`, and
 * GuardFailed where the decision or the action moved meanwhile: then the caller decides again.
 */
export async function requestRun(parts: RunParts, asked: Press): Promise<Run> {
  const resolved = await decideInputs(parts, asked);
  refuseUnsealed(resolved, asked.sealed);
  const actor = await asked.judge?.(clearInputs(resolved.inputs));
  const press = actor === undefined ? asked : { ...asked, actor };
  const run = newRun(parts, press, resolved.definition);
  const prepared = await prepareInputs(parts, resolved.inputs, runCell(run));
  const seat = parts.isHeld() ? null : freeSeat(parts, run);
  await parts.faultPoint?.('before-request-commit');
  const stored = { run, resolved, prepared };
  const results =
    seat === null
      ? await storeQueued(parts, press, stored)
      : await storeAndOffer(parts, press, { ...stored, seat });
  await parts.faultPoint?.('after-request-commit');
  const row = results.at(-1)?.rows[0];
  return row === undefined ? readRun(parts, run.id) : runOfRow(row as unknown as RunRow);
}

/** What a request would run with now; the same checks for a schedule that only plans to. */
export async function decideInputs(
  parts: Pick<RunParts, 'store' | 'secrets' | 'neighbours' | 'seats'>,
  press: Pick<Press, 'action' | 'body'> & {
    readonly actor: { readonly entry: Pick<Actor['entry'], 'organization'> };
  },
): Promise<Resolved> {
  const { action, body } = press;
  const { organization } = press.actor.entry;
  const [facts, stored] = await Promise.all([
    parts.neighbours.operation({ group: action.group_id, operation: action.operation }),
    storedInputs(parts, { organization, project: action.project, id: action.id }),
  ]);
  if (facts === null) {
    throw new Failure(
      'not_found',
      `The group that the action ${action.name} points to is not there any more.`,
    );
  }
  const choice = { operation: action.operation, digest: body.digest };
  const definitions = choosableDefinitions(facts, choice, (agent) => parts.seats.ofAgent(agent) !== null);
  return resolveInputs(definitions, { given: body.inputs, stored, sensitive: facts.sensitive });
}

function refuseUnsealed({ inputs }: Resolved, sealed: ReadonlySet<string> = new Set()): void {
  const shown = inputs.find(({ name, sensitive }) => sealed.has(name) && !sensitive);
  if (shown === undefined) return;
  throw new Failure(
    'sensitive_needs_sensitive_input',
    `The input ${shown.name} was given as a sensitive one, and the action does not declare it as sensitive any more.`,
  );
}

function newRun(parts: RunParts, press: Press, definition: DefinitionChoice): RunFacts {
  const { actor, action, body } = press;
  const { principal, credential } = actor.caller;
  return {
    id: parts.random.id(),
    organization: principal.organization,
    project: action.project,
    action: action.id,
    action_name: action.name,
    group_id: action.group_id,
    operation: action.operation,
    sequence: 0,
    state: 'queued',
    priority: body.priority === 0 ? action.priority : body.priority,
    turn: 0,
    attempt: 0,
    lapsed: 0,
    agent: null,
    agent_incarnation: null,
    excluded_agents: '{}',
    requested_by: principal.id,
    requester_name: principal.name,
    // Only personal tokens outlive the press; the claim asks again by them.
    token: credential?.kind === 'personal_token' ? credential.id : null,
    definition_digest: definition.digest,
    idempotent: definition.idempotent ? 1 : 0,
    timeout_ms: definition.timeoutMs,
    settled: 0,
    failure_code: null,
    released_by: null,
    store_incarnation: parts.store.incarnation,
    cancel_requested_at: null,
    last_wire_seq: 0,
    last_event: 1,
    expires_at: 0,
    traceparent: parts.witness?.traceparent() ?? null,
  };
}

/** The connected agent that can take it at once, chosen as the claim would choose. */
function freeSeat(parts: RunParts, run: RunFacts): Seat | null {
  const places = parts.seats.serving(run.group_id).map(placeOf);
  countRoom(places, run.group_id, []);
  return choosePlace(places, run)?.seat ?? null;
}

interface Stored {
  readonly run: RunFacts;
  readonly resolved: Resolved;
  readonly prepared: PreparedInputs;
}

async function storeQueued(parts: RunParts, press: Press, stored: Stored): Promise<readonly StepResult[]> {
  const results = await storeRun(parts, stored.run, unitOf(parts, press, { ...stored, offering: null }));
  parts.queued(stored.run.group_id);
  return results;
}

async function storeAndOffer(
  parts: RunParts,
  press: Press,
  stored: Stored & { readonly seat: Seat },
): Promise<readonly StepResult[]> {
  const { run, seat, prepared } = stored;
  const offering = offeringOf(parts, seat, run);
  reserve(seat, offering.run);
  const writing = storeRun(parts, run, unitOf(parts, press, { ...stored, offering }));
  // Signed and sealed while the commit is under way.
  const frame = Promise.resolve().then(() => makeOffer(parts, offering, prepared.intent));
  frame.catch(() => undefined);
  let results: readonly StepResult[];
  let made = false;
  try {
    results = await writing;
    made = publishOffered(parts, offering, results[stepsBeforeOffered]);
  } finally {
    if (!made) unreserve(seat, run);
  }
  if (made) parts.background(deliverOffer(parts, offering, frame));
  else parts.queued(run.group_id);
  return results;
}

/**
 * Where nobody knows whether the commit happened, the row says it (rules.md 4). An offer in it is then not sent: its
 * lease lapses.
 */
async function storeRun(
  parts: RunParts,
  run: RunFacts,
  unit: readonly Step[],
): Promise<readonly StepResult[]> {
  const committed = parts.witness?.requesting(run);
  try {
    const results = await parts.store.write(unit);
    committed?.();
    return results;
  } catch (error) {
    if (!outcomeUnknown(error)) throw error;
    const [row] = await parts.store.read(parts.reads.facts({ run: run.id }));
    if (row === undefined) throw error;
    return [];
  }
}

/** How many steps of the unit come before the event of the offer. */
const stepsBeforeOffered = 5;

function unitOf(
  parts: RunParts,
  press: Press,
  { run, resolved, prepared, offering }: Stored & { readonly offering: Offering | null },
): readonly Step[] {
  const { sql } = parts;
  const { id, action, project, group_id: group, operation } = run;
  return [
    press.actor.guard,
    sql.takeSequence({ action, project, group, operation }),
    sql.insertQueued(rowOf(press, run, prepared)),
    sql.appendFirst({ run: id, data: dataText(stateEvent({ state: 'queued' })) }),
    ...(offering === null ? [] : offerSteps(parts, offering)),
    parts.audit.step({
      ...press.actor.entry,
      operation: 'run.start',
      resource: `projects/${project}/runs/${id}`,
      result: 'allowed',
      details: {
        action: run.action_name,
        digest: run.definition_digest,
        inputs: resolved.inputs.map(({ name }) => name),
        schedule: press.schedule ?? null,
      },
    }),
    ...(press.remember?.(id) ?? []),
    // The answer is what the commit made of it, so that nothing has to be read afterwards.
    { query: parts.reads.run({ run: id }) },
  ];
}

function offerSteps(parts: RunParts, offering: Offering): readonly Step[] {
  const { id, group_id: group, priority } = offering.run;
  const takeable = offering.seat.definitions.get(group)?.values() ?? [];
  const digests = listOf([...takeable].map(({ digest }) => digest));
  return [
    parts.sql.offerDirect({ ...offerValues(parts, offering), priority, digests }),
    appendOffered(parts, offering),
    parts.sql.claimTurn({ run: id, group }),
    ...tokenSteps(parts, offering),
  ];
}

function rowOf(press: Press, run: RunFacts, prepared: PreparedInputs): NewRunValues {
  const { body } = press;
  return {
    id: run.id,
    organization: run.organization,
    project: run.project,
    action: run.action,
    action_name: run.action_name,
    group_id: run.group_id,
    operation: run.operation,
    priority: run.priority,
    requested_by: run.requested_by,
    requester_name: run.requester_name,
    token: run.token,
    schedule: press.schedule ?? null,
    reason: body.reason ?? null,
    definition_digest: run.definition_digest ?? '',
    pinned_digest: body.digest === undefined ? 0 : 1,
    idempotent: run.idempotent,
    timeout_ms: run.timeout_ms ?? 0,
    visible_inputs: prepared.visible_inputs,
    envelope: prepared.envelope,
    store_incarnation: run.store_incarnation,
    traceparent: run.traceparent,
    expiresInMs: body.expires_in_ms ?? press.action.expires_in_ms,
  };
}
