// `wayside schedule …` over a real control plane.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Schedule } from '../../../protocol/api/operations.ts';
import { advertise } from '../../support/advertise.ts';
import { runCli } from '../../support/cli.ts';
import { must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const group = await must(server.api('POST', '/v1/projects/default/groups', { name: 'prod' }));
  const inputs = {
    type: 'object',
    properties: { count: { type: 'number' }, token: { type: 'string', 'x-wayside-sensitive': true } },
  };
  advertise(server.dataFolder, { group: group.body.id, operations: [{ operation: 'backup', inputs }] });
  await must(server.api('POST', '/v1/projects/default/actions/publish-all', { group: 'prod' }));
});
afterAll(() => server.close());

function wayside(args: readonly string[], input = '') {
  const { url, token, dataFolder: folder } = server;
  return runCli({ url, token, folder }, args, input);
}

test('a schedule is made, shown, paused, resumed and deleted', async () => {
  const create = ['schedule', 'create', 'nightly', '--action', 'backup', '--cron', '0 3 * * *'];
  const made = await wayside(
    [...create, '--zone', 'Europe/Berlin', '-i', 'count=3', '--secret', 'token=-'],
    'sesame-open\n',
  );
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toContain('nightly  runs backup at 0 3 * * * (Europe/Berlin)');
  expect(made.stdout.match(/^ {4}\d{4}-\d\d-\d\d \d\d:\d\d:00$/gm)).toHaveLength(10);

  const shown = await wayside(['--json', 'schedule', 'show', 'nightly']);
  const schedule = JSON.parse(shown.stdout) as Schedule;
  expect(schedule).toMatchObject({
    inputs: { count: { value: 3 }, token: { sensitive: true } },
    enabled: true,
  });
  expect((await wayside(['schedule', 'list'])).stdout).toMatch(
    /nightly +backup +0 3 \* \* \* \(Europe\/Berlin\)/,
  );

  expect((await wayside(['schedule', 'pause', 'nightly'])).stdout).toContain('paused');
  expect((await wayside(['schedule', 'list'])).stdout).toContain('paused');
  const resumed = await wayside(['--json', 'schedule', 'resume', 'nightly']);
  expect(JSON.parse(resumed.stdout)).toMatchObject({
    next_fire_at: schedule.next_fire_at,
    zone: 'Europe/Berlin',
  });
  expect(await wayside(['schedule', 'delete', 'nightly'])).toMatchObject({ code: 0 });
  expect((await wayside(['schedule', 'show', 'nightly'])).code).not.toBe(0);
});

test('an expression that means nothing is refused with a sentence', async () => {
  const refused = await wayside([
    'schedule',
    'create',
    'wrong',
    '--action',
    'backup',
    '--cron',
    '0 25 * * *',
  ]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('`25` is no hour');
});
