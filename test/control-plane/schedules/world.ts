// Schedules over the real store of a world of runs, with timers that fire when a test moves the clock.
import { randomUUIDv7 } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { JsonValue } from '../../../protocol/json.ts';
import type { ScheduleReport } from '../../../control-plane/schedules/contract.ts';
import { sealInputs } from '../../../control-plane/schedules/inputs.ts';
import { openSchedules } from '../../../control-plane/schedules/open.ts';
import type { Schedules } from '../../../control-plane/schedules/open.ts';
import { readSchedule } from '../../../control-plane/schedules/read.ts';
import { insertSchedule } from '../../../control-plane/schedules/store.ts';
import type { ScheduleRow } from '../../../control-plane/schedules/store.ts';
import { acceptTiming, firstFireTime } from '../../../control-plane/schedules/timing.ts';
import type { AskedTiming } from '../../../control-plane/schedules/timing.ts';
import { World } from '../runs/world.ts';
import type { OperationSpec } from '../runs/world.ts';

type Action = Awaited<ReturnType<World['action']>>;

export interface FiredRun {
  readonly id: string;
  readonly state: string;
  readonly requested_by: string;
  readonly reason: string | null;
  readonly schedule: string | null;
  readonly visible_inputs: string;
  readonly failure_code: string | null;
}

export class ScheduleWorld {
  readonly world: World;
  schedules!: Schedules;
  readonly reports: ScheduleReport[] = [];
  private timers: { readonly at: number; readonly wake: () => void }[] = [];

  private constructor(world: World) {
    this.world = world;
  }

  /** The clock stands at `now` (ISO 8601, UTC). */
  static async open(now = '2027-01-15T08:00:00Z'): Promise<ScheduleWorld> {
    const world = await World.open();
    world.now = Date.parse(now);
    const scheduled = new ScheduleWorld(world);
    scheduled.schedules = scheduled.openLoop();
    onTestFinished(() => scheduled.schedules.close());
    return scheduled;
  }

  /** One more loop over the same store, as another process would have it. */
  openLoop(runs = this.world.runs): Schedules {
    const { world } = this;
    return openSchedules({
      store: world.store,
      audit: world.trail(),
      authority: world.authority,
      runs,
      clock: { after: (ms, wake) => this.after(ms, wake) },
      report: (report) => this.reports.push(report),
    });
  }

  private after(ms: number, wake: () => void): () => void {
    const timer = { at: this.world.now + ms, wake };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** How long the loop sleeps from now on, or null where it does not sleep. */
  get sleepMs(): number | null {
    const [first] = [...this.timers].sort((a, b) => a.at - b.at);
    return first === undefined ? null : first.at - this.world.now;
  }

  /** Moves the clock from timer to timer, and lets the loop do its work at each. */
  async moveTo(time: string | number): Promise<void> {
    const until = typeof time === 'string' ? Date.parse(time) : time;
    for (;;) {
      await this.schedules.idle();
      const [due] = this.timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (due === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== due);
      this.world.now = Math.max(this.world.now, due.at);
      due.wake();
    }
    this.world.now = until;
  }

  /** Nothing is left of the process; the store and the clock stay. */
  async crash(): Promise<void> {
    this.timers = [];
    await this.world.crash();
    this.schedules = this.openLoop();
  }

  /** An action in a group of its own, with an agent that advertises it and is not connected. */
  async action(name: string, spec: Partial<OperationSpec> = {}) {
    const { world } = this;
    const group = await world.group(`group-of-${name}`);
    const action = await world.action(name, group);
    const agent = await world.agent(`agent-of-${name}`, group, [{ operation: name, ...spec }]);
    return { action, agent, group };
  }

  async create(
    action: Action,
    asked: Partial<AskedTiming> & {
      readonly cron: string;
      readonly name?: string;
      readonly inputs?: Readonly<Record<string, JsonValue>>;
      readonly by?: string;
      /** Skips the checks of creation; for what has changed since. */
      readonly unchecked?: true;
    },
  ): Promise<ScheduleRow> {
    const { world } = this;
    const { principal } = world.actor().caller;
    const { organization } = principal;
    const { project } = action;
    const id = randomUUIDv7();
    const timing = acceptTiming({ zone: 'UTC', misfire: 'once', ...asked });
    const inputs =
      asked.unchecked === true
        ? { inputs: '{}', envelope: null }
        : await sealInputs(world.parts, { id, project, organization, action }, asked.inputs ?? {});
    await world.write(
      insertSchedule(world.store, {
        id,
        project,
        name: asked.name ?? `schedule-${id}`,
        action: action.id,
        ...timing,
        ...inputs,
        enabled: 1,
        next_fire_at: firstFireTime(timing, world.now),
        created_by: asked.by ?? principal.id,
      }),
    );
    return this.row(id);
  }

  row(id: string): Promise<ScheduleRow> {
    return readSchedule(this.world.store, this.world.project, id);
  }

  async lastError(id: string): Promise<unknown> {
    const { last_error: text } = await this.row(id);
    return text === null ? null : JSON.parse(text);
  }

  /** All runs, oldest first. */
  async runs(): Promise<readonly FiredRun[]> {
    const { db } = this.world.store;
    return this.world.store.read(
      db
        .selectFrom('runs')
        .select(['id', 'state', 'requested_by', 'reason', 'schedule', 'visible_inputs', 'failure_code'])
        .orderBy('action')
        .orderBy('sequence')
        .compile(),
    );
  }

  /** The fire times of all runs, as their reasons tell them. */
  async firedAt(): Promise<readonly string[]> {
    const runs = await this.runs();
    return runs.map(({ reason }) => /due (\S+)$/.exec(reason ?? '')?.[1]?.replace(':00.000Z', 'Z') ?? '');
  }
}
