// `wayside audit …` over a real control plane, and over files when there is none.
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditEvent } from '../../../protocol/api/audit.ts';
import { openClient } from '../../../cli/client.ts';
import { followAudit } from '../../../cli/follow-audit.ts';
import { runCli } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import { must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = mkdtempSync(join(tmpdir(), 'wayside-audit-'));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function wayside(...args: readonly string[]) {
  const { url, token } = server;
  return runCli({ url, token, folder }, args);
}

/** Without any server to ask. */
function offline(...args: readonly string[]) {
  return runCli({ url: 'http://127.0.0.1:1', token: '', folder }, args);
}

const path = (name: string) => join(folder, name);

async function makeGroup(name: string): Promise<void> {
  await must(server.api('POST', '/v1/projects/default/groups', { name }));
}

async function save(name: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout } = await wayside(...args);
  expect(code).toBe(0);
  writeFileSync(path(name), stdout);
  return path(name);
}

test('the list is narrowed by each filter, and says who asked over which request', async () => {
  await makeGroup('listed');
  const events = async (...filter: readonly string[]) =>
    JSON.parse((await wayside('--json', 'audit', 'list', ...filter)).stdout) as AuditEvent[];
  const [event] = await events('--operation', 'group.create');
  expect(event).toMatchObject({
    principal: { name: 'owner' },
    actors: [],
    permission: 'wayside.group.create',
    result: 'allowed',
    details: { after: { name: 'listed' } },
    request: {
      method: 'POST',
      path: '/v1/projects/default/groups',
      ip: '127.0.0.1',
      user_agent: expect.any(String) as string,
      credential: { kind: 'personal_token' },
      level: 'elevated',
    },
  });
  const { resource = '', decision } = event ?? {};
  const project = resource.split('/').slice(0, 2).join('/');
  for (const filter of [
    ['--resource', resource],
    ['--resource', project],
    ['--decision', decision ?? ''],
    ['--permission', 'wayside.group.create', '--since', '1h'],
    ['--principal', 'owner', '--operation', 'group.create', '--until', '2100-01-01'],
  ]) {
    expect((await events(...filter)).map(({ id }) => id)).toContain(event?.id);
  }
  expect(await events('--operation', 'group.create', '--until', '2000-01-01')).toEqual([]);
  expect(await events('--operation', 'group.create', '--result', 'denied')).toEqual([]);
  const wrong = await wayside('audit', 'list', '--since', 'yesterday');
  expect(wrong).toMatchObject({ code: 64 });
  expect(wrong.stderr).toContain('2h for two hours ago');
});

test('the tail shows the newest last, and follows over a broken connection without a gap', async () => {
  await makeGroup('tailed');
  const shown = await wayside('audit', 'tail', '-n', '2', '--operation', 'group.create');
  expect(shown.stdout.trimEnd().split('\n').at(-1)).toContain('group.create');

  const stop = new AbortController();
  const seen: AuditEvent[] = [];
  let breaks = 0;
  const client = openClient({ url: server.url, token: server.token, project: 'default', ca: null } as never);
  const broken = {
    ...client,
    // Breaks off after each second event, as a proxy may.
    async *events(...args: Parameters<typeof client.events>) {
      let count = 0;
      for await (const event of client.events(...args)) {
        yield event;
        count += 1;
        if (count === 2) {
          breaks += 1;
          return;
        }
      }
    },
  };
  const following = followAudit(
    broken,
    { last: 1, operation: 'group.create' },
    {
      show: (event) => {
        seen.push(event);
        if (seen.length === 6) stop.abort();
      },
      note: () => undefined,
      signal: stop.signal,
      pause: () => Promise.resolve(),
    },
  );
  await eventually(() => seen.length).toBe(1);
  for (let index = 0; index < 5; index += 1) await makeGroup(`followed-${index}`);
  await following;
  await client.close();
  expect(breaks).toBeGreaterThan(1);
  expect(seen.map(({ details }) => (details['after'] as { name: string }).name)).toEqual([
    'tailed',
    ...Array.from({ length: 5 }, (_, index) => `followed-${index}`),
  ]);
});

test.each(['jsonl', 'envelope'])('an export as %s is verified without a server', async (format) => {
  const head = await save(`head-${format}.json`, 'audit', 'head');
  const keys = await save(`keys-${format}.json`, 'audit', 'keys');
  await makeGroup(`exported-${format}`);
  const file = path(`record-${format}`);
  const exported = await wayside('audit', 'export', '--format', format, '--output', file);
  expect(exported).toMatchObject({ code: 0, stderr: '' });
  const later = await save(`later-${format}.json`, 'audit', 'head');

  const verdict = await offline(
    '--json',
    'audit',
    'verify',
    file,
    '--keys',
    keys,
    '--head',
    head,
    '--head',
    later,
  );
  expect(verdict).toMatchObject({ code: 0, stderr: '' });
  const { events, signed } = JSON.parse(verdict.stdout) as { events: number; signed: number };
  expect(JSON.parse(verdict.stdout)).toMatchObject({ valid: true, after: 0, kept: 2 });
  expect(signed).toBe(events);
  const told = await offline('audit', 'verify', file, '--head', later);
  expect(told.stdout).toContain(`whole: ${events} events, 1 to ${events}`);

  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  const index = lines.findIndex((line) => line.includes(`"exported-${format}"`));
  writeFileSync(path('edited'), text.replaceAll(`exported-${format}`, 'harmless'));
  const edited = await offline('audit', 'verify', path('edited'), '--keys', keys);
  expect(edited.code).toBe(1);
  expect(edited.stdout).toMatch(new RegExp(`^broken: event .* was edited.*\\(line ${index + 1}\\)`));

  writeFileSync(path('cut'), `${lines.slice(0, index).join('\n')}\n`);
  const cut = await offline('audit', 'verify', path('cut'), '--keys', keys, '--head', later);
  expect(cut.code).toBe(1);
  expect(cut.stdout).toContain('it was cut off: a kept head names event');
});

test('an envelope has the members of an audit log stream', async () => {
  await makeGroup('enveloped');
  const { stdout } = await wayside('audit', 'export', '--format', 'envelope');
  const line = stdout.split('\n').find((text) => text.includes('"enveloped"')) ?? '';
  expect(JSON.parse(line)).toMatchObject({
    stream: { topic: 'wayside.audit', project_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string },
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    control_plane_event: {
      action: 'CREATE',
      description: expect.stringMatching(/^owner: group.create on projects/) as string,
      status_code: 200,
      request_info: {
        http_verb: 'POST',
        http_path: '/v1/projects/default/groups',
        http_client_ip: '127.0.0.1',
      },
      authentication_info: {
        principal: { type: 'USER', name: 'owner' },
        service_principal_delegation_chain: [],
      },
      authorization_info: [{ permissions: ['wayside.group.create'] }],
      operation_info: {},
    },
  });
});

test('an export is resumed in its file, also where its last line broke off', async () => {
  const keys = await save('keys-resumed.json', 'audit', 'keys');
  const file = path('resumed.jsonl');
  const first = await wayside('--json', 'audit', 'export', '--output', file, '--resume');
  const { position } = JSON.parse(first.stdout) as { position: number };
  expect((await wayside('audit', 'export', '--output', file)).stderr).toContain('--resume');
  await makeGroup('resumed-1');
  // A crash in the middle of a line, behind the end of the first export.
  appendFileSync(file, '{"type":"event","id":"01');
  const second = await wayside('--json', 'audit', 'export', '--output', file, '--resume');
  expect(JSON.parse(second.stdout)).toMatchObject({ after: position });
  // And in the middle of the second.
  truncateSync(file, statSync(file).size - 200);
  await makeGroup('resumed-2');
  await wayside('audit', 'export', '--output', file, '--resume');
  const verdict = await offline('--json', 'audit', 'verify', file, '--keys', keys);
  expect(JSON.parse(verdict.stdout)).toMatchObject({ valid: true, after: 0 });
  expect(readFileSync(file, 'utf8').match(/"resumed-[12]"/g)).toHaveLength(2);
  expect(statSync(file).mode & 0o777).toBe(0o600);

  writeFileSync(path('other'), 'something else\n');
  const other = await wayside('audit', 'export', '--output', path('other'), '--resume');
  expect(other).toMatchObject({ code: 64 });
  expect(other.stderr).toContain('is no export');
});

test('a file is not verified by itself, and what cannot be read is said', async () => {
  writeFileSync(path('empty'), '');
  expect(await offline('audit', 'verify', path('empty'))).toMatchObject({ code: 64 });
  const keys = await save('keys.json', 'audit', 'keys');
  expect((await offline('audit', 'verify', path('empty'), '--keys', keys)).stdout).toContain(
    'the file is empty',
  );
  expect((await offline('audit', 'verify', path('none'), '--keys', keys)).stderr).toContain('cannot be read');
  expect((await offline('audit', 'verify', path('empty'), '--keys', path('empty'))).stderr).toContain(
    'not what `wayside audit keys` prints',
  );
  expect((await offline('audit', 'verify', '--keys', keys)).stderr).toContain('name it');
});

test('the server verifies its own record, also against a head', async () => {
  const head = await save('head-server.json', 'audit', 'head');
  const verdict = await wayside('audit', 'verify', '--against', head);
  expect(verdict).toMatchObject({ code: 0, stderr: '' });
  expect(verdict.stdout).toMatch(/^whole: \d+ events/);
});

test('settings are shown and changed, and each change is an event with before and after', async () => {
  expect((await wayside('audit', 'settings', 'show')).stdout).toBe(
    'Events are kept for ever.\nEvery denial is an event.\n',
  );
  const changed = await wayside('audit', 'settings', 'set', '--retention', '400', '--denials', '20');
  expect(changed.stdout).toContain('Events are kept 400 days.');
  await wayside('audit', 'settings', 'set', '--denials', 'all');
  const { stdout } = await wayside('--json', 'audit', 'list', '--operation', 'audit.settings.update');
  expect((JSON.parse(stdout) as AuditEvent[]).map(({ details }) => details)).toMatchObject([
    {
      before: { retention_days: 400, denials_per_minute: 20 },
      after: { retention_days: 400, denials_per_minute: null },
    },
    {
      before: { retention_days: null, denials_per_minute: null },
      after: { retention_days: 400, denials_per_minute: 20 },
    },
  ]);
  expect(await wayside('audit', 'settings', 'set')).toMatchObject({ code: 64 });
  expect(await wayside('audit', 'settings', 'set', '--retention', '1')).toMatchObject({ code: 64 });
  const { status } = await server.api(
    'PATCH',
    '/v1/audit/settings',
    { retention_days: null },
    { 'if-match': '"1"' },
  );
  expect(status).toBe(412);
});

test('whoever reads the record or verifies it is in it', async () => {
  await wayside('audit', 'list', '--result', 'failed');
  const { stdout } = await wayside('--json', 'audit', 'list', '--resource', 'audit', '--limit', '200');
  const told = (JSON.parse(stdout) as AuditEvent[]).map(({ operation }) => operation);
  for (const operation of ['audit.read', 'audit.export', 'audit.tail', 'audit.verify']) {
    expect(told).toContain(operation);
  }
});
