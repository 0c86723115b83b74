// The network between agents and servers: both ends of a WebSocket, with a wire between them that delays, holds, cuts,
// loses, doubles and reorders. The ends speak as those of `ws` do, as far as our listener and our agent use them.
import { EventEmitter } from 'node:events';
import type { Chance } from './chance.ts';
import type { Actor, VirtualTime } from './time.ts';

/** What the way between one agent and all servers is like. */
export interface Link {
  slowMs: number;
  /** Held back towards the server, towards the agent: a half-open connection, until it heals. */
  upHeld: boolean;
  downHeld: boolean;
  /** Of single frames; a stream of TCP does none of it, a proxy that is broken might. */
  loses: number;
  doubles: number;
  reorders: number;
}

export function goodLink(): Link {
  return { slowMs: 2, upHeld: false, downHeld: false, loses: 0, doubles: 0, reorders: 0 };
}

type Item =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'ping' | 'pong' | 'reset' | 'closed' }
  | { readonly kind: 'close'; readonly code: number; readonly reason: string };

export interface WireWorld {
  readonly time: VirtualTime;
  readonly chance: Chance;
  /** A frame has arrived. */
  readonly saw: (from: End, text: string) => void;
  readonly count: (fault: string) => void;
}

/** One end of a connection, as `WebSocket` of ws looks to those who use it. */
export class End extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  readonly bufferedAmount = 0;
  readonly actor: Actor;
  readonly #wire: Wire;
  #paused: Item[] | null = null;

  constructor(actor: Actor, wire: Wire) {
    super();
    this.actor = actor;
    this.#wire = wire;
  }

  send(text: string): void {
    if (this.readyState === 1 && this.actor.alive) this.#wire.carry(this, { kind: 'text', text });
  }

  ping(): void {
    if (this.readyState === 1 && this.actor.alive) this.#wire.carry(this, { kind: 'ping' });
  }

  close(code: number, reason: string): void {
    if (this.readyState !== 1) return;
    this.readyState = 2;
    this.#wire.carry(this, { kind: 'close', code, reason });
  }

  terminate(): void {
    if (this.readyState === 3) return;
    this.reset();
    this.#wire.after(this, () => this.#ended(1006));
  }

  /** What the kernel does with the connections of a process that has died. */
  reset(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#wire.carry(this, { kind: 'reset' });
  }

  pause(): void {
    this.#paused ??= [];
  }

  resume(): void {
    const waiting = this.#paused;
    this.#paused = null;
    for (const item of waiting ?? []) this.take(item);
  }

  take(item: Item): void {
    if (this.readyState === 3) return;
    if (this.#paused !== null && item.kind !== 'reset') {
      this.#paused.push(item);
      return;
    }
    switch (item.kind) {
      case 'text':
        this.emit('message', Buffer.from(item.text), false);
        return;
      case 'ping':
        this.#wire.carry(this, { kind: 'pong' });
        this.emit('ping');
        return;
      case 'pong':
        this.emit('pong');
        return;
      case 'close':
        this.readyState = 3;
        this.#wire.carry(this, { kind: 'closed' });
        this.#ended(item.code);
        return;
      case 'closed':
      case 'reset':
        this.readyState = 3;
        this.#ended(item.kind === 'closed' ? 1000 : 1006);
    }
  }

  #ended(code: number): void {
    this.emit('close', code);
  }
}

interface Way {
  /** Moment of the last delivery: what follows comes later. */
  last: number;
  readonly held: Item[];
}

/** A connection between a process of an agent and one of a server. */
export class Wire {
  readonly agent: End;
  readonly server: End;
  readonly #world: WireWorld;
  readonly #link: Link;
  readonly #up: Way = { last: 0, held: [] };
  readonly #down: Way = { last: 0, held: [] };
  #hasLost = false;

  constructor(
    world: WireWorld,
    options: { readonly agent: Actor; readonly server: Actor; readonly link: Link },
  ) {
    this.#world = world;
    this.#link = options.link;
    this.agent = new End(options.agent, this);
    this.server = new End(options.server, this);
  }

  get isOver(): boolean {
    return this.agent.readyState === 3 && this.server.readyState === 3;
  }

  /** Somebody between the two tears it. */
  cut(): void {
    for (const end of [this.agent, this.server]) this.after(end, () => end.take({ kind: 'reset' }));
  }

  /** What was held goes on its way. A stream in which something is missing does not live on. */
  heal(): void {
    if (this.#hasLost) this.cut();
    for (const [way, from] of [
      [this.#up, this.agent],
      [this.#down, this.server],
    ] as const) {
      for (const item of way.held.splice(0)) this.carry(from, item);
    }
  }

  after(end: End, run: () => void): void {
    this.#world.time.after(end.actor, 0, run);
  }

  carry(from: End, item: Item): void {
    const up = from === this.agent;
    const way = up ? this.#up : this.#down;
    if (up ? this.#link.upHeld : this.#link.downHeld) {
      way.held.push(item);
      return;
    }
    if (item.kind !== 'text') return this.#deliver(from, item, this.#inOrder(way));
    const { chance, count } = this.#world;
    if (chance.happens(this.#link.loses)) {
      this.#hasLost = true;
      return count('frame lost');
    }
    if (chance.happens(this.#link.doubles)) {
      count('frame doubled');
      this.#deliver(from, item, this.#inOrder(way));
    }
    // A heartbeat that overtakes another looks like a state folder that went back, and no stream brings that about.
    if (!item.text.startsWith('{"type":"heartbeat"') && chance.happens(this.#link.reorders)) {
      count('frame reordered');
      return this.#deliver(from, item, this.#delay() * 20);
    }
    this.#deliver(from, item, this.#inOrder(way));
  }

  #deliver(from: End, item: Item, ms: number): void {
    const to = from === this.agent ? this.server : this.agent;
    this.#world.time.after(to.actor, ms, () => {
      if (item.kind === 'text' && to.readyState === 1) this.#world.saw(from, item.text);
      to.take(item);
    });
  }

  #inOrder(way: Way): number {
    const { now } = this.#world.time;
    way.last = Math.max(way.last, now + this.#delay());
    return way.last - now;
  }

  #delay(): number {
    return this.#world.chance.seldom(0.1, this.#link.slowMs);
  }
}
