// A machine with an agent on it: the agent's real loop, decider, session, streams, recovery and checks of offers, over
// a simulated disk, clock and network. Its process can be killed, paused, drained; the machine can lose its power.
import type { Clock } from '../../agent/contract.ts';
import type { DialOptions, Connection as DialledConnection } from '../../agent/dial.ts';
import type { StoredIdentity } from '../../agent/identity.ts';
import { createInbox } from '../../agent/inbox.ts';
import { startsOf } from '../../agent/limits.ts';
import { recover } from '../../agent/recover.ts';
import { Session } from '../../agent/session.ts';
import { verifyOffer } from '../../agent/verify.ts';
import { Work } from '../../agent/work.ts';
import type { Happening } from '../../agent/work-deps.ts';
import type { LeaveReason } from '../../agent/work-state.ts';
import { Failure } from '../../protocol/failures.ts';
import { agentInboxMax } from '../../protocol/limits.ts';
import { dialIn } from './dial-in.ts';
import { Disk, SimulatedJournal, SimulatedSpools } from './disk.ts';
import { executing } from './operations.ts';
import { beginning } from './template.ts';
import type { TemplateAgent } from './template.ts';
import { actorNamed } from './time.ts';
import type { Actor } from './time.ts';
import { goodLink } from './wire.ts';
import type { Link, Wire } from './wire.ts';
import type { World } from './world.ts';

const silentLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

interface Process {
  readonly actor: Actor;
  readonly work: Work;
  readonly inbox: ReturnType<typeof createInbox<Happening>>;
}

export class AgentMachine {
  readonly disk = new Disk();
  readonly link: Link = goodLink();
  readonly wires = new Set<Wire>();
  readonly agent: TemplateAgent;
  readonly concurrency: number;
  /** How far the machine's clock is ahead. */
  aheadMs = 0;
  /** How often a process of it died. */
  deaths = 0;
  left: LeaveReason | null = null;
  readonly #world: World;
  #actor: Actor | null = null;
  #process: Process | null = null;
  /** Dies at a named point once this many were passed. */
  #diesIn = Number.POSITIVE_INFINITY;

  constructor(world: World, agent: TemplateAgent, concurrency: number) {
    this.#world = world;
    this.agent = agent;
    this.concurrency = concurrency;
  }

  get name(): string {
    return this.agent.name;
  }

  get isUp(): boolean {
    return this.#actor?.alive === true;
  }

  /** Runs that it has not done with. */
  get inHand(): number {
    return this.#process?.work.state.runs.size ?? 0;
  }

  get isConnected(): boolean {
    return this.#process?.work.state.session?.welcomed === true;
  }

  start(): void {
    if (this.isUp || (this.left !== null && this.left !== 'drained')) return;
    const { time, trace } = this.#world;
    const actor = actorNamed(this.name);
    this.#actor = actor;
    this.left = null;
    trace.say(time.now, `${this.name} starts`);
    this.#run(actor).catch((cause: unknown) => {
      if (!actor.alive) return;
      // A disk that is full ends the start with a code; whoever supervises the process tries again.
      if (cause instanceof Failure && cause.code === 'disk_full') return this.#dies('cannot start');
      this.#world.broke(`the agent ${this.name} failed`, cause);
    });
  }

  /** SIGKILL: what was written stays, what was not is gone, and the keeper kills what ran. */
  kill(): void {
    if (!this.isUp) return;
    for (const wire of this.wires) wire.agent.reset();
    this.#dies('is killed');
  }

  losePower(): void {
    if (!this.isUp) return;
    // Nobody is told: what is on the way from here never leaves.
    for (const wire of this.wires) wire.agent.readyState = 3;
    this.#dies('loses its power');
    this.disk.losePower(this.#world.chance);
  }

  pause(ms: number): void {
    if (this.#actor !== null) this.#actor.pausedUntil = this.#world.time.now + ms;
  }

  resume(): void {
    if (this.#actor !== null) this.#actor.pausedUntil = 0;
  }

  drain(): void {
    this.#process?.inbox.put({ type: 'drain', cause: 'signal' });
  }

  /** The process will die after so many more named points. */
  dieAtPoint(points: number): void {
    this.#diesIn = points;
  }

  heal(): void {
    Object.assign(this.link, goodLink());
    for (const wire of this.wires) wire.heal();
    Object.assign(this, { aheadMs: 0 });
    this.disk.full = false;
    this.#diesIn = Number.POSITIVE_INFINITY;
    this.resume();
  }

  #dies(how: string): void {
    const { time, trace, ledger } = this.#world;
    trace.say(time.now, `${this.name} ${how}`);
    if (this.#actor !== null) this.#actor.alive = false;
    this.#process = null;
    this.deaths += 1;
    this.#diesIn = Number.POSITIVE_INFINITY;
    ledger.killed(this.name, time.now);
  }

  async #run(actor: Actor): Promise<void> {
    const { time, chance, template } = this.#world;
    const clock = this.#clockOf(actor);
    const faultPoint = (): void => this.#passPoint(actor);
    const journal = new SimulatedJournal(this.disk, { time, chance, actor, faultPoint });
    await journal.opened(clock);
    const spools = new SimulatedSpools(this.disk, actor);
    const recovered = await recover({ journal, spools, clock, killLeftovers: () => Promise.resolve([]) });
    faultPoint();
    const inbox = createInbox<Happening>(agentInboxMax);
    const session = new Session({
      ...{ clock, inbox, proxyEnv: {} as never, log: silentLog as never },
      identity: () => ({ certificate_chain: this.agent.chain }) as StoredIdentity,
      random: () => chance.next(),
      journalCounter: () => journal.counter,
      dial: (options) => this.#dial(actor, options),
    });
    let skewMs: number | null = null;
    const work = new Work(
      {
        ...{ clock, journal, spools, inbox, faultPoint, line: session, log: silentLog as never },
        starts: startsOf(journal.fold),
        bootId: null,
        version: 'simulated',
        incarnation: chance.id(beginning + time.now),
        verify: (offer) =>
          verifyOffer(offer, {
            ...{ agent: this.agent, organization: template.organization, project: template.project },
            ...{ intentKeys: template.intentKeys, openKey: () => null, skewMs, now: clock.now() },
            settings: template.registry.settings,
            deniedTargets: [],
            find: (group, operation) => template.registry.find(group, operation),
          }),
        execute: executing({ ...this.#world, actor, agent: this.name, now: () => time.now }),
        heads: { hello: () => ({ head: null, conflicts: [] }), seen: () => undefined },
        welcomed: (welcome) => {
          skewMs = welcome.now - clock.now();
        },
        renew: () => undefined,
        leave: (reason) => {
          // In order: everything is closed before the process ends.
          void session.stop().then(() => this.#leaves(actor, reason));
        },
      },
      {
        concurrency: this.concurrency,
        shutdownGraceMs: template.registry.settings.shutdownGraceMs,
        sharesUser: true,
        advertisement: template.registry.advertisement,
        knownGroups: ['main'],
        recovered,
      },
    );
    this.#process = { actor, work, inbox };
    const running = work.run();
    session.start();
    await running;
  }

  #leaves(actor: Actor, reason: LeaveReason): void {
    if (!actor.alive) return;
    const { time, trace, ledger } = this.#world;
    trace.say(time.now, `${this.name} leaves: ${reason}`);
    actor.alive = false;
    this.#process = null;
    this.left = reason;
    ledger.killed(this.name, time.now);
    if (reason !== 'drained') this.#world.broke(`${this.name} left: ${reason}`, null);
  }

  #dial(actor: Actor, options: DialOptions): DialledConnection {
    return dialIn(this.#world, { machine: this, actor, options });
  }

  #passPoint(actor: Actor): void {
    this.#diesIn -= 1;
    if (this.#diesIn > 0 || !actor.alive) return;
    this.#world.count('agent killed at a point');
    this.kill();
  }

  #clockOf(actor: Actor): Clock {
    const { time } = this.#world;
    return {
      now: () => Math.floor(beginning + time.now + this.aheadMs),
      boot: () => Math.floor(1_000 + time.now),
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          const stopped = (): void => {
            cancel();
            reject(signal?.reason as Error);
          };
          const cancel = time.after(actor, ms, () => {
            signal?.removeEventListener('abort', stopped);
            resolve();
          });
          if (signal?.aborted === true) stopped();
          else signal?.addEventListener('abort', stopped, { once: true });
        }),
    };
  }
}
