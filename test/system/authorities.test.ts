// Authorities are replaced under agents that are connected over real mutual TLS, by the commands that people use.
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PkiAuthority } from '../../protocol/api/pki.ts';
import { runCli } from '../support/cli.ts';
import { opensslVerify, splitPem } from '../support/openssl.ts';
import { System, shell, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await System.open({ groups: ['main'] });
}, 60_000);
afterAll(() => system[Symbol.asyncDispose]());

const hcl = `group "main" {
  action "hello" {
    run { ${shell('echo hello')} }
  }
}`;

async function cli(...args: string[]) {
  return runCli(system, args, 'a long passphrase for tests\n');
}

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...args);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('Error:')]);
  return stdout;
}

async function authorities(): Promise<readonly PkiAuthority[]> {
  return JSON.parse(await ok('--json', 'pki', 'list', '--all')) as PkiAuthority[];
}

async function named(name: string): Promise<PkiAuthority> {
  const found = (await authorities()).find((authority) => authority.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

interface Identity {
  readonly root: string;
  readonly certificate_chain: string;
  readonly generation: number;
}

function identityOf(agent: Pick<AgentProcess, 'stateFolder'>): Identity {
  return JSON.parse(readFileSync(join(agent.stateFolder, 'identity.json'), 'utf8')) as Identity;
}

/** Names of the authorities that issued the agent's certificate, by the common name of each. */
function issuersOf(agent: Pick<AgentProcess, 'stateFolder'>): string {
  const [, dataPlane = ''] = splitPem(identityOf(agent).certificate_chain);
  return new X509Certificate(dataPlane).subject.split('\n').at(-1) ?? '';
}

async function usesAuthority(agent: AgentProcess, number: number): Promise<void> {
  await until(`${agent.name} has a certificate of data-plane-${number}`, () =>
    issuersOf(agent).endsWith(`Data Plane CA ${number}`),
  );
}

async function nothingInUse(name: string): Promise<void> {
  await until(`nothing of ${name} is in use`, async () => (await named(name)).live_leaves === 0);
}

async function press(): Promise<string> {
  const { id } = await system.press('hello');
  return (await system.ended(id)).state;
}

describe('rotating each level', () => {
  it('while agents work: they stay or come back by themselves, with a root that they learned from the old one', async () => {
    const agents = [
      await system.startAgent('steady', { hcl }),
      await system.startAgent('sturdy', { hcl }),
    ] as const;
    const away = await system.startAgent('away', { hcl });
    await system.publish();
    const pinned = identityOf(agents[0]).root;
    expect(await press()).toBe('succeeded');

    await ok('pki', 'rotate', 'data-plane');
    for (const agent of [...agents, away]) await usesAuthority(agent, 2);
    expect(await press()).toBe('succeeded');
    await nothingInUse('data-plane-1');
    expect(await ok('pki', 'retire', 'data-plane-1')).toContain('is retired');

    await ok('pki', 'rotate', 'intermediate');
    for (const agent of [...agents, away]) await usesAuthority(agent, 3);
    expect(await press()).toBe('succeeded');
    await nothingInUse('data-plane-2');
    await ok('pki', 'retire', 'intermediate-1');
    expect(identityOf(agents[0]).root).toBe(pinned);

    // One agent is not there while the root changes; it knows the old one alone when it comes back.
    await away.kill('SIGKILL');
    await ok('pki', 'rotate', 'root');
    for (const agent of agents) await usesAuthority(agent, 4);
    for (const agent of agents) expect(splitPem(identityOf(agent).root)).toHaveLength(2);
    expect(await press()).toBe('succeeded');
    const refused = await cli('pki', 'retire', 'root-1');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('certificates of root-1 are in use'),
    ]);
    const back = await system.startAgent('away', { hcl });
    await until('it has learned the new root', () => splitPem(identityOf(back).root).length === 2);
    expect(identityOf(back).root.startsWith(pinned.trim())).toBe(true);
    // Who joins now pins the old root, and learns the new one with its first certificate.
    const joined = await system.startAgent('joined', { hcl });
    expect(splitPem(identityOf(joined).root)).toHaveLength(2);
    await ok('pki', 'rotate', 'data-plane');
    for (const agent of [...agents, back, joined]) await usesAuthority(agent, 5);
    await nothingInUse('data-plane-3');
    await nothingInUse('data-plane-4');
    await ok('pki', 'retire', 'root-1');

    // The old root counts nowhere any more, and everybody is still there.
    expect(await press()).toBe('succeeded');
    await agents[0].kill('SIGKILL');
    const again = await system.startAgent('steady', { hcl });
    const identity = identityOf(again);
    expect(identity.root).not.toContain(pinned.trim());
    expect(splitPem(identity.root)).toHaveLength(1);
    const [leaf = '', ...chain] = splitPem(identity.certificate_chain);
    const check = { chain: chain.join(''), leaf, purpose: 'sslclient' } as const;
    const crl = await ok('pki', 'revocation-lists');
    expect(await opensslVerify({ ...check, root: identity.root, crl })).toMatchObject({ code: 0 });
    expect(system.log()).not.toMatch(/"level":50/);
    const events = await ok('--json', 'audit', 'list', '--limit', '200');
    const operations = (JSON.parse(events) as { operation: string }[]).map(({ operation }) => operation);
    expect(operations.filter((operation) => operation === 'pki.authority.rotate')).toHaveLength(4);
    expect(operations.filter((operation) => operation === 'pki.authority.retire')).toHaveLength(3);
    // Joining goes on as before, with the new pin.
    const late = await system.startAgent('late', { hcl });
    expect(identityOf(late).root).toBe(identity.root);
  }, 120_000);

  it('by force: who holds a certificate of it is cut off and refused at once', async () => {
    const agent = await system.startAgent('stubborn', { hcl });
    await ok('pki', 'rotate', 'data-plane', '--no-renew');
    const active = (await named('data-plane-6')).state;
    expect(active).toBe('active');
    const number = issuersOf(agent).match(/\d+$/)?.[0];
    expect(number).toBe('5');
    await ok('pki', 'retire', 'data-plane-5', '--force');
    await until('it is offline', async () => (await system.agentNamed('stubborn')).status === 'offline');
    await agent.said(/does not count any more|was retired/, { msMax: 30_000 });
    expect((await named('data-plane-5')).key).toBe('none');
    await agent.kill('SIGKILL');
  }, 60_000);
});

describe('a root whose key is taken away', () => {
  it('signs the next intermediate, its own list and its successor on another machine', async () => {
    const file = (name: string) => join(system.folder, name);
    const root = (await named('root-2')).name;
    await ok('pki', 'root', 'export', '--out', file('root.json'), '--passphrase-file', '-');
    const twice = await cli('pki', 'root', 'export', '--out', file('root.json'), '--passphrase-file', '-');
    expect(twice.code).toBe(64);
    const wrong = await runCli(
      system,
      ['pki', 'root', 'offline', file('root.json'), '--passphrase-file', '-'],
      'no\n',
    );
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('cannot be opened')]);
    expect((await named(root)).key).toBe('here');
    await ok('pki', 'root', 'offline', file('root.json'), '--passphrase-file', '-');
    expect(await named(root)).toMatchObject({ key: 'offline', warnings: [] });
    const refused = await cli('pki', 'rotate', 'intermediate');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('is not here')]);
    // The data plane needs no root.
    await ok('pki', 'rotate', 'data-plane');

    const sign = async (request: string, out: string): Promise<void> => {
      // No control plane is asked: the address leads nowhere.
      const nowhere = { url: 'http://127.0.0.1:1', token: '', folder: system.folder };
      const args = ['pki', 'sign', file(request), '--root-file', file('root.json'), '--out', file(out)];
      const signed = await runCli(
        nowhere,
        [...args, '--passphrase-file', '-'],
        'a long passphrase for tests\n',
      );
      expect([signed.code, signed.stderr]).toEqual([0, '']);
    };
    await ok('pki', 'intermediate', 'request', '--out', file('request.json'));
    await sign('request.json', 'intermediate.pem');
    const [first] = splitPem(await ok('pki', 'root'));
    const swapped = file('swapped.pem');
    writeFileSync(swapped, first ?? '');
    const another = await cli('pki', 'intermediate', 'import', swapped);
    expect(another.stderr).toContain('is for another key');
    await ok('pki', 'intermediate', 'import', file('intermediate.pem'));
    await ok('pki', 'rotate', 'intermediate');
    const agent = await system.startAgent('later', { hcl });
    const [leaf = '', ...chain] = splitPem(identityOf(agent).certificate_chain);
    const check = { chain: chain.join(''), leaf, purpose: 'sslclient' } as const;
    const lists = () => ok('pki', 'revocation-lists');
    expect(await opensslVerify({ ...check, root: identityOf(agent).root, crl: await lists() })).toMatchObject(
      {
        code: 0,
      },
    );

    await ok('pki', 'root', 'request', '--list', '--out', file('list.json'));
    await sign('list.json', 'list.pem');
    await ok('pki', 'root', 'import', file('list.pem'));
    expect(await opensslVerify({ ...check, root: identityOf(agent).root, crl: await lists() })).toMatchObject(
      {
        code: 0,
      },
    );

    await ok('pki', 'create', 'root');
    expect((await cli('pki', 'rotate', 'root')).stderr).toContain('has not been signed by the root');
    await ok('pki', 'root', 'request', '--out', file('cross.json'));
    await sign('cross.json', 'cross.pem');
    await ok('pki', 'root', 'import', file('cross.pem'));
    await ok('pki', 'rotate', 'root');
    await until('the agent trusts both roots', () => splitPem(identityOf(agent).root).length === 2);
    expect(await press()).toBe('succeeded');

    await ok('pki', 'root', 'import', '--exported', file('root.json'), '--passphrase-file', '-');
    expect((await named(root)).key).toBe('here');
  }, 120_000);
});
