import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUIDv7 } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openAuthority } from '../../../control-plane/authority/authority.ts';
import { openRuns } from '../../../control-plane/runs/open.ts';
import type { Runs } from '../../../control-plane/runs/open.ts';
import { runAuthorityOf } from '../../../control-plane/runs/run-authority.ts';
import { Failure } from '../../../protocol/failures.ts';
import {
  misfiresMax,
  scheduleBatchRowsMax,
  scheduleRetryMs,
  scheduleSweepMs,
} from '../../../protocol/limits.ts';
import type { FakeAgent } from '../runs/world.ts';
import { ScheduleWorld } from './world.ts';

describe('the loop', () => {
  test('fires a schedule at its time and not before, for the principal that made it', async () => {
    const world = await ScheduleWorld.open('2027-01-15T08:59:50Z');
    const { action } = await world.action('backup');
    const { id, name } = await world.create(action, { cron: '0 9 * * *', name: 'nightly' });
    world.schedules.start();
    await world.moveTo('2027-01-15T08:59:59.999Z');
    expect(await world.runs()).toEqual([]);
    await world.moveTo('2027-01-15T09:00:00Z');
    const { principal } = world.world.actor().caller;
    const runs = await world.runs();
    expect(runs).toMatchObject([
      {
        schedule: id,
        state: 'queued',
        requested_by: principal.id,
        reason: expect.stringContaining(name) as string,
      },
    ]);
    expect(await world.row(id)).toMatchObject({
      next_fire_at: Date.parse('2027-01-16T09:00:00Z'),
      last_fired_at: Date.parse('2027-01-15T09:00:00Z'),
      last_run: runs[0]?.id,
      last_error: null,
      revision: 1,
    });
    const [audited] = await world.world.audit('run.start');
    expect(JSON.parse(audited?.details ?? '{}')).toMatchObject({ schedule: id });
  });

  test('sleeps until the earliest fire time, and never longer than a sweep', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    world.schedules.start();
    await world.schedules.idle();
    expect(world.sleepMs).toBe(scheduleSweepMs);
    await world.create(action, { cron: '2 0 8 * * *' });
    world.schedules.wake();
    await world.schedules.idle();
    expect(world.sleepMs).toBe(2_000);
  });

  test('sees within a sweep what another process has stored', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    world.schedules.start();
    await world.schedules.idle();
    await world.create(action, { cron: '1 0 8 * * *' });
    await world.moveTo(world.world.now + scheduleSweepMs);
    expect(await world.runs()).toHaveLength(1);
  });

  test('hands the run to a free agent in the same unit', async () => {
    const world = await ScheduleWorld.open();
    const { action, agent } = await world.action('backup');
    await agent.connect();
    await world.create(action, { cron: '*/10 * * * * *' });
    world.world.now += 10_000;
    await world.schedules.fireDue();
    expect((await world.runs()).map(({ state }) => state)).toEqual(['offered']);
  });

  test('fires more schedules at once than it reads at once', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    const count = 2 * scheduleBatchRowsMax + 3;
    for (let made = 0; made < count; made += 1) await world.create(action, { cron: '0 9 * * *' });
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    await world.schedules.fireDue();
    const runs = await world.runs();
    expect(runs).toHaveLength(count);
    expect(new Set(runs.map(({ schedule }) => schedule)).size).toBe(count);
  });

  test('leaves alone what is paused', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    const { id } = await world.create(action, { cron: '0 9 * * *' });
    await world.world.sql('update schedules set enabled = 0 where id = ?', id);
    world.schedules.start();
    await world.moveTo('2027-01-15T09:10:00Z');
    expect(await world.runs()).toEqual([]);
  });

  test('closes after what is under way, and fires nothing more', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    await world.create(action, { cron: '0 9 * * *' });
    world.schedules.start();
    await world.schedules.close();
    expect(world.sleepMs).toBeNull();
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    world.schedules.wake();
    await world.schedules.idle();
    expect(await world.runs()).toEqual([]);
  });
});

describe('one fire time leads to one run', () => {
  test('however many processes look at it', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    for (let made = 0; made < 20; made += 1)
      await world.create(action, { cron: '*/10 * * * * *', misfire: 'all' });
    const others = await Promise.all([1, 2, 3].map(() => anotherProcess(world)));
    for (let round = 1; round <= 3; round += 1) {
      world.world.now += 10_000;
      const loops = [world.schedules, ...others.map((runs) => world.openLoop(runs))];
      await Promise.all(loops.map((loop) => loop.fireDue()));
      expect(await world.runs()).toHaveLength(20 * round);
    }
    expect(world.reports).toEqual([]);
    await Promise.all(others.map((runs) => runs.close()));
  });

  test('where the process dies before the commit, the next one fires it', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    const { id } = await world.create(action, { cron: '0 9 * * *' });
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    await diesAt(world, 'before-request-commit');
    expect(await world.runs()).toEqual([]);
    await world.schedules.fireDue();
    expect(await world.runs()).toHaveLength(1);
    expect((await world.row(id)).next_fire_at).toBe(Date.parse('2027-01-16T09:00:00Z'));
  });

  test('where the process dies after the commit, nobody fires it again', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    await world.create(action, { cron: '0 9 * * *' });
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    await diesAt(world, 'after-request-commit');
    await world.schedules.fireDue();
    expect(await world.runs()).toHaveLength(1);
  });

  test('where the answer of the commit gets lost', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    await world.create(action, { cron: '0 9 * * *' });
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    world.world.losesAnswer = () => true;
    await world.schedules.fireDue();
    world.world.losesAnswer = null;
    await world.schedules.fireDue();
    expect(await world.runs()).toHaveLength(1);
    expect(world.reports).toEqual([]);
  });

  test('where a process dies in the middle of what it makes up for, the next one goes on from there', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    await world.create(action, { cron: '0 * * * *', misfire: 'all' });
    world.world.now = Date.parse('2027-01-15T13:30:00Z');
    await diesAt(world, 'after-request-commit', 3);
    expect(await world.runs()).toHaveLength(3);
    await world.schedules.fireDue();
    expect(await world.firedAt()).toEqual(
      ['09', '10', '11', '12', '13'].map((hour) => `2027-01-15T${hour}:00Z`),
    );
  });
});

describe('what changes while it fires', () => {
  test('a schedule that was paused in between does not fire', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    const { id } = await world.create(action, { cron: '0 9 * * *' });
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    world.world.faultPoint = async (point) => {
      if (point !== 'before-request-commit') return;
      await world.world.sql('update schedules set enabled = 0, revision = revision + 1 where id = ?', id);
    };
    await world.schedules.fireDue();
    expect(await world.runs()).toEqual([]);
    expect(world.reports).toEqual([]);
  });

  test('a schedule that was changed in between fires as it is now', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    const { id } = await world.create(action, { cron: '0 9 * * *', inputs: { version: 'v1' } });
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    world.world.faultPoint = async (point) => {
      if (point !== 'before-request-commit') return;
      world.world.faultPoint = null;
      const inputs = JSON.stringify({ version: { value: 'v2' } });
      await world.world.sql(
        'update schedules set inputs = ?, revision = revision + 1 where id = ?',
        inputs,
        id,
      );
    };
    await world.schedules.fireDue();
    const runs = await world.runs();
    expect(runs.map((run) => JSON.parse(run.visible_inputs) as unknown)).toEqual([
      { version: { value: 'v2' } },
    ]);
  });

  test('a schedule whose action was deleted in between is gone with it', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    await world.create(action, { cron: '0 9 * * *' });
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    world.world.faultPoint = async (point) => {
      if (point === 'before-request-commit')
        await world.world.sql('delete from actions where id = ?', action.id);
    };
    await world.schedules.fireDue();
    expect(await world.runs()).toEqual([]);
    expect(world.reports).toEqual([]);
  });
});

describe('clocks that change', () => {
  const policies = [
    ['run_after', 'first', ['2027-03-28T01:00Z', '2027-10-31T00:30Z']],
    ['skip', 'second', ['2027-10-31T01:30Z']],
    ['skip', 'both', ['2027-10-31T00:30Z', '2027-10-31T01:30Z']],
  ] as const;
  test.for(policies)('under %s and %s', async ([skipped_hour, doubled_hour, expected]) => {
    const world = await ScheduleWorld.open('2027-03-27T12:00:00Z');
    const { action } = await world.action('backup');
    const times = { zone: 'Europe/Berlin', skipped_hour, doubled_hour } as const;
    await world.create(action, { cron: '30 2 28 3 *', ...times });
    await world.create(action, { cron: '30 2 31 10 *', ...times });
    for (const day of ['2027-03-28', '2027-10-31']) {
      for (let half = 0; half < 8; half += 1) {
        world.world.now = Date.parse(`${day}T00:00:00Z`) + half * 1_800_000;
        await world.schedules.fireDue();
      }
    }
    expect(await world.firedAt()).toEqual(expected);
  });
});

describe('after a downtime', () => {
  const policies = [
    ['skip', []],
    ['once', ['2027-01-18T09:00Z']],
    ['all', ['2027-01-15T09:00Z', '2027-01-16T09:00Z', '2027-01-17T09:00Z', '2027-01-18T09:00Z']],
  ] as const;
  test.for(policies)('the policy %s makes up for what it says', async ([misfire, expected]) => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    const { id } = await world.create(action, { cron: '0 9 * * *', misfire });
    world.world.now = Date.parse('2027-01-18T12:00:00Z');
    world.schedules.start();
    await world.schedules.idle();
    expect(await world.firedAt()).toEqual(expected);
    expect((await world.row(id)).next_fire_at).toBe(Date.parse('2027-01-19T09:00:00Z'));
    expect(await world.world.audit('schedule.skip')).toHaveLength(misfire === 'skip' ? 1 : 0);
    await world.moveTo('2027-01-18T12:10:00Z');
    expect(await world.runs()).toHaveLength(expected.length);
  });

  test('a hundred runs are the most that it makes up for', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    await world.create(action, { cron: '* * * * *', misfire: 'all' });
    world.world.now += 250 * 60_000 + 30_000;
    await world.schedules.fireDue();
    const fired = await world.firedAt();
    expect(fired).toHaveLength(misfiresMax);
    expect(fired.at(-1)).toBe('2027-01-15T12:10Z');
    expect(new Set(fired).size).toBe(misfiresMax);
  });
});

describe('a schedule that cannot start its action', () => {
  test('goes on to the next time, says why, and forgets it when it works again', async () => {
    const world = await ScheduleWorld.open();
    const group = await world.world.group('empty');
    const action = await world.world.action('backup', group);
    const { id } = await world.create(action, { cron: '0 * * * *', unchecked: true });
    world.schedules.start();
    await world.moveTo('2027-01-15T10:30:00Z');
    expect(await world.runs()).toEqual([]);
    expect(await world.row(id)).toMatchObject({
      next_fire_at: Date.parse('2027-01-15T11:00:00Z'),
      last_run: null,
    });
    expect(await world.lastError(id)).toMatchObject({
      at: Date.parse('2027-01-15T10:00:00Z'),
      code: 'action_never_advertised',
    });
    expect(await world.world.audit('schedule.fire')).toMatchObject([
      { result: 'failed' },
      { result: 'failed' },
    ]);
    expect(world.reports).toEqual([]);

    await world.world.agent('agent', group, [{ operation: 'backup' }]);
    await world.moveTo('2027-01-15T11:00:00Z');
    expect(await world.runs()).toHaveLength(1);
    expect(await world.lastError(id)).toBeNull();
  });

  test('names the input that no longer fits', async () => {
    const world = await ScheduleWorld.open();
    const schema = (type: string) => ({
      type: 'object',
      properties: { count: { type } },
      required: ['count'],
    });
    const { action, agent } = await world.action('scale', { schema: schema('number') });
    const { id } = await world.create(action, { cron: '0 9 * * *', inputs: { count: 3 } });
    await agent.advertise([{ operation: 'scale', digest: 'sha256:2', schema: schema('string') }]);
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    await world.schedules.fireDue();
    expect(await world.runs()).toEqual([]);
    expect(await world.lastError(id)).toMatchObject({
      code: 'invalid_inputs',
      message: expect.stringContaining('count') as string,
    });
  });

  test('whose row cannot be read any more stops, and says why', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    const { id } = await world.create(action, { cron: '0 9 * * *' });
    await world.world.sql('update schedules set zone = ? where id = ?', 'Mars/Olympus', id);
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    await world.schedules.fireDue();
    expect(await world.row(id)).toMatchObject({ next_fire_at: null });
    expect(await world.lastError(id)).toMatchObject({ code: 'invalid_schedule' });
  });

  test('because the store failed stays due, is reported and tried again, and holds nobody up', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('backup');
    const { action: other } = await world.action('other');
    const { id } = await world.create(action, { cron: '0 9 * * *' });
    await world.create(other, { cron: '0 9 * * *' });
    const broken = failingFor(world, action.id);
    world.schedules.start();
    await world.moveTo('2027-01-15T09:00:00Z');
    expect(await world.runs()).toHaveLength(1);
    expect(world.reports).toMatchObject([{ kind: 'schedule_failed', schedule: id }]);
    expect(world.sleepMs).toBe(scheduleRetryMs);
    broken.mend();
    await world.moveTo('2027-01-15T09:00:01Z');
    expect(await world.runs()).toHaveLength(2);
  });
});

describe('the right to start the action', () => {
  async function withoutRight(world: ScheduleWorld, agent: FakeAgent): Promise<string> {
    const { principal } = world.world.actor().caller;
    const former = randomUUIDv7();
    await world.world.sql(
      `insert into principals (id, organization, kind, name, created_at) values (?, ?, 'user', 'ada', 0)`,
      former,
      principal.organization,
    );
    await world.world.authority.reload();
    await agent.connect();
    return former;
  }

  test('once lost makes a run that ends refused, offered to nobody, and shows at the schedule', async () => {
    const world = await ScheduleWorld.open();
    const { action, agent } = await world.action('backup');
    const by = await withoutRight(world, agent);
    const { id } = await world.create(action, { cron: '0 9 * * *', by });
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    await world.schedules.fireDue();
    await world.world.runs.idle();
    const runs = await world.runs();
    expect(runs).toMatchObject([{ state: 'refused', failure_code: 'authority_lost', requested_by: by }]);
    expect(await world.world.states(runs[0]?.id ?? '')).toEqual(['queued', 'refused']);
    expect(agent.wire.received.filter(({ type }) => type === 'offer')).toEqual([]);
    expect(await world.lastError(id)).toMatchObject({ code: 'authority_lost' });
    expect(await world.world.audit('run.end')).toMatchObject([{ result: 'denied' }]);
    expect(await world.row(id)).toMatchObject({ last_run: runs[0]?.id });
  });

  test('is asked of the policy that holds at the commit', async () => {
    const world = await ScheduleWorld.open();
    const { action, agent } = await world.action('backup');
    const by = await withoutRight(world, agent);
    await world.create(action, { cron: '0 9 * * *', by });
    // Another process has given the right in the meantime, which the policy in memory does not show.
    const { organization } = world.world.actor().caller.principal;
    await world.world.sql(
      `insert into bindings (id, organization, principal, role, effect, level, conditions, created_at) values (?, ?, ?, 'contributor', 'allow', '', '[]', 0)`,
      randomUUIDv7(),
      organization,
      by,
    );
    await world.world.sql('update organizations set policy_revision = policy_revision + 1');
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    await world.schedules.fireDue();
    expect(await world.runs()).toMatchObject([{ state: 'offered', requested_by: by }]);
  });
});

describe('sensitive inputs', () => {
  const secret = 'correct-horse-battery';
  const schema = (sensitive: boolean) => ({
    type: 'object',
    properties: { token: { type: 'string', ...(sensitive ? { 'x-wayside-sensitive': true } : {}) } },
    required: ['token'],
  });

  test('lie sealed in the row, and reach the run', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('rotate', { schema: schema(true) });
    const { id, inputs, envelope } = await world.create(action, {
      cron: '0 9 * * *',
      inputs: { token: secret },
    });
    expect(JSON.parse(inputs)).toEqual({ token: { sensitive: true } });
    expect(envelope).not.toBeNull();
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    await world.schedules.fireDue();
    expect(await world.lastError(id)).toBeNull();
    const [run] = await world.runs();
    expect(JSON.parse(run?.visible_inputs ?? '')).toEqual({ token: { sensitive: true } });
    for (const file of readdirSync(world.world.folder)) {
      expect(readFileSync(join(world.world.folder, file)).includes(secret), file).toBe(false);
    }
  });

  test('are never shown by a run of an action that no longer calls them sensitive', async () => {
    const world = await ScheduleWorld.open();
    const { action } = await world.action('rotate', { schema: schema(true) });
    const { id } = await world.create(action, { cron: '0 9 * * *', inputs: { token: secret } });
    const group = await world.world.group('elsewhere');
    await world.world.agent('other', group, [
      { operation: 'rotate', digest: 'sha256:2', schema: schema(false) },
    ]);
    await world.world.sql('update actions set group_id = ? where id = ?', group, action.id);
    world.world.now = Date.parse('2027-01-15T09:00:00Z');
    await world.schedules.fireDue();
    expect(await world.runs()).toEqual([]);
    expect(await world.lastError(id)).toMatchObject({ code: 'sensitive_needs_sensitive_input' });
  });
});

/** Runs of another process over the same store, with a policy of its own. */
async function anotherProcess({ world }: ScheduleWorld): Promise<Runs> {
  const { store, audit, secrets, intentKey, intentKeys, clock, random, report } = world.parts;
  const authority = runAuthorityOf(await openAuthority(store, { now: () => world.now }));
  return openRuns({ store, audit, authority, secrets, intentKey, intentKeys, clock, random, report });
}

/** The process stands still at a named point, is killed there, and another one is started. */
async function diesAt(world: ScheduleWorld, at: string, time = 1): Promise<void> {
  let count = 0;
  await new Promise<void>((reached) => {
    world.world.faultPoint = (point) => {
      if (point !== at) return;
      count += 1;
      if (count < time) return;
      reached();
      return new Promise(() => undefined);
    };
    void world.schedules.fireDue();
  });
  await world.crash();
}

/** Every unit that stores a run of this action fails, until it is mended. */
function failingFor(world: ScheduleWorld, action: string): { mend(): void } {
  const { store } = world.world;
  const write = store.write.bind(store);
  let broken = true;
  Object.assign(store, {
    write: (unit: Parameters<typeof write>[0]) => {
      const concerns = unit.some(
        ({ query }) => query.sql.includes('"runs"') && query.parameters.includes(action),
      );
      return broken && concerns
        ? Promise.reject(new Failure('store_failed', 'The disk is full.'))
        : write(unit);
    },
  });
  return {
    mend() {
      broken = false;
    },
  };
}
