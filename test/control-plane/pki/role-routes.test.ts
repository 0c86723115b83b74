import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crlPublishMsMax } from '../../../protocol/limits.ts';
import { openssl, opensslRequest, opensslVerify, splitPem } from '../../support/openssl.ts';
import { openFolder } from '../../support/folder.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ options: { 'trust-domain': 'roles.wayside' } });
});
afterAll(() => server.close());

interface Issued {
  readonly serial: string;
  readonly chain: string;
}

const web = {
  names: { dns: ['*.svc.example'], ips: ['10.0.0.0/8'] },
  names_max: 2,
  usages: ['server_auth'],
  common_name: 'any_name',
  ttl_ms: 3_600_000,
};
const request = (subject: string, ...extensions: string[]) => opensslRequest({ subject, extensions });
const issue = async (role: string, csr: string, ttl?: number) =>
  server.api<Issued & { readonly code: string; readonly part: string }>(
    'POST',
    `/v1/pki/roles/${role}/certificates`,
    { csr, ...(ttl === undefined ? {} : { ttl_ms: ttl }) },
  );

describe('a role of our own', () => {
  it('is made once, and changed by who has read it', async () => {
    const made = await server.api('PUT', '/v1/pki/roles/web', web);
    expect([made.status, made.headers.get('etag')]).toEqual([200, '"1"']);
    expect((await server.api('PUT', '/v1/pki/roles/web', { ttl_ms: 60_000 })).status).toBe(428);
    const stale = await server.api('PUT', '/v1/pki/roles/web', web, { 'if-match': '"7"' });
    expect([stale.status, stale.body.code]).toEqual([412, 'precondition_failed']);
    const changed = await server.api(
      'PUT',
      '/v1/pki/roles/web',
      { description: 'for the shop' },
      { 'if-match': '"1"' },
    );
    expect(changed.body).toMatchObject({ revision: 2, description: 'for the shop', ttl_ms: 3_600_000 });
    const { items } = (await server.api('GET', '/v1/pki/roles')).body;
    expect(items.map(({ name }) => name)).toEqual(['agent', 'server', 'web']);
    const events = (await server.api('GET', '/v1/audit?limit=20')).body.items;
    expect(events.filter((event) => event['operation'] === 'pki.role.update')).toHaveLength(2);
  });

  it('issues what it allows, verified by openssl, and lists what is revoked within the stated time', async () => {
    const { csr } = await request('/CN=shop.svc.example', 'subjectAltName=DNS:shop.svc.example');
    const issued = await issue('web', csr, 600_000);
    expect(issued.status).toBe(201);
    const leaf = new X509Certificate(issued.body.chain);
    expect(leaf.validToDate.getTime() - Date.now()).toBeLessThan(601_000);
    const { root } = (await server.api<{ root: string }>('GET', '/v1/pki/authority')).body;
    const lists = async () => (await server.api<{ pem: string }>('GET', '/v1/pki/revocation-lists')).body.pem;
    const [first = '', ...chain] = splitPem(issued.body.chain);
    const verify = async () =>
      opensslVerify({ root, chain: chain.join(''), leaf: first, purpose: 'sslserver', crl: await lists() });
    expect(await verify()).toMatchObject({ code: 0 });
    const revoke = () => server.api('POST', `/v1/pki/certificates/${issued.body.serial}/revoke`, {});
    expect((await revoke()).status).toBe(204);
    await new Promise((resolve) => setTimeout(resolve, crlPublishMsMax + 50));
    expect((await verify()).stderr).toContain('certificate revoked');
    expect((await revoke()).status).toBe(204);
    expect((await server.api('POST', '/v1/pki/certificates/AB/revoke', {})).status).toBe(404);
  });

  it('refuses more than it allows, each with the part that goes too far', async () => {
    const good = 'subjectAltName=DNS:a.svc.example';
    const cases: readonly [string, string, Promise<{ csr: string }>, number?][] = [
      ['name', 'another domain', request('/CN=a', 'subjectAltName=DNS:a.svc.evil')],
      ['name', 'a name too many', request('/', `${good},DNS:b.svc.example,DNS:c.svc.example`)],
      ['name', 'an address outside', request('/', `${good},IP:192.168.0.1`)],
      ['name', 'a mail address', request('/', `${good},email:a@svc.example`)],
      ['name', 'no name', request('/')],
      ['usage', 'clients', request('/', good, 'extendedKeyUsage=serverAuth,clientAuth')],
      ['usage', 'signing code', request('/', good, 'extendedKeyUsage=codeSigning')],
      ['usage', 'signing certificates', request('/', good, 'keyUsage=critical,keyCertSign')],
      ['authority', 'an authority', request('/', good, 'basicConstraints=critical,CA:true,pathlen:0')],
      ['ttl', 'a longer life', request('/', good), 3_600_001],
      ['key_type', 'another curve', opensslRequest({ subject: '/', curve: 'P-384', extensions: [good] })],
      ['common_name', 'another common name', request('/CN=Wayside Root CA 1', good)],
    ];
    for (const [part, what, asked, ttl] of cases) {
      const { status, body } = await issue('web', (await asked).csr, ttl);
      expect([what, status, body.code, body.part]).toEqual([what, 422, 'role_violation', part]);
    }
  });
});

describe('the built-in roles', () => {
  it('refuse requests of people, whatever they ask for', async () => {
    const id = '01890000-0000-7000-8000-000000000001';
    const own = `URI:spiffe://roles.wayside/org/${id}/project/${id}/agent/${id}`;
    const agent = await request('/', `subjectAltName=${own}`);
    expect((await issue('agent', agent.csr)).body).toMatchObject({ code: 'role_violation', part: 'request' });
    const more = await request('/', `subjectAltName=${own.replace('roles', 'other')}`);
    expect((await issue('agent', more.csr)).body).toMatchObject({ code: 'role_violation', part: 'name' });
    const host = await request('/', 'subjectAltName=DNS:localhost');
    expect((await issue('server', host.csr)).body).toMatchObject({ part: 'request' });
    expect((await issue('server', host.csr, 48 * 3_600_000)).body).toMatchObject({ part: 'ttl' });
    const client = await request('/', 'subjectAltName=DNS:localhost', 'extendedKeyUsage=clientAuth');
    expect((await issue('server', client.csr)).body).toMatchObject({ part: 'usage' });
  });

  it('change in their life alone, an hour to a day for agents', async () => {
    const change = (role: string, body: object) =>
      server.api('PUT', `/v1/pki/roles/${role}`, body, { 'if-match': '"1"' });
    expect((await change('agent', { ttl_ms: 60_000 })).body.code).toBe('invalid_request');
    expect((await change('agent', { ttl_ms: 90_000_000 })).body.code).toBe('invalid_request');
    expect((await change('server', { names: { dns: ['*'] } })).body.code).toBe('invalid_request');
    expect((await change('agent', { ttl_ms: 3_600_000 })).body).toMatchObject({ ttl_ms: 3_600_000 });
  });
});

describe('the public lists', () => {
  it('are DER with a number that grows, for everybody, by authority', async () => {
    using folder = openFolder();
    const { items } = (
      await server.api<{ items: { crl_path: string; name: string }[] }>('GET', '/v1/pki/authorities')
    ).body;
    expect(items.map(({ name }) => name)).toEqual(['root-1', 'intermediate-1', 'data-plane-1']);
    for (const { crl_path, name } of items) {
      const answer = await fetch(server.url + crl_path);
      expect(answer.headers.get('content-type')).toBe('application/pkix-crl');
      const file = join(folder.path, `${name}.crl`);
      writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
      const text = await openssl(['crl', '-inform', 'DER', '-in', file, '-noout', '-text']);
      expect(text.stdout).toMatch(/X509v3 CRL Number:\s+\d{13}\n/);
      expect(text.stdout).toMatch(/Next Update/);
    }
    expect((await fetch(`${server.url}/pki/crl/x.crl`)).status).toBe(404);
    const id = '01890000-0000-7000-8000-000000000001';
    expect((await fetch(`${server.url}/pki/crl/${id}.crl`)).status).toBe(404);
  });
});
