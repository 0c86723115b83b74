import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { opensslRequest } from '../../support/openssl.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** What another process writes, over SQLite. */
function elsewhere(sql: string, ...values: readonly (string | number)[]): void {
  const database = new DatabaseSync(join(server.dataFolder, 'wayside.db'), { timeout: 5_000 });
  expect(database.prepare(sql).run(...values).changes).toBe(1);
  database.close();
}

const create = (level: string) => server.api('POST', '/v1/pki/authorities', { level });

describe('roots', () => {
  it('follow one another one at a time: while two are trusted, no third one is announced to agents', async () => {
    expect((await create('root')).body).toMatchObject({ name: 'root-2', state: 'next' });
    expect(await create('root')).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await server.api('POST', '/v1/pki/rotations', { level: 'root' })).status).toBe(200);
    // An agent that was away knows root-1 alone, and takes nothing of an offer in which anything is strange to it.
    const third = await create('root');
    expect(third.body).toMatchObject({ code: 'in_use' });
    expect(third.body.detail).toContain('wayside pki retire root-1');
    expect((await server.api('POST', '/v1/pki/authorities/root-1/retire', { force: true })).status).toBe(200);
    expect((await create('root')).body).toMatchObject({ name: 'root-3', state: 'next' });
  });
});

describe('a certificate', () => {
  it('is issued by the role as another process has narrowed it a moment ago', async () => {
    const role = { names: { dns: ['*.svc.example'] }, usages: ['server_auth'] };
    expect((await server.api('PUT', '/v1/pki/roles/narrowed', role)).status).toBe(200);
    const { csr } = await opensslRequest({ subject: '/', extensions: ['subjectAltName=DNS:a.svc.example'] });
    const issue = () => server.api('POST', '/v1/pki/roles/narrowed/certificates', { csr });
    expect((await issue()).status).toBe(201);
    const names = '{"uris":[],"dns":["only.example"],"ips":[]}';
    elsewhere("update pki_roles set names = ?, revision = 2 where name = 'narrowed'", names);
    expect(await issue()).toMatchObject({ status: 422, body: { code: 'role_violation', part: 'name' } });
  });
});
