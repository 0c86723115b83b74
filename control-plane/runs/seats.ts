// The agents that are connected to this process, what each can take, and what each has in hand.
import type { AgentConnection } from '../channel/contract.ts';
import type { RunFacts, Seat, SeatDefinition } from './contract.ts';

type Wanted = Pick<RunFacts, 'group_id' | 'operation' | 'definition_digest'>;

export class Seats {
  readonly #byAgent = new Map<string, Seat>();
  readonly #byGroup = new Map<string, Set<Seat>>();

  /** Takes the place of an older connection of the same agent. */
  put(seat: Seat): void {
    const older = this.#byAgent.get(seat.agent.id);
    if (older !== undefined) this.remove(older.connection);
    this.#byAgent.set(seat.agent.id, seat);
    for (const group of seat.groups.keys()) {
      const serving = this.#byGroup.get(group) ?? new Set();
      this.#byGroup.set(group, serving.add(seat));
    }
  }

  /** Removes the seat of exactly this connection; true where it was there. */
  remove(connection: AgentConnection): boolean {
    const seat = this.of(connection);
    if (seat === null) return false;
    this.#byAgent.delete(seat.agent.id);
    for (const group of seat.groups.keys()) {
      const serving = this.#byGroup.get(group);
      serving?.delete(seat);
      if (serving?.size === 0) this.#byGroup.delete(group);
    }
    return true;
  }

  /** The seat of exactly this connection, or null. */
  of(connection: AgentConnection): Seat | null {
    const seat = this.#byAgent.get(connection.agentId);
    return seat?.connection === connection ? seat : null;
  }

  ofAgent(agent: string): Seat | null {
    return this.#byAgent.get(agent) ?? null;
  }

  serving(group: string): readonly Seat[] {
    return [...(this.#byGroup.get(group) ?? [])];
  }

  all(): readonly Seat[] {
    return [...this.#byAgent.values()];
  }

  /** The groups that somebody here serves. */
  groups(): readonly string[] {
    return [...this.#byGroup.keys()];
  }

  /** True where an agent that is connected here advertises the definition. */
  advertised(wanted: Wanted): boolean {
    return this.serving(wanted.group_id).some((seat) => definitionFor(seat, wanted) !== null);
  }

  /** A run has left the agent's hands. */
  release(run: { readonly id: string; readonly agent: string }, now: number): void {
    const seat = this.#byAgent.get(run.agent);
    if (seat?.held.delete(run.id) === true) seat.idleSince = now;
  }
}

/** How many more runs the agent may be offered now: never more than it asked for, never more than it does at once. */
export function freeSlots(seat: Seat): number {
  return seat.open ? Math.max(0, Math.min(seat.granted, seat.concurrency - seat.held.size)) : 0;
}

/** What the agent advertises under that digest, or null where it cannot do the run. */
export function definitionFor(seat: Seat, wanted: Wanted): SeatDefinition | null {
  const definition = seat.definitions.get(wanted.group_id)?.get(wanted.operation);
  return definition?.digest === wanted.definition_digest ? definition : null;
}

/** Counts what of one operation the agent has in hand. */
export function heldOf(seat: Seat, wanted: Pick<RunFacts, 'group_id' | 'operation'>): number {
  let count = 0;
  for (const run of seat.held.values()) {
    if (run.group_id === wanted.group_id && run.operation === wanted.operation) count += 1;
  }
  return count;
}

/** Takes a slot for an offer that is about to be committed. */
export function reserve(seat: Seat, run: RunFacts): void {
  seat.granted -= 1;
  seat.held.set(run.id, run);
}

/** Gives the slot back where the offer was not made. */
export function unreserve(seat: Seat, run: Pick<RunFacts, 'id'>): void {
  if (seat.held.delete(run.id)) seat.granted += 1;
}
