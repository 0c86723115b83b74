// Schedules over real HTTP, on a control plane whose own loop fires them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Schedule } from '../../../protocol/api/operations.ts';
import { advertise } from '../../support/advertise.ts';
import { makePerson, must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

const p = '/v1/projects/default';
const secret = 'plain-text-of-a-token';

let server: TestServer;
let made = 0;
beforeAll(async () => {
  server = await startTestServer();
  const group = await must(server.api('POST', `${p}/groups`, { name: 'prod' }));
  advertise(server.dataFolder, {
    group: group.body.id,
    operations: [
      { operation: 'backup' },
      {
        operation: 'promote',
        inputs: {
          type: 'object',
          properties: {
            version: { type: 'string', pattern: '^v[0-9]+$' },
            token: { type: 'string', 'x-wayside-sensitive': true },
          },
          required: ['version'],
        },
      },
    ],
  });
  await must(server.api('POST', `${p}/actions/publish-all`, { group: 'prod' }));
  await must(server.api('POST', `${p}/actions`, { name: 'unheard', group: 'prod', operation: 'unheard' }));
});
afterAll(() => server.close());

async function create(body: object): Promise<Schedule> {
  const name = `schedule-${(made += 1)}`;
  const asked = { name, action: 'backup', cron: '0 3 * * *', ...body };
  return (await must(server.api<Schedule>('POST', `${p}/schedules`, asked))).body;
}

async function refusal(body: object) {
  const asked = { name: 'refused', action: 'backup', cron: '0 3 * * *', ...body };
  const answer = await server.api<{ code: string; detail: string; errors?: unknown }>(
    'POST',
    `${p}/schedules`,
    asked,
  );
  return { status: answer.status, ...answer.body };
}

async function patch(schedule: Schedule, body: object, revision = schedule.revision) {
  const headers = { 'if-match': `"${revision}"` };
  return server.api<Schedule & { code: string }>('PATCH', `${p}/schedules/${schedule.id}`, body, headers);
}

describe('creating a schedule', () => {
  test('answers with its next ten fire times and with where it is', async () => {
    const asked = { name: 'nightly', action: 'backup', cron: ' 30 2 * * mon-fri ', zone: 'europe/berlin' };
    const { status, headers, body } = await server.api<Schedule>('POST', `${p}/schedules`, asked);
    expect(status).toBe(201);
    expect(headers.get('etag')).toBe('"1"');
    expect(headers.get('location')).toMatch(new RegExp(`/schedules/${body.id}$`));
    expect(body).toMatchObject({
      name: 'nightly',
      action: { name: 'backup' },
      cron: '30 2 * * mon-fri',
      zone: 'Europe/Berlin',
      skipped_hour: 'run_after',
      doubled_hour: 'first',
      misfire: 'once',
      enabled: true,
      acts_for: { name: 'owner' },
      last_fired_at: null,
      last_run: null,
      last_error: null,
    });
    expect(body.next_fire_times).toHaveLength(10);
    expect(body.next_fire_at).toBe(body.next_fire_times[0]);
    expect(body.next_fire_at).toBeGreaterThan(Date.now());
    const shown = await server.api('GET', `${p}/schedules/nightly`);
    expect(shown.body).toEqual(body);
  });

  test('goes on evenly over changes of the clocks where every hour is named, unless it is told otherwise', async () => {
    expect(await create({ cron: '*/5 * * * *' })).toMatchObject({
      skipped_hour: 'skip',
      doubled_hour: 'both',
    });
    expect(
      await create({ cron: '*/5 * * * *', skipped_hour: 'run_after', doubled_hour: 'second' }),
    ).toMatchObject({ skipped_hour: 'run_after', doubled_hour: 'second' });
  });

  test('is refused with what is wrong', async () => {
    expect(await refusal({ cron: '0 25 * * *' })).toMatchObject({
      status: 422,
      code: 'invalid_schedule',
      detail: expect.stringContaining('`25` is no hour') as string,
      errors: [{ path: 'cron' }],
    });
    expect(await refusal({ cron: '0 0 31W 2 *' })).toMatchObject({
      code: 'invalid_schedule',
      detail: expect.stringContaining('never fires') as string,
    });
    expect(await refusal({ zone: 'Mars/Olympus' })).toMatchObject({
      code: 'invalid_schedule',
      errors: [{ path: 'zone' }],
    });
    expect(await refusal({ misfire: 'sometimes' })).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(await refusal({ action: 'nothing' })).toMatchObject({ status: 404 });
    expect(await refusal({ action: 'unheard' })).toMatchObject({ code: 'action_never_advertised' });
    expect(await refusal({ action: 'promote', inputs: { version: 'latest' } })).toMatchObject({
      status: 422,
      code: 'invalid_inputs',
      errors: [{ path: 'inputs.version' }],
    });
    expect(await refusal({ action: 'promote', inputs: { version: 'v1', token: 'tiny' } })).toMatchObject({
      code: 'secret_too_short',
    });
  });

  test('takes each name once', async () => {
    const { name } = await create({});
    expect(await refusal({ name })).toMatchObject({ status: 409, code: 'name_taken' });
  });

  test('keeps sensitive inputs to itself', async () => {
    const inputs = { version: 'v1', token: secret };
    const schedule = await create({ action: 'promote', inputs });
    expect(schedule.inputs).toEqual({ version: { value: 'v1' }, token: { sensitive: true } });
    await must(patch(schedule, { inputs: { version: 'v2', token: `${secret}-2` } }));
    const shown = await server.api('GET', `${p}/schedules/${schedule.id}`);
    const audit = await server.api('GET', '/v1/audit?limit=200');
    expect(audit.text).toContain('schedule.update');
    expect(shown.text + audit.text + server.log()).not.toContain(secret);
    for (const file of readdirSync(server.dataFolder)) {
      expect(readFileSync(join(server.dataFolder, file)).includes(secret), file).toBe(false);
    }
  });
});

describe('changing a schedule', () => {
  test('needs the revision that was read, and leaves alone what it does not name', async () => {
    const schedule = await create({ zone: 'Asia/Tokyo', misfire: 'all', doubled_hour: 'both' });
    const path = `${p}/schedules/${schedule.id}`;
    expect((await server.api('PATCH', path, { enabled: false })).body.code).toBe('precondition_required');
    const { body } = await must(patch(schedule, { cron: '0 4 * * *' }));
    expect(body).toMatchObject({
      zone: 'Asia/Tokyo',
      misfire: 'all',
      doubled_hour: 'both',
      enabled: true,
      revision: 2,
    });
    expect((await patch(schedule, { enabled: false })).body.code).toBe('precondition_failed');
    expect((await patch(body, { cron: '0 0 31W 2 *' })).body.code).toBe('invalid_schedule');
    expect((await server.api('GET', path)).body).toEqual(body);
  });

  test('pauses it and lets it go on from now', async () => {
    const schedule = await create({ cron: '0 0 1 1 *' });
    const paused = (await must(patch(schedule, { enabled: false }))).body;
    expect(paused).toMatchObject({
      enabled: false,
      next_fire_at: null,
      next_fire_times: schedule.next_fire_times,
    });
    const resumed = (await must(patch(paused, { enabled: true }))).body;
    expect(resumed).toMatchObject({ enabled: true, next_fire_at: schedule.next_fire_at });
  });

  test('does not move the fire time where it is about something else', async () => {
    const schedule = await create({ action: 'promote', cron: '0 0 1 1 *', inputs: { version: 'v1' } });
    const { body } = await must(patch(schedule, { misfire: 'skip', inputs: { version: 'v2' } }));
    expect(body).toMatchObject({
      misfire: 'skip',
      inputs: { version: { value: 'v2' } },
      next_fire_at: schedule.next_fire_at,
    });
  });
});

test('schedules are listed page by page, newest first, and deleted', async () => {
  const [first, second] = [await create({}), await create({})];
  const page = await must(
    server.api<{ items: Schedule[]; next_cursor: string }>('GET', `${p}/schedules?limit=1`),
  );
  expect(page.body.items).toEqual([second]);
  const rest = await must(
    server.api<{ items: Schedule[] }>('GET', `${p}/schedules?limit=1&cursor=${page.body.next_cursor}`),
  );
  expect(rest.body.items).toEqual([first]);
  const path = `${p}/schedules/${second.id}`;
  expect((await server.api('DELETE', path, undefined, { 'if-match': '"7"' })).status).toBe(412);
  expect((await server.api('DELETE', path)).status).toBe(204);
  expect((await server.api('GET', path)).status).toBe(404);
  expect((await server.api('DELETE', path)).status).toBe(404);
});

describe('the right to start the action', () => {
  const permissions = [
    'wayside.schedule.create',
    'wayside.schedule.update',
    'wayside.schedule.read',
  ] as const;

  test('is needed to make a schedule, and to change more than to pause it', async () => {
    const planner = await makePerson(server, { roles: [{ role: 'admin' }], permissions });
    const body = { name: 'by-planner', action: 'backup', cron: '0 3 * * *' };
    const denied = await planner.api('POST', `${p}/schedules`, body);
    expect(denied).toMatchObject({
      status: 403,
      body: { code: 'forbidden', permission: 'wayside.run.start' },
    });
    const schedule = await create({});
    const change = (revision: number, changed: object) =>
      planner.api('PATCH', `${p}/schedules/${schedule.id}`, changed, { 'if-match': `"${revision}"` });
    expect((await change(1, { cron: '* * * * *' })).status).toBe(403);
    expect((await change(1, { inputs: {} })).status).toBe(403);
    expect((await change(1, { enabled: false })).status).toBe(200);
    expect((await change(2, { enabled: true })).status).toBe(403);
  });

  test('once lost ends the runs refused, which the schedule shows', async () => {
    const ada = await makePerson(server, { name: 'ada', roles: [{ role: 'admin' }] });
    const body = { name: 'of-ada', action: 'backup', cron: '* * * * * *' };
    await must(ada.api('POST', `${p}/schedules`, body));
    await must(server.api('DELETE', `/v1/principals/${ada.id}`));
    const schedule = await until('of-ada', ({ last_error }) => last_error !== null);
    expect(schedule).toMatchObject({ acts_for: { name: 'ada' }, last_error: { code: 'authority_lost' } });
    await must(patch(schedule, { enabled: false }));
    // The run is stored as queued, and refused in the next commit.
    const path = `/v1/runs/${schedule.last_run ?? ''}`;
    let run = await server.api('GET', path);
    for (; run.body.state === 'queued'; run = await server.api('GET', path)) await delay(20);
    expect(run.body).toMatchObject({
      state: 'refused',
      failure: { code: 'authority_lost' },
      requested_by: { name: 'ada' },
    });
  });
});

test('the control plane fires what it was told over the API', async () => {
  const { name } = await create({ cron: '* * * * * *' });
  const schedule = await until(name, ({ last_run }) => last_run !== null);
  await must(patch(schedule, { enabled: false }));
  const run = await server.api('GET', `/v1/runs/${schedule.last_run ?? ''}`);
  expect(run.body).toMatchObject({ state: 'queued', reason: expect.stringContaining(name) as string });
  expect(schedule.last_error).toBeNull();
});

async function until(name: string, holds: (schedule: Schedule) => boolean): Promise<Schedule> {
  for (;;) {
    const { body } = await must(server.api<Schedule>('GET', `${p}/schedules/${name}`));
    if (holds(body)) return body;
    await delay(50);
  }
}
