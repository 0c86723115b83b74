// "Ada may run promote on checkout, with environment = staging only", through a whole control plane: where she presses,
// where she cancels, at a fire time, and at the claim; and as laws of the comparison.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failingInput, impliedBy } from '../../../control-plane/authority/conditions.ts';
import { runAuthorityOf } from '../../../control-plane/runs/run-authority.ts';
import type { Condition, Explanation } from '../../../protocol/api/authority.ts';
import { advertise } from '../../support/advertise.ts';
import { engine } from '../../support/engine.ts';
import { eventually } from '../../support/eventually.ts';
import { makePerson, must } from '../../support/people.ts';
import type { Person } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';
import { good, openWorld } from './world.ts';

const staging: Condition = { input: 'environment', operator: 'equals', values: ['staging'] };

describe.skipIf(engine !== 'sqlite')('of a whole control plane', () => {
  let server: TestServer;
  let ada: Person;
  const p = '/v1/projects/checkout';
  const press = (who: { api: TestServer['api'] }, inputs: object, action = 'promote') =>
    who.api('POST', `${p}/actions/${action}/runs`, { inputs });

  beforeAll(async () => {
    server = await startTestServer();
    await must(server.api('POST', '/v1/projects', { name: 'checkout' }));
    const group = await must(server.api('POST', `${p}/groups`, { name: 'prod' }));
    const inputs = {
      type: 'object',
      properties: {
        environment: { type: 'string', enum: ['staging', 'production'] },
        token: { type: 'string', 'x-wayside-sensitive': true },
      },
    };
    const operations = ['promote', 'filled'].map((operation) => ({ operation, inputs }));
    advertise(server.dataFolder, { group: group.body.id, operations });
    await must(server.api('POST', `${p}/actions/publish-all`, { group: 'prod' }));
    ada = await makePerson(server);
    for (const action of ['promote', 'filled']) {
      await must(
        server.api('POST', '/v1/bindings', {
          principal: ada.id,
          role: 'contributor',
          level: `projects/checkout/actions/${action}`,
          conditions: [staging],
        }),
      );
    }
  });
  afterAll(() => server.close());

  test('she starts it with these inputs, and with no others', async () => {
    expect((await press(ada, { environment: 'staging' })).status).toBe(201);
    const refused = await press(ada, { environment: 'production' });
    expect(refused.body).toMatchObject({
      code: 'forbidden',
      permission: 'wayside.run.start',
      reason: 'condition',
    });
    // A default is the agent's own, and nobody here knows what it is.
    expect((await press(ada, {})).body).toMatchObject({ reason: 'condition' });
    expect((await press(server, { environment: 'production' })).status).toBe(201);
    const path = `/v1/decisions/${String(refused.body['decision'])}`;
    const { body } = await must(server.api<Explanation>('GET', path));
    expect(body.considered).toMatchObject([{ outcome: 'condition', input: 'environment' }]);
    expect(body.asked?.inputs).toEqual({ environment: 'production' });
  });

  test('what a trace says holds nothing but what is compared', async () => {
    const refused = await press(ada, { environment: 'production', token: 'a-secret-of-some-length' });
    const path = `/v1/decisions/${String(refused.body['decision'])}`;
    const { text, body } = await must(server.api<Explanation>('GET', path));
    expect(text).not.toContain('a-secret-of-some-length');
    expect(Object.keys(body.asked?.inputs ?? {})).toEqual(['environment']);
  });

  test('a stored variable counts as what it is, until she says otherwise', async () => {
    const variable = (value: string) =>
      must(server.api('PUT', `${p}/variables/environment`, { value, action: 'filled' }));
    await variable('staging');
    expect((await press(ada, {}, 'filled')).status).toBe(201);
    expect((await press(ada, { environment: 'production' }, 'filled')).status).toBe(403);
    await variable('production');
    expect((await press(ada, {}, 'filled')).status).toBe(403);
    expect((await press(ada, { environment: 'staging' }, 'filled')).status).toBe(201);
  });

  test('she finds her way to it, sees its runs, and cancels those that she could have started', async () => {
    const projects = (await must(ada.api('GET', '/v1/projects'))).body.items;
    expect(projects.map(({ name }) => name)).toEqual(['checkout']);
    expect((await ada.api('GET', `${p}/actions/promote`)).status).toBe(200);
    const actions = (await must(ada.api('GET', `${p}/actions`))).body.items;
    expect(actions.map(({ name }) => name).sort()).toEqual(['filled', 'promote']);
    const mine = await must(press(ada, { environment: 'staging' }));
    const theirs = await must(press(server, { environment: 'production' }));
    for (const run of [mine, theirs])
      expect((await ada.api('GET', `/v1/runs/${run.body.id}`)).status).toBe(200);
    expect((await ada.api('POST', `/v1/runs/${theirs.body.id}/cancel`, {})).status).toBe(403);
    expect((await ada.api('POST', `/v1/runs/${mine.body.id}/cancel`, {})).status).toBe(200);
    expect((await ada.api('DELETE', `${p}/actions/promote`)).status).toBe(403);
    expect((await ada.api('GET', `${p}/groups/prod`)).status).toBe(404);
  });

  test('a schedule is judged when it is made, when somebody changes it, and when it fires', async () => {
    const scheduler = await makePerson(server, { roles: [{ role: 'viewer', level: 'projects/checkout' }] });
    await must(
      server.api('POST', '/v1/roles', {
        name: 'scheduler',
        permissions: ['wayside.schedule.create', 'wayside.schedule.update', 'wayside.schedule.read'],
      }),
    );
    const bind = (more: object) =>
      must(
        server.api('POST', '/v1/bindings', { principal: scheduler.id, level: 'projects/checkout', ...more }),
      );
    await bind({ role: 'scheduler' });
    const only = await bind({ role: 'contributor', conditions: [staging] });
    const create = (name: string, inputs: object) =>
      scheduler.api('POST', `${p}/schedules`, { name, action: 'promote', cron: '* * * * * *', inputs });
    expect((await create('no', { environment: 'production' })).body).toMatchObject({ reason: 'condition' });
    expect((await create('no', {})).status).toBe(403);
    const { body: mine } = await must(create('mine', { environment: 'staging' }));
    const change = (inputs: object) =>
      scheduler.api('PATCH', `${p}/schedules/mine`, { inputs }, { 'if-match': `"${mine.revision}"` });
    expect((await change({ environment: 'production' })).status).toBe(403);
    const runs = async () =>
      (
        await must(
          server.api<{
            items: { state: string; failure: { code: string } | null; requested_by: { id: string } }[];
          }>('GET', `${p}/actions/promote/runs`),
        )
      ).body.items.filter(({ requested_by }) => requested_by.id === scheduler.id);
    await eventually(async () => (await runs()).some(({ state }) => state === 'queued')).toBe(true);
    await must(server.api('DELETE', `/v1/bindings/${only.body.id}`));
    await bind({ role: 'contributor', conditions: [{ ...staging, values: ['production'] }] });
    await eventually(async () =>
      (await runs()).some(({ failure }) => failure?.code === 'authority_lost'),
    ).toBe(true);
    await must(server.api('DELETE', `${p}/schedules/mine`));
  });
});

test('at the claim it is asked with the inputs that the run has', async () => {
  const world = await openWorld();
  try {
    await good(world.api('POST', '/v1/projects', { name: 'shop' }));
    const ids = await world.actions('shop', 'prod', ['promote']);
    const id = await world.person('ada', [
      { role: 'contributor', level: 'projects/shop/actions/promote', conditions: [staging] },
    ]);
    const { body: project } = await good(world.api('GET', '/v1/projects/shop'));
    const authority = runAuthorityOf(world.authority);
    const may = (visible: object) =>
      authority.mayStill({
        organization: world.authority.policy().organization.id,
        project: project.id,
        action: ids.get('promote') ?? '',
        group_id: ids.get('prod') ?? '',
        requested_by: id,
        token: null,
        visible_inputs: JSON.stringify(visible),
      });
    expect(may({ environment: { value: 'staging' } })).toBe(true);
    expect(may({ environment: { value: 'production' } })).toBe(false);
    // An input that has become sensitive since is not looked at.
    expect(may({ environment: { sensitive: true } })).toBe(false);
    expect(may({})).toBe(false);
  } finally {
    await world.close();
  }
});

test('what implies a condition meets it, for every input', () => {
  const words = fc.constantFrom('staging', 'production', 'dev', 'x1', '');
  const condition: fc.Arbitrary<Condition> = fc.oneof(
    fc.record({
      input: fc.constantFrom('a', 'b'),
      operator: fc.constantFrom('equals' as const, 'one_of' as const),
      values: fc.array(words, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      input: fc.constantFrom('a', 'b'),
      operator: fc.constant('matches' as const),
      values: fc.array(fc.constantFrom('s.*', '[a-z]+', 'x[0-9]', '.*'), { minLength: 1, maxLength: 2 }),
    }),
  );
  let implied = 0;
  fc.assert(
    fc.property(
      fc.array(condition, { maxLength: 3 }),
      fc.array(condition, { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b'), words),
      (lax, strict, inputs) => {
        if (!impliedBy(lax, strict)) return;
        implied += 1;
        const given = new Map(Object.entries(inputs));
        if (failingInput(strict, given) === null) expect(failingInput(lax, given)).toBeNull();
      },
    ),
    { numRuns: 5_000 },
  );
  expect(implied).toBeGreaterThan(500);
});
