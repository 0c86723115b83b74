// One claim: as many queued runs as there are free slots, over all groups that were woken, in one unit. What the
// runs need is read before, signing and sealing go on beside the commit, and offers leave after it.
import { dispatchBatchRunsMax } from '../../protocol/limits.ts';
import type { Step, StepResult } from '../store/store.ts';
import { auditBySystem } from './audit-entry.ts';
import { assign, countRoom, placeOf, takeable } from './assign.ts';
import type { Assignment, KeptSlots, Place } from './assign.ts';
import { conclude } from './conclude.ts';
import type { Candidate, RunFacts } from './contract.ts';
import {
  appendOffered,
  deliverOffer,
  makeOffer,
  offeringOf,
  offerValues,
  publishOffered,
  tokenSteps,
} from './offer.ts';
import type { Offering, OfferFrame } from './offer.ts';
import type { RunParts } from './parts.ts';
import { definitionFor, reserve, unreserve } from './seats.ts';
import { openStoredInputs, runCell } from './stored-inputs.ts';

interface Queue {
  readonly group: string;
  readonly runs: readonly Candidate[];
  /** True where there may be more behind these. */
  readonly full: boolean;
}

export interface Claimed {
  readonly offered: number;
  /** Groups that may have more to claim right now. */
  readonly again: readonly string[];
  /** True where other control planes were faster with some of what was to be offered. */
  readonly lostRaces: boolean;
}

/**
 * Claims for these groups; `first` says which of them is served first this time. Runs that several control planes claim
 * at once go to one of them; the others lose them without waiting. `spread` is how many such turns went before: each
 * leaves some of the head of the queue to those who are faster, so that they do not meet there again.
 */
export async function claimRuns(
  parts: RunParts,
  groups: readonly string[],
  { first, spread }: { readonly first: number; readonly spread: number },
): Promise<Claimed> {
  const places = freePlaces(parts, groups);
  const queues = await readQueues(parts, groups, places, spread);
  // Who may start what is asked in the same turn as the guard is made, so that both speak of one policy.
  const guard = parts.authority.guard();
  const lost = queues.flatMap(({ runs }) => runs.filter((run) => !parts.authority.mayStill(run)));
  const refused = new Set(lost);
  const allowed = queues.map(({ runs }) => runs.filter((run) => !refused.has(run)));
  const assignments = assign(allowed, places, first);
  const offered = await offerAll(parts, assignments, guard);
  for (const run of lost) await refuseUnauthorized(parts, run);
  const progress = offered > 0 || lost.length > 0;
  return {
    offered,
    again: progress ? queues.filter(({ full }) => full).map(({ group }) => group) : [],
    lostRaces: offered < assignments.length,
  };
}

function freePlaces(parts: RunParts, groups: readonly string[]): readonly Place[] {
  const seats = new Set(groups.flatMap((group) => parts.seats.serving(group)));
  return [...seats].map(placeOf).filter(({ free }) => free > 0);
}

async function readQueues(
  parts: RunParts,
  groups: readonly string[],
  places: readonly Place[],
  spread: number,
): Promise<readonly Queue[]> {
  if (places.length === 0) return [];
  const limited = groups.filter((group) => hasLimits(places, group));
  const kept = await parts.store.snapshot(
    limited.map((group) =>
      parts.reads.keptSlots({ group, agents: agentsOf(places), operations: operationsOf(places, group) }),
    ),
  );
  limited.forEach((group, index) => {
    countRoom(places, group, kept[index] as unknown as readonly KeptSlots[]);
  });
  const free = places.reduce((sum, place) => sum + place.free, 0);
  const limit = Math.min(free, dispatchBatchRunsMax);
  const asked = groups.flatMap((group) => {
    const query = candidatesOf(parts, { group, places, limit, past: Math.min(spread * limit, pastMax) });
    return query === null ? [] : [{ group, query }];
  });
  if (asked.length === 0) return [];
  const answers = await parts.store.snapshot(asked.map(({ query }) => query));
  return asked.map(({ group }, index) => {
    const runs = (answers[index] ?? []) as unknown as readonly Candidate[];
    return { group, runs, full: runs.length === limit };
  });
}

/** So much of the head of a queue is left to other control planes at the most. */
const pastMax = 200;

function candidatesOf(
  parts: RunParts,
  of: {
    readonly group: string;
    readonly places: readonly Place[];
    readonly limit: number;
    readonly past: number;
  },
) {
  const { group, places, limit, past } = of;
  const pairs = places.flatMap((place) =>
    takeable(place, group).map(({ digest }) => ({ agent: place.seat.agent.id, digest })),
  );
  if (pairs.length === 0) return null;
  return parts.reads.candidates({
    group,
    digests: JSON.stringify([...new Set(pairs.map(({ digest }) => digest))]),
    pairs: JSON.stringify(pairs.map(({ agent, digest }) => `${agent} ${digest}`)),
    incarnation: parts.store.incarnation,
    limit,
    past,
  });
}

function hasLimits(places: readonly Place[], group: string): boolean {
  return places.some(({ seat }) =>
    [...(seat.definitions.get(group)?.values() ?? [])].some(({ concurrency }) => concurrency !== null),
  );
}

function agentsOf(places: readonly Place[]): string {
  return JSON.stringify(places.map(({ seat }) => seat.agent.id));
}

function operationsOf(places: readonly Place[], group: string): string {
  return JSON.stringify([
    ...new Set(places.flatMap(({ seat }) => [...(seat.definitions.get(group)?.keys() ?? [])])),
  ]);
}

/** Offers them in one unit; resolves with how many offers were made. Rejects with GuardFailed `policy`. */
async function offerAll(
  parts: RunParts,
  assignments: readonly Assignment<Candidate>[],
  guard: ReturnType<RunParts['authority']['guard']>,
): Promise<number> {
  if (assignments.length === 0) return 0;
  const offers = assignments.map(({ run, seat }) => {
    const offering = offeringOf(parts, seat, run);
    reserve(seat, offering.run);
    return { offering, frame: sealFor(parts, run, offering) };
  });
  const locks = offers.flatMap(({ offering }) => lockFor(parts, offering));
  const changes = offers.map(({ offering }) => parts.sql.offer(offerValues(parts, offering)));
  const events = offers.map(({ offering }) => appendOffered(parts, offering));
  const turns = offers.map(({ offering: { run } }) =>
    parts.sql.claimTurn({ run: run.id, group: run.group_id }),
  );
  const tokens = offers.flatMap(({ offering }) => tokenSteps(parts, offering));
  let results: readonly StepResult[];
  try {
    results = await parts.store.write([guard, ...locks, ...changes, ...events, ...turns, ...tokens]);
  } catch (error) {
    for (const { offering } of offers) unreserve(offering.seat, offering.run);
    throw error;
  }
  let made = 0;
  offers.forEach(({ offering, frame }, index) => {
    if (publishOffered(parts, offering, results[1 + locks.length + changes.length + index])) {
      made += 1;
      parts.background(deliverOffer(parts, offering, frame));
    } else {
      unreserve(offering.seat, offering.run);
    }
  });
  return made;
}

/** On PostgreSQL a limit is a locked row (rules.md 8); SQLite has one writer. */
function lockFor(parts: RunParts, { seat, run }: Offering): readonly Step[] {
  if (parts.store.engine === 'sqlite' || definitionFor(seat, run)?.concurrency === null) return [];
  return [parts.sql.lockLimit({ agent: seat.agent.id, group: run.group_id, operation: run.operation })];
}

/** Begins at once; a failure is seen only where the offer is delivered. */
function sealFor(parts: RunParts, candidate: Candidate, offering: Offering): Promise<OfferFrame> {
  const frame = openStoredInputs(parts, candidate, runCell(candidate)).then((inputs) =>
    makeOffer(parts, offering, inputs),
  );
  frame.catch(() => undefined);
  return frame;
}

/** Ends a run that nobody was offered and whose requester may not start it any more (rules.md 17). */
export async function refuseUnauthorized(parts: RunParts, run: RunFacts): Promise<void> {
  const code = 'authority_lost';
  await conclude(parts, run, {
    trigger: 'refuse_final',
    code,
    message: `${run.requester_name} no longer has the right to run ${run.action_name}.`,
    guards: [parts.authority.guard()],
    audit: auditBySystem(run, {
      operation: 'run.end',
      result: 'denied',
      details: { state: 'refused', code, requested_by: run.requested_by },
    }),
  });
}
