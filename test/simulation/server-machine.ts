// A machine with a control plane on it: the real dispatch of runs with its sweep, the real connections of agents, the
// real authority, over the simulated database, clock and network. Its process can be killed, paused and stopped.
import { followAgents } from '../../control-plane/agents/follow-agents.ts';
import { openServerRow } from '../../control-plane/agents/server-row.ts';
import type { ServerRow } from '../../control-plane/agents/server-row.ts';
import { agentRevoked } from '../../control-plane/runs/revoke.ts';
import { channelHandlers } from '../../control-plane/channel-handlers.ts';
import { openTrail } from '../../control-plane/audit/trail.ts';
import { credentialOf } from '../../control-plane/authority/authenticate.ts';
import { openAuthority } from '../../control-plane/authority/authority.ts';
import type { Authority } from '../../control-plane/authority/authority.ts';
import { hashToken } from '../../control-plane/authority/token.ts';
import { LiveConnection } from '../../control-plane/channel/connection.ts';
import type { ChannelClock, ChannelHandlers } from '../../control-plane/channel/contract.ts';
import { defaultLimits } from '../../control-plane/channel/limits.ts';
import { Presence } from '../../control-plane/channel/presence.ts';
import { cancelRun } from '../../control-plane/runs/cancel.ts';
import type { Actor as Asker } from '../../control-plane/runs/contract.ts';
import { openRuns } from '../../control-plane/runs/open.ts';
import type { Runs } from '../../control-plane/runs/open.ts';
import { releaseRun } from '../../control-plane/runs/release.ts';
import { requestRun } from '../../control-plane/runs/request.ts';
import type { PressedAction } from '../../control-plane/runs/request.ts';
import { runAuthorityOf } from '../../control-plane/runs/run-authority.ts';
import { GuardFailed } from '../../control-plane/store/store.ts';
import type { Store } from '../../control-plane/store/store.ts';
import { Failure } from '../../protocol/failures.ts';
import { beginning } from './template.ts';
import type { TemplateAgent } from './template.ts';
import { actorNamed } from './time.ts';
import type { Actor } from './time.ts';
import type { End } from './wire.ts';
import type { World } from './world.ts';

interface Process {
  readonly actor: Actor;
  readonly runs: Runs;
  readonly authority: Authority;
  readonly handlers: ChannelHandlers;
  readonly presence: Presence;
  readonly servers: ServerRow;
  readonly ends: Set<End>;
}

export class ServerMachine {
  readonly name: string;
  /** How far the machine's clock is ahead. */
  aheadMs = 0;
  #actor: Actor | null = null;
  #process: Process | null = null;
  #diesIn = Number.POSITIVE_INFINITY;
  readonly #world: World;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  /** The process of now, where there is one. */
  get actor(): Actor | null {
    return this.#actor;
  }

  get isUp(): boolean {
    return this.#process?.actor.alive === true;
  }

  start(): void {
    if (this.#actor?.alive === true) return;
    const { time, trace } = this.#world;
    const actor = actorNamed(this.name);
    this.#actor = actor;
    trace.say(time.now, `${this.name} starts`);
    this.#open(actor).catch((cause: unknown) => {
      if (!actor.alive) return;
      actor.alive = false;
      trace.say(time.now, `${this.name} could not start`);
      if (isAway(cause)) time.after(null, 1_000, () => this.start());
      else this.#world.broke(`the server ${this.name} could not start`, cause);
    });
  }

  kill(): void {
    const { time, trace } = this.#world;
    if (this.#actor?.alive !== true) return;
    trace.say(time.now, `${this.name} is killed`);
    for (const end of this.#process?.ends ?? []) end.reset();
    this.#actor.alive = false;
    this.#process = null;
    this.#diesIn = Number.POSITIVE_INFINITY;
  }

  /** SIGTERM: it closes its connections in order and finishes what is under way. */
  stop(): void {
    const process = this.#process;
    if (process === null) return;
    const { time, trace } = this.#world;
    trace.say(time.now, `${this.name} stops`);
    void process.runs
      .close()
      .then(() => process.presence.closeAll())
      .then(() => process.servers.close())
      .then(() => {
        if (process === this.#process) this.kill();
      });
  }

  pause(ms: number): void {
    if (this.#actor !== null) this.#actor.pausedUntil = this.#world.time.now + ms;
  }

  heal(): void {
    this.aheadMs = 0;
    this.#diesIn = Number.POSITIVE_INFINITY;
    if (this.#actor !== null) this.#actor.pausedUntil = 0;
  }

  dieAtPoint(points: number): void {
    this.#diesIn = points;
  }

  /** The upgrade of a connection; null where it was let in. */
  async admit(agent: TemplateAgent, end: End): Promise<Failure | null> {
    const process = this.#process;
    if (process === null) return new Failure('unreachable', 'Nobody listens.');
    const { organization, project } = this.#world.template;
    const { certificate } = agent;
    const identity = { trustDomain: '', organization, project, agent: agent.id };
    const remoteAddress = agent.name;
    const answer = await process.handlers.authenticate(identity, certificate, remoteAddress).catch(asFailure);
    if (answer instanceof Failure) return answer;
    const facts = { identity, certificate, remoteAddress, session: answer.session };
    const connection = new LiveConnection(facts, {
      handlers: process.handlers,
      limits: defaultLimits,
      clock: this.#clockOf(process.actor),
      report: ({ kind, code, cause }) => this.#world.reported(this.name, kind, code, cause),
      ended: (ended) => {
        process.presence.remove(ended);
        process.ends.delete(end);
      },
    });
    process.presence.add(connection);
    process.ends.add(end);
    if (end.readyState === 3) connection.abandon();
    else connection.attach(end as never);
    return null;
  }

  /** Presses; the answer is the id of the run, or null where nothing was promised. */
  async press(
    action: PressedAction,
    body: { readonly priority: number; readonly expires_in_ms?: number },
  ): Promise<string | null> {
    const process = this.#process;
    if (process === null) return null;
    try {
      const asked = { actor: this.#asker(process), action, body: { inputs: {}, ...body } };
      const run = await requestRun(process.runs.parts, asked);
      return run.id;
    } catch (cause) {
      return this.#refused(cause, ['action_never_advertised']);
    }
  }

  async cancel(run: string): Promise<'canceled' | 'cancel_requested' | null> {
    const process = this.#process;
    if (process === null) return null;
    try {
      const wish = { actor: this.#asker(process), run, reason: null };
      return (await cancelRun(process.runs.parts, wish)).result;
    } catch (cause) {
      return this.#refused(cause, ['run_not_cancelable', 'not_found']);
    }
  }

  /** Somebody takes the responsibility for a run of which nobody knows how it ended (rules.md 8). */
  async release(run: string): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    const wish = { actor: this.#asker(process), run, reason: 'looked at' };
    await releaseRun(process.runs.parts, wish).catch((cause: unknown) =>
      this.#refused(cause, ['run_not_releasable']),
    );
  }

  #refused(cause: unknown, expected: readonly string[]): null {
    if (cause instanceof GuardFailed || isAway(cause)) return null;
    if (cause instanceof Failure && expected.includes(cause.code)) return null;
    this.#world.broke(`a request to ${this.name} failed`, cause);
    return null;
  }

  #asker({ authority }: Process): Asker {
    const policy = authority.policy();
    const token = policy.tokensByHash.get(hashToken(this.#world.template.token));
    const principal = token === undefined ? undefined : policy.principals.get(token.principal);
    if (token === undefined || principal === undefined) throw new Error('the owner is not there');
    const { id, name, kind, organization } = principal;
    return {
      caller: { principal, credential: credentialOf(token), actors: [] },
      entry: {
        ...{ organization, principal: { id, name, kind }, permission: 'wayside.run.start' },
        ...{ decision: null, request: {} },
      },
      guard: authority.guard({ policy_revision: policy.revision }),
    };
  }

  async #open(actor: Actor): Promise<void> {
    const { database, template, chance } = this.#world;
    const clock = this.#clockOf(actor);
    const store = database.storeOf(actor);
    const authority = await openAuthority(store, clock, { elapsed: () => 0 });
    const newId = (at: number): string => chance.id(at);
    const audit = openTrail({ store, mac: template.secrets.auditMac, clock, newId });
    const servers = await openServerRow({
      ...{
        store,
        clock,
        address: this.name,
        id: chance.id(clock.now()),
        isAlone: this.#world.servers.length === 1,
      },
      report: (message) => this.#world.reported(this.name, 'row', message, null),
    });
    const runs = await openRuns({
      ...{ store, audit, clock, secrets: template.secrets, intentKey: () => template.intentKey },
      authority: runAuthorityOf(authority),
      inTouchSince: () => servers.inTouchSince(),
      intentKeys: () => Promise.resolve(template.intentKeys),
      random: { id: () => this.#world.newRun(), salt: () => 'c2FsdHNhbHRzYWx0c2FsdA' },
      report: ({ kind, cause }) => this.#world.reported(this.name, kind, '', cause),
      faultPoint: () => this.#passPoint(actor),
    });
    const presence = new Presence();
    const handlers = channelHandlers({
      ...{ runs, servers },
      agents: this.#agentsDeps(store, { audit, clock, presence, servers }),
      heads: { welcome: () => Promise.resolve({}) as never, heard: () => Promise.resolve() },
    });
    servers.holds(() => presence.online());
    followAgents({
      store,
      online: () => presence.online(),
      connectionOf: (agent) => presence.connection(agent),
      revoked: (agent) => agentRevoked(runs.parts, agent),
      renamed: () => undefined,
      failed: (cause) => this.#world.reported(this.name, 'rows', '', cause),
    });
    this.#process = { actor, runs, authority, handlers, presence, servers, ends: new Set() };
    runs.start();
    servers.start();
  }

  #agentsDeps(
    store: Store,
    {
      audit,
      clock,
      presence,
      servers,
    }: Pick<Process, 'presence' | 'servers'> & {
      readonly audit: ReturnType<typeof openTrail>;
      readonly clock: ChannelClock;
    },
  ): Parameters<typeof channelHandlers>[0]['agents'] {
    return {
      ...{ store, audit, clock, pki: this.#world.template.pki, urls: { agent: '', enroll: '' } },
      server: servers.id,
      connectionOf: (id) => presence.connection(id),
      countDenial: () => undefined,
    };
  }

  #passPoint(actor: Actor): Promise<void> | void {
    this.#diesIn -= 1;
    if (this.#diesIn > 0 || !actor.alive) return;
    this.#world.count('server killed at a point');
    this.kill();
    // The process stops exactly here: what would follow never happens.
    return new Promise(() => undefined);
  }

  #clockOf(actor: Actor): ChannelClock {
    const { time, chance } = this.#world;
    return {
      now: () => Math.floor(beginning + time.now + this.aheadMs),
      after: (ms, wake) => time.after(actor, ms, wake),
      random: () => chance.next(),
    };
  }
}

function isAway(cause: unknown): boolean {
  if (!(cause instanceof Failure)) return false;
  return cause.code === 'store_unavailable' || cause.code === 'store_failed' || cause.code === 'unavailable';
}

function asFailure(cause: unknown): Failure {
  return cause instanceof Failure ? cause : new Failure('internal', 'It failed.', { cause });
}
