// `wayside folder|team|role|binding|can-i|decision|support|entitlement …` over a real control plane.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Binding, DecisionTrace } from '../../../protocol/api/authority.ts';
import type { Support } from '../../../protocol/api/policy.ts';
import { advertise } from '../../support/advertise.ts';
import { runCli } from '../../support/cli.ts';
import { makePerson, must } from '../../support/people.ts';
import type { Person } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
let ada: Person;
beforeAll(async () => {
  server = await startTestServer();
  ada = await makePerson(server, { name: 'ada' });
  const group = await must(server.api('POST', '/v1/projects/default/groups', { name: 'prod' }));
  advertise(server.dataFolder, { group: group.body.id, operations: [{ operation: 'promote' }] });
  await must(server.api('POST', '/v1/projects/default/actions/publish-all', { group: 'prod' }));
});
afterAll(() => server.close());

function wayside(args: readonly string[], token = server.token) {
  const { url, dataFolder: folder } = server;
  return runCli({ url, token, folder }, args);
}

async function told<T>(args: readonly string[]): Promise<T> {
  return JSON.parse((await wayside(['--json', ...args])).stdout) as T;
}

test('a project says what it keeps of its runs', async () => {
  await wayside(['project', 'create', 'kept']);
  expect((await wayside(['project', 'show', 'kept'])).stdout).toContain(
    'Runs are kept 90 days (the default) after their end, their output 30 days (the default).',
  );
  const set = ['--keep-runs', '30d', '--keep-output', '36h', '--keep-at-most', '500'];
  const changed = await wayside(['project', 'update', 'kept', ...set]);
  expect(changed.stdout).toContain('Runs are kept 30 days after their end, their output 36 hours.');
  expect(changed.stdout).toContain('Of each action 500 finished runs are kept at most.');
  const back = ['--keep-runs', 'default', '--keep-at-most', 'all'];
  const json = await wayside(['--json', 'project', 'update', 'kept', ...back]);
  expect(JSON.parse(json.stdout)).toMatchObject({
    keep_runs_ms: null,
    keep_output_ms: 36 * 3_600_000,
    keep_runs_max: null,
  });
  for (const bad of [[], ['--keep-runs', '5m'], ['--keep-at-most', '0'], ['--keep-output', 'long']]) {
    expect((await wayside(['project', 'update', 'kept', ...bad])).code, bad.join(' ')).not.toBe(0);
  }
  await wayside(['project', 'delete', 'kept']);
});

test('folders and projects are made, moved, listed and deleted', async () => {
  expect((await wayside(['folder', 'create', 'web'])).stdout).toContain('in the organization');
  expect((await wayside(['folder', 'create', 'shops', '--in', 'web'])).stdout).toContain('in web');
  await wayside(['project', 'create', 'checkout', '--in', 'shops']);
  expect((await wayside(['project', 'list'])).stdout).toMatch(/checkout +shops/);
  expect((await wayside(['project', 'move', 'checkout', '--to', 'web'])).stdout).toContain('lies in web now');
  expect((await wayside(['project', 'move', 'checkout'])).stdout).toContain('the organization');
  expect((await wayside(['folder', 'move', 'shops'])).stdout).toContain('the organization');
  expect((await wayside(['folder', 'move', 'web', '--to', 'web'])).code).toBe(1);
  expect((await wayside(['folder', 'list'])).stdout).toMatch(/^NAME +IN/);
  expect((await wayside(['folder', 'show', 'shops'])).stdout).toContain('shops');
  expect((await wayside(['folder', 'delete', 'shops'])).code).toBe(0);
});

test('a team is made, filled, bound, emptied and deleted', async () => {
  await wayside(['team', 'create', 'operators']);
  await wayside(['team', 'add', 'operators', 'ada']);
  expect((await wayside(['team', 'members', 'operators'])).stdout).toMatch(/ada +user/);
  await wayside(['binding', 'create', 'operators', 'viewer', '--on', 'projects/checkout']);
  const can = ['can-i', 'wayside.run.read', 'on', 'projects/checkout', '--as', 'ada'];
  const yes = await wayside(can);
  expect(yes).toMatchObject({ code: 0 });
  expect(yes.stdout).toContain('by 1 team gives it');
  await wayside(['team', 'remove', 'operators', 'ada']);
  expect((await wayside(can)).code).toBe(1);
  expect((await wayside(['team', 'list'])).stdout).toContain('operators');
  expect((await wayside(['team', 'delete', 'operators'])).code).toBe(0);
});

test('a role is made of permissions, changed and deleted', async () => {
  const made = await wayside(['role', 'create', 'watcher', '-p', 'wayside.run.read', '-p', 'iam.self.read']);
  expect(made.stdout).toContain('2 permissions');
  expect((await wayside(['role', 'create', 'odd', '-p', 'wayside.run.raed'])).code).toBe(64);
  const updated = await wayside(['role', 'update', 'watcher', '--add', 'wayside.action.read']);
  expect(updated.stdout).toContain('3 permissions now (version 2)');
  expect((await wayside(['role', 'show', 'watcher'])).stdout).toContain('  wayside.action.read');
  expect((await wayside(['role', 'list'])).stdout).toMatch(/owner +built in/);
  expect((await wayside(['role', 'permissions'])).stdout).toMatch(/iam\.binding\.create +asks to elevate/);
  expect((await wayside(['role', 'delete', 'watcher'])).code).toBe(0);
});

test('a binding has conditions, an end, or denies, and what it lets somebody do is asked with inputs', async () => {
  const action = 'projects/default/actions/promote';
  const create = ['binding', 'create', 'ada', 'contributor', '--on', action];
  const made = await wayside([
    ...create,
    '--if',
    'environment=staging',
    '--if',
    'environment=dev',
    '--for',
    '8h',
  ]);
  expect(made.stdout).toContain('where environment is one of staging, dev, until ');
  const can = ['can-i', 'wayside.run.start', 'on', action, '--as', 'ada'];
  expect((await wayside([...can, '-i', 'environment=staging'])).code).toBe(0);
  const refused = await wayside([...can, '-i', 'environment=production']);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stdout).toContain('only with other inputs (environment)');
  expect((await wayside(can)).code).toBe(1);
  const own = ['can-i', 'wayside.run.start', action, '-i', 'environment=dev'];
  expect((await wayside(own, ada.token)).code).toBe(0);
  await wayside([...create, '--deny']);
  expect((await wayside([...can, '-i', 'environment=staging'])).stdout).toContain('denies it');
  const bindings = await told<Binding[]>(['binding', 'list', '--of', 'ada', '--on', action]);
  expect(bindings.map(({ effect }) => effect)).toEqual(['deny', 'allow']);
  expect((await wayside(['binding', 'list', '--of', 'ada'])).stdout).toContain('not contributor');
  expect((await wayside([...create, '--if-matches', 'environment=('])).code).toBe(64);
});

test('a denial is explained, and what it would be now', async () => {
  const denied = await wayside(['--json', 'folder', 'create', 'mine'], ada.token);
  expect(denied.code).toBe(1);
  const { decision } = JSON.parse(denied.stderr) as { decision: string };
  expect((await wayside(['decision', 'show', decision])).stdout).toContain('no role there gives it');
  await wayside(['binding', 'create', 'ada', 'admin']);
  expect((await wayside(['decision', 'show', decision])).stdout).toContain('now: yes');
  expect(await told<DecisionTrace>(['decision', 'show', decision])).toMatchObject({ reason: 'no_binding' });
});

test('support access is asked for, approved, listed and revoked', async () => {
  const ben = await makePerson(server, { name: 'ben' });
  const asked = await wayside(
    ['--json', 'support', 'request', '--on', 'projects/checkout', '--for', '1h', '--reason', 'a run hangs'],
    ben.token,
  );
  const { id } = JSON.parse(asked.stdout) as Support;
  expect((await wayside(['support', 'list'])).stdout).toContain('requested');
  expect((await wayside(['whoami'])).stdout).toContain(
    'Support access is asked for (1): wayside support list',
  );
  const approved = await wayside(['support', 'approve', id, '--for', '30m']);
  expect(approved.stdout).toContain('in force, approved by owner, until');
  expect((await wayside(['project', 'show', 'checkout'], ben.token)).code).toBe(0);
  expect((await wayside(['support', 'list', '--in-force'])).stdout).toContain('ben');
  expect((await wayside(['support', 'revoke', id])).stdout).toContain('revoked by owner');
  expect((await wayside(['project', 'show', 'checkout'], ben.token)).code).toBe(1);
  expect((await wayside(['support', 'show', id], ben.token)).stdout).toContain('a run hangs');
  expect((await wayside(['support', 'request'], ben.token)).code).toBe(64);
});

test('entitlements are set, listed and lifted', async () => {
  const set = [
    'entitlement',
    'set',
    'projects',
    '--quota',
    '1',
    '--grace',
    '2d',
    '--until',
    '2099-01-01T00:00:00Z',
  ];
  expect(await told(set)).toMatchObject({ quota: 1, grace_ms: 172_800_000, state: 'grace' });
  expect((await wayside(['entitlement', 'list'])).stdout).toMatch(/projects +2 of 1/);
  expect((await wayside(['entitlement', 'set', 'projects', '--quota', 'many'])).code).toBe(64);
  expect((await wayside(['entitlement', 'set', 'projects', '--until', 'soon'])).code).toBe(64);
  expect((await wayside(['entitlement', 'delete', 'projects'])).code).toBe(0);
  expect(await told<unknown[]>(['entitlement', 'list'])).toEqual([]);
});
