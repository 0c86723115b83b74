// The organization over real HTTP, and the first start that makes it.
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { runCli } from '../../support/cli.ts';
import { openFolder } from '../../support/folder.ts';
import { makePerson } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';

test('is shown to whoever has a role in all of it', async () => {
  const server = await startTestServer({ options: { 'trust-domain': 'wayside.example' } });
  try {
    expect((await server.api('GET', '/v1/organization')).body).toMatchObject({
      name: 'default',
      trust_domain: 'wayside.example',
    });
    const viewer = await makePerson(server, { roles: [{ role: 'viewer' }] });
    expect((await viewer.api('GET', '/v1/organization')).status).toBe(200);
    const local = await makePerson(server, { roles: [{ role: 'owner', level: 'projects/default' }] });
    expect((await local.api('GET', '/v1/organization')).status).toBe(403);
  } finally {
    await server.close();
  }
});

test('is given another name by whoever may, and says which revision was read', async () => {
  const server = await startTestServer();
  try {
    const rename = (name: string, tag?: string) =>
      server.api('PATCH', '/v1/organization', { name }, tag === undefined ? {} : { 'if-match': tag });
    expect((await server.api('GET', '/v1/organization')).headers.get('etag')).toBe('"1"');
    expect((await rename('acme')).status).toBe(428);
    const renamed = await rename('acme', '"1"');
    expect(renamed.body).toMatchObject({ name: 'acme', revision: 2 });
    expect(renamed.headers.get('etag')).toBe('"2"');
    expect((await rename('other', '"1"')).status).toBe(412);
    expect((await rename('not a name', '"2"')).status).toBe(400);
    const admin = await makePerson(server, { roles: [{ role: 'viewer' }] });
    const denied = await admin.api('PATCH', '/v1/organization', { name: 'mine' }, { 'if-match': '"2"' });
    expect(denied.status).toBe(403);
    const { body } = await server.api('GET', '/v1/audit?operation=organization.update');
    expect(body.items.map(({ details }) => details)).toMatchObject([
      { before: { name: 'default' }, after: { name: 'acme' } },
    ]);
    const { url, token, dataFolder: folder } = server;
    const cli = (...args: string[]) => runCli({ url, token, folder }, args);
    expect((await cli('organization', 'rename', 'acme-2')).stdout).toContain('acme-2  trust domain');
    expect((await cli('organization')).stdout).toContain('acme-2');
  } finally {
    await server.close();
  }
});

test('its first owner gets the token of the first start that succeeds, and nobody gets a second', async () => {
  using folder = openFolder();
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const port = String((taken.address() as AddressInfo).port);
  await expect(startTestServer({ dataFolder: folder.path, options: { port } })).rejects.toMatchObject({
    code: 'port_in_use',
  });
  taken.close();
  const first = await startTestServer({ dataFolder: folder.path });
  expect((await first.api('GET', '/v1/whoami')).status).toBe(200);
  await first.close();
  const second = await startTestServer({ dataFolder: folder.path });
  expect(second.token).toBe('');
  const known = { authorization: `Bearer ${first.token}` };
  expect((await second.api('GET', '/v1/whoami', undefined, known)).body).toMatchObject({
    principal: { name: 'owner' },
    roles: [{ role: 'owner', resource: 'organization' }],
  });
  const { body } = await second.api('GET', '/v1/audit', undefined, known);
  expect(body.items.map(({ operation }) => operation)).toEqual([
    'token.create',
    'sign_in_link.create',
    'organization.create',
  ]);
  await second.close();
});

test('an owner who has lost every token gets one on the machine itself, for an hour', async () => {
  using folder = openFolder();
  const server = await startTestServer({ dataFolder: folder.path });
  const cli = (...args: string[]) => runCli({ url: '', token: '', folder: folder.path } as never, args);
  const recover = () => cli('--json', 'server', 'owner-token', '--data', folder.path);
  expect(await recover()).toMatchObject({ code: 1 });
  await server.close();
  const { code, stdout } = await recover();
  expect(code).toBe(0);
  const recovered = JSON.parse(stdout) as { owner: string; token: string; expires_at: number };
  expect(recovered.owner).toBe('owner');
  expect(recovered.expires_at - Date.now()).toBeLessThanOrEqual(3_600_000);
  const again = await startTestServer({ dataFolder: folder.path });
  try {
    const as = { authorization: `Bearer ${recovered.token}` };
    const { body } = await again.api('GET', '/v1/audit?operation=token.create', undefined, as);
    expect(body.items.map(({ details }) => details)).toMatchObject([
      { after: { name: 'recovered owner token' } },
      { after: { name: 'first owner token' } },
    ]);
    const verdict = await again.api<{ valid: boolean }>('POST', '/v1/audit/verify', {}, as);
    expect(verdict.body.valid).toBe(true);
  } finally {
    await again.close();
  }
});
