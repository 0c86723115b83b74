// Which free agent gets which queued run. Pure: fairness between groups and the choice of the agent are decided here,
// fairness inside a group lies in the order of its queue.
import type { RunFacts, Seat } from './contract.ts';
import { isLeftOut } from './left-out.ts';
import { definitionFor, freeSlots, heldOf } from './seats.ts';

type Queued = Pick<RunFacts, 'id' | 'group_id' | 'operation' | 'definition_digest' | 'excluded_agents'>;

/** A seat during one assignment: its slots are counted down here, not at the seat. */
export interface Place {
  readonly seat: Seat;
  free: number;
  held: number;
  /** How many more runs of a limited operation it may have, by `roomKey`. */
  readonly room: Map<string, number>;
}

export interface Assignment<Run> {
  readonly run: Run;
  readonly seat: Seat;
}

/** Indeterminate runs that keep the slot of a limited operation (rules.md 8). */
export interface KeptSlots {
  readonly agent: string | null;
  readonly operation: string;
  readonly count: number;
}

export function placeOf(seat: Seat): Place {
  return { seat, free: freeSlots(seat), held: seat.held.size, room: new Map() };
}

function roomKey(run: Pick<RunFacts, 'group_id' | 'operation'>): string {
  return `${run.group_id} ${run.operation}`;
}

/** Notes how much room the limited operations of one group leave at each place. */
export function countRoom(places: readonly Place[], group: string, kept: readonly KeptSlots[]): void {
  for (const { seat, room } of places) {
    for (const [operation, { concurrency }] of seat.definitions.get(group) ?? []) {
      if (concurrency === null) continue;
      const slots = kept.find((slot) => slot.agent === seat.agent.id && slot.operation === operation);
      const taken = heldOf(seat, { group_id: group, operation }) + (slots?.count ?? 0);
      room.set(roomKey({ group_id: group, operation }), concurrency - taken);
    }
  }
}

/** What of one group this place could take now: operations with their digests. */
export function takeable(place: Place, group: string): readonly { operation: string; digest: string }[] {
  if (place.free <= 0) return [];
  const definitions = [...(place.seat.definitions.get(group) ?? [])];
  return definitions
    .filter(([operation]) => (place.room.get(roomKey({ group_id: group, operation })) ?? 1) > 0)
    .map(([operation, { digest }]) => ({ operation, digest }));
}

/**
 * One run of each group in turn, beginning with group `first`, until runs or slots are used up. Counts the places
 * down. A run that nobody can take now is passed over.
 */
export function assign<Run extends Queued>(
  queues: readonly (readonly Run[])[],
  places: readonly Place[],
  first: number,
): readonly Assignment<Run>[] {
  const assigned: Assignment<Run>[] = [];
  const longest = Math.max(0, ...queues.map((queue) => queue.length));
  for (let row = 0; row < longest; row += 1) {
    for (let index = 0; index < queues.length; index += 1) {
      const run = queues[(first + index) % queues.length]?.[row];
      if (run === undefined) continue;
      const place = choosePlace(places, run);
      if (place === null) continue;
      takeSlot(place, run);
      assigned.push({ run, seat: place.seat });
    }
  }
  return assigned;
}

/** The least loaded place that can take the run, the longest idle one among equals; null where there is none. */
export function choosePlace(places: readonly Place[], run: Queued): Place | null {
  let best: Place | null = null;
  for (const place of places) {
    if (canTake(place, run) && (best === null || isBetter(place, best))) best = place;
  }
  return best;
}

function canTake(place: Place, run: Queued): boolean {
  return (
    place.free > 0 &&
    definitionFor(place.seat, run) !== null &&
    (place.room.get(roomKey(run)) ?? 1) > 0 &&
    !isLeftOut(run.excluded_agents, place.seat.agent.id)
  );
}

function isBetter(a: Place, b: Place): boolean {
  const [loadA, loadB] = [a.held / a.seat.concurrency, b.held / b.seat.concurrency];
  return loadA !== loadB ? loadA < loadB : a.seat.idleSince < b.seat.idleSince;
}

function takeSlot(place: Place, run: Queued): void {
  place.free -= 1;
  place.held += 1;
  const room = place.room.get(roomKey(run));
  if (room !== undefined) place.room.set(roomKey(run), room - 1);
}
