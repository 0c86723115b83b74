// A simulated world: its time, its chance, its machines, and what was seen of it from outside.
import { parseJson } from '../../protocol/json.ts';
import { AgentMachine } from './agent-machine.ts';
import type { Chance } from './chance.ts';
import { chanceOf } from './chance.ts';
import { SimulatedDatabase } from './database.ts';
import { Ledger } from './operations.ts';
import { ServerMachine } from './server-machine.ts';
import { beginning } from './template.ts';
import type { Template } from './template.ts';
import { VirtualTime } from './time.ts';
import { openTrace } from './trace.ts';
import type { Trace } from './trace.ts';
import type { End, WireWorld } from './wire.ts';

/** A press as whoever pressed knows it. */
export interface Press {
  readonly action: string;
  /** Null until the press was acknowledged, and for ever where it was not. */
  run: string | null;
  /** Set where a cancel was answered with `canceled`. */
  canceledAt: number | null;
}

export class World {
  readonly time = new VirtualTime();
  readonly chance: Chance;
  readonly template: Template;
  readonly trace: Trace;
  readonly ledger: Ledger;
  readonly database: SimulatedDatabase;
  readonly servers: readonly ServerMachine[];
  readonly agents: readonly AgentMachine[];
  readonly presses: Press[] = [];
  /** What must not be, in the words of those who saw it. */
  readonly violations: string[] = [];
  /** Faults by name, and how often each came. */
  readonly faults = new Map<string, number>();
  readonly wires: WireWorld;
  /** How far the database's clock is ahead. */
  databaseAheadMs = 0;
  #runs = 0;

  constructor(options: {
    readonly seed: number;
    readonly template: Template;
    readonly keepTrace: boolean;
    readonly servers: number;
    readonly agents: readonly { readonly concurrency: number }[];
  }) {
    const { seed, keepTrace } = options;
    this.template = options.template;
    this.chance = chanceOf(seed);
    this.trace = openTrace({ keep: keepTrace });
    this.ledger = new Ledger((what) => this.trace.say(this.time.now, what));
    this.database = new SimulatedDatabase({
      ...{ time: this.time, chance: this.chance, template: this.template },
      now: () => Math.floor(beginning + this.time.now + this.databaseAheadMs),
    });
    this.wires = {
      ...{ time: this.time, chance: this.chance },
      saw: (from, text) => this.#saw(from, text),
      count: (fault) => this.count(fault),
    };
    this.servers = Array.from(
      { length: options.servers },
      (_, n) => new ServerMachine(this, `server-${n + 1}`),
    );
    this.agents = options.agents.map(({ concurrency }, n) => {
      const agent = this.template.agents[n];
      if (agent === undefined) throw new Error('there are not so many agents');
      return new AgentMachine(this, agent, concurrency);
    });
  }

  /** A new id, which says as a number how many runs there were before it. */
  newRun(): string {
    this.#runs += 1;
    const id = this.chance.id(beginning + this.time.now);
    this.trace.name(id, `r${this.#runs}`);
    return id;
  }

  count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }

  /** A server has told its log something. */
  reported(server: string, kind: string, code: string, cause: unknown): void {
    this.trace.say(this.time.now, `${server} reports ${kind} ${code}`);
    if (isBug(cause)) this.broke(`${server} reports ${kind}`, cause);
  }

  /** Something happened that must not, whatever the faults. */
  broke(what: string, cause: unknown): void {
    const why = cause instanceof Error ? `: ${cause.stack ?? cause.message}` : '';
    this.violations.push(`${what}${why}`);
    this.trace.say(this.time.now, `BROKEN ${what}`);
  }

  #saw(from: End, text: string): void {
    const frame = parseJson(text) as { type: string; run?: string; attempt?: number };
    if (frame.type === 'heartbeat') return;
    const about = frame.run === undefined ? '' : ` ${this.trace.nameOf(frame.run)}/${String(frame.attempt)}`;
    this.trace.say(this.time.now, `${from.actor.name}: ${frame.type}${about}`);
  }
}

/** Neither a failure of ours nor a guard: a mistake in the code. */
function isBug(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  return cause.name !== 'Failure' && cause.name !== 'GuardFailed' && !('code' in cause);
}
