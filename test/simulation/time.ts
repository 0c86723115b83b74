// Virtual time: everything that happens in a simulation is an event of one queue, taken in the order of its moment and
// then of its number, so that a seed says all. What belongs to a process ends with it, and waits while it is paused.

/** A process of the simulated world: a server, an agent, or the database (which never ends). */
export interface Actor {
  readonly name: string;
  alive: boolean;
  /** Virtual moment until which it stands still. */
  pausedUntil: number;
  /** What came up while it stood still, in order. */
  readonly waiting: (() => void)[];
}

export function actorNamed(name: string): Actor {
  return { name, alive: true, pausedUntil: 0, waiting: [] };
}

interface Event {
  at: number;
  order: number;
  readonly actor: Actor | null;
  run: (() => void) | null;
}

export class VirtualTime {
  /** Milliseconds since the simulation began. */
  now = 0;
  /** How many events there were. */
  events = 0;
  readonly #heap: Event[] = [];
  #order = 0;

  /** Runs once after `ms` in the process `actor`; the answer cancels it. */
  after(actor: Actor | null, ms: number, run: () => void): () => void {
    const event: Event = { at: this.now + Math.max(0, ms), order: this.#next(), actor, run };
    this.#push(event);
    return () => {
      event.run = null;
    };
  }

  /** Takes events up to that moment; after each one everything that follows without waiting is done. */
  async runUntil(moment: number): Promise<void> {
    for (let event = this.#heap[0]; event !== undefined && event.at <= moment; event = this.#heap[0]) {
      this.#pop();
      const { actor, run } = event;
      if (run === null || actor?.alive === false) continue;
      this.now = Math.max(this.now, event.at);
      if (actor !== null && actor.pausedUntil > this.now) {
        actor.waiting.push(() => event.run?.());
        // Looks again then, when it may be paused for longer.
        this.after(actor, actor.pausedUntil - this.now, () => undefined);
        continue;
      }
      if (actor !== null && actor.waiting.length > 0) {
        // It goes on, perhaps sooner than it was to: first with what waits, in order, and then with this.
        for (const waiting of actor.waiting.splice(0)) this.after(actor, 0, waiting);
        this.after(actor, 0, () => event.run?.());
        continue;
      }
      event.run = null;
      this.events += 1;
      run();
      await turn();
    }
    this.now = Math.max(this.now, moment);
  }

  #next(): number {
    this.#order += 1;
    return this.#order;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(event);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      let least = heap[child];
      if (least === undefined) break;
      const other = heap[child + 1];
      if (other !== undefined && isBefore(other, least)) {
        child += 1;
        least = other;
      }
      if (isBefore(last, least)) break;
      heap[place] = least;
      place = child;
    }
    heap[place] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at === other.at ? one.order < other.order : one.at < other.at;
}

/** All promises that are settled are carried on, one after the other, before this one is. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
