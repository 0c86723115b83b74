// The offer of a run to one agent: the signed intent, and the inputs sealed to that agent's key. Made once for each
// attempt, while its commit is under way; sent only after it.
import type { ServerFrame } from '../../protocol/frames.ts';
import { inputsDigest, signIntentWith } from '../../protocol/intent.ts';
import type { IntentInput } from '../../protocol/intent.ts';
import { intentMsMax, leaseMs } from '../../protocol/limits.ts';
import { clearInputs, isSecret, sealInputs } from '../../protocol/seal.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step, StepResult } from '../store/store.ts';
import { numbersOf } from './commit.ts';
import type { RunFacts, Seat } from './contract.ts';
import { committedEvent, dataText, stateEvent } from './events.ts';
import { giveBack } from './give-back.ts';
import type { RunParts } from './parts.ts';
import { mintRunToken } from './run-token.ts';
import type { RunToken } from './run-token.ts';
import { definitionFor } from './seats.ts';

export type OfferFrame = Extract<ServerFrame, { type: 'offer' }>;

/** A run that is about to be offered: the facts that it will have then. */
export interface Offering {
  readonly seat: Seat;
  readonly run: RunFacts;
  /** Null where its action asks for none. */
  readonly token: RunToken | null;
}

/** The run as it is offered to that agent, with a new token where its definition asks for one. */
export function offeringOf(parts: Pick<RunParts, 'random'>, seat: Seat, queued: RunFacts): Offering {
  const run = offeredFacts(queued, seat);
  const wanted = definitionFor(seat, run)?.token === true;
  return { seat, run, token: wanted ? mintRunToken(parts.random) : null };
}

/** The facts of a queued run once it is offered to that agent. */
export function offeredFacts(run: RunFacts, seat: Seat): RunFacts {
  return {
    ...run,
    state: 'offered',
    attempt: run.attempt + 1,
    agent: seat.agent.id,
    agent_incarnation: null,
    last_wire_seq: 0,
  };
}

/** Signs and seals. Throws where the agent's key cannot be used. */
export async function makeOffer(
  parts: Pick<RunParts, 'clock' | 'intentKey' | 'store'>,
  { seat, run, token }: Offering,
  inputs: Readonly<Record<string, IntentInput>>,
): Promise<OfferFrame> {
  const issuedAt = parts.clock.now();
  const notAfter = issuedAt + intentMsMax;
  const digest = run.definition_digest ?? '';
  const { id, attempt } = run;
  const context = { 'action.name': run.action_name, 'run.requested_by': run.requester_name };
  const content = { inputs, context, ...(token === null ? {} : { token: token.text }) };
  const [intent, sealed] = await Promise.all([
    inputsDigest(inputs).then((inputs_digest) =>
      signIntentWith(
        {
          run: id,
          attempt,
          agent: seat.agent.id,
          organization: run.organization,
          project: run.project,
          group: seat.groups.get(run.group_id) ?? '',
          operation: run.operation,
          action: { id: run.action, name: run.action_name },
          definition_digest: digest,
          inputs_digest,
          requested_by: { id: run.requested_by, name: run.requester_name },
          approvals: [],
          store_incarnation: parts.store.incarnation,
          issued_at: issuedAt,
          not_after: notAfter,
        },
        parts.intentKey(),
      ),
    ),
    isSecret(content)
      ? sealInputs(content, seat.recipient, { run: id, attempt, agent: seat.agent.id, digest, notAfter })
      : clearInputs(content),
  ]);
  return { type: 'offer', run: id, attempt, intent, inputs: { ...sealed } };
}

/** What the statements of an offer say of the agent. */
export function offerValues(parts: Pick<RunParts, 'store'>, { seat, run }: Offering) {
  return {
    run: run.id,
    attempt: run.attempt - 1,
    agent: seat.agent.id,
    session: seat.connection.session,
    leaseMs,
    incarnation: parts.store.incarnation,
    group: run.group_id,
    operation: run.operation,
    limit: definitionFor(seat, run)?.concurrency ?? -1,
  };
}

/** The event of the offer; appends nothing where the offer was not made. */
export function appendOffered(parts: Pick<RunParts, 'sql' | 'bus'>, { seat, run }: Offering): Step {
  const { id, attempt } = run;
  const data = dataText(offeredEvent(seat));
  return parts.sql.appendOffered({ run: id, attempt, agent: seat.agent.id, data }, parts.bus.isWatched(id));
}

/** The token of the attempt, stored where the offer was made. */
export function tokenSteps(parts: Pick<RunParts, 'sql'>, { seat, run, token }: Offering): readonly Step[] {
  if (token === null) return [];
  const { id, attempt } = run;
  return [parts.sql.insertToken({ run: id, attempt, agent: seat.agent.id, hash: token.hash })];
}

/** Tells the watchers, from the result of `appendOffered`. False where the offer was not made. */
export function publishOffered(
  parts: Pick<RunParts, 'bus' | 'witness'>,
  { seat, run }: Offering,
  appended: StepResult | undefined,
): boolean {
  if (appended === undefined || appended.changes === 0) return false;
  const { attempt } = run;
  parts.witness?.offered(run, seat);
  parts.bus.publish(
    run.id,
    appended.rows.map((row) => committedEvent(offeredEvent(seat), { attempt, ...numbersOf(row) })),
  );
  return true;
}

function offeredEvent(seat: Seat) {
  return stateEvent({ state: 'offered', agent: seat.agent });
}

/** Sends what was committed. An offer that cannot be made or sent goes back into the queue, without that agent. */
export async function deliverOffer(
  parts: RunParts,
  { seat, run }: Offering,
  frame: Promise<OfferFrame>,
): Promise<void> {
  await parts.faultPoint?.('after-offer-commit');
  const message = await frame.then(
    (made) => (seat.connection.send(made) ? null : 'The connection to the agent was closing.'),
    (cause: unknown) => {
      parts.report({ kind: 'offer_failed', run: run.id, agent: seat.agent.id, message: 'no offer', cause });
      return 'The inputs could not be sealed to the agent.';
    },
  );
  if (message === null) return parts.faultPoint?.('after-offer-sent');
  await giveBack(parts, run, { trigger: 'refuse_transient', code: 'cannot_open', message }).catch(
    (cause: unknown) => {
      if (cause instanceof GuardFailed) return;
      const what = 'an offer could not be given back';
      parts.report({ kind: 'offer_failed', run: run.id, agent: seat.agent.id, message: what, cause });
    },
  );
}
