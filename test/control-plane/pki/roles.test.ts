import { KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agentRole, serverRole } from '../../../control-plane/pki/built-in-roles.ts';
import { changeRole, newRole } from '../../../control-plane/pki/change-role.ts';
import { issueLeaf } from '../../../control-plane/pki/issue-leaf.ts';
import { readRequest } from '../../../control-plane/pki/read-request.ts';
import { allowsName, checkNames, checkRequest } from '../../../control-plane/pki/roles.ts';
import type { LeafName, LeafRequest, Role } from '../../../control-plane/pki/roles.ts';
import { opensslRequest, opensslVerify, splitPem } from '../../support/openssl.ts';
import { openInstallation } from './installation.ts';

const id = '01890000-0000-7000-8000-000000000001';
const domain = 'test.wayside';
const own = `spiffe://${domain}/org/${id}/project/${id}/agent/${id}`;

const webRole: Role = {
  ...newRole('web'),
  names: {
    uris: [`spiffe://${domain}/service/*`],
    dns: ['*.svc.example', 'web.example'],
    ips: ['10.0.0.0/8'],
  },
  namesMax: 3,
  keyTypes: ['p256', 'ed25519'],
  usages: ['server_auth'],
  commonName: 'any_name',
  ttlMs: 3_600_000,
};
const builtIn = { agent: agentRole, server: serverRole, web: webRole } as const;

describe('the names that a role allows', () => {
  const cases: readonly [keyof typeof builtIn, readonly LeafName[], boolean][] = [
    ['agent', [{ type: 'url', value: own }], true],
    ['agent', [{ type: 'url', value: own.replace('test', 'other') }], false],
    ['agent', [{ type: 'url', value: own.replace('test.wayside', 'test.wayside.evil') }], false],
    ['agent', [{ type: 'url', value: 'spiffe://test.wayside' }], false],
    ['agent', [{ type: 'url', value: `${own}/more` }], false],
    ['agent', [], false],
    [
      'agent',
      [
        { type: 'url', value: own },
        { type: 'url', value: own },
      ],
      false,
    ],
    ['agent', [{ type: 'dns', value: 'localhost' }], false],
    ['server', [{ type: 'dns', value: 'localhost' }], true],
    ['server', [{ type: 'dns', value: 'wayside.internal.example' }], true],
    ['server', [{ type: 'ip', value: '10.0.0.1' }], true],
    ['server', [{ type: 'ip', value: '::1' }], true],
    ['server', [{ type: 'ip', value: '10.0.0' }], false],
    ['server', [{ type: 'dns', value: '*.example' }], false],
    ['server', [{ type: 'dns', value: 'Example' }], false],
    ['server', [{ type: 'dns', value: 'a b' }], false],
    ['server', [{ type: 'url', value: own }], false],
    ['server', [], false],
    ['web', [{ type: 'dns', value: 'a.svc.example' }], true],
    ['web', [{ type: 'dns', value: 'a.b.svc.example' }], false],
    ['web', [{ type: 'dns', value: 'svc.example' }], false],
    ['web', [{ type: 'dns', value: 'a.svc.example.evil' }], false],
    ['web', [{ type: 'ip', value: '10.255.0.1' }], true],
    ['web', [{ type: 'ip', value: '11.0.0.1' }], false],
    ['web', [{ type: 'ip', value: '::ffff:10.0.0.1' }], false],
    ['web', [{ type: 'url', value: `spiffe://${domain}/service/shop` }], true],
    ['web', [{ type: 'url', value: `spiffe://${domain}/service/..` }], false],
    ['web', [{ type: 'url', value: `spiffe://${domain}/service/a/b` }], false],
    ['web', [{ type: 'url', value: own }], false],
  ];
  it.each(cases)('%s with the names %j: %s', (role, names, allowed) => {
    const check = () => checkNames(builtIn[role], names, domain);
    if (allowed) check();
    else expect(check).toThrow(expect.objectContaining({ code: 'role_violation' }));
  });

  it('never gives an identity of an agent to anything but enrolment, whatever its patterns reach', () => {
    const segment = fc.constantFrom('*', 'org', 'project', 'agent', id);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 8 }), (segments) => {
        const uris = [`spiffe://${domain}/${segments.join('/')}`];
        const role = { ...webRole, names: { uris, dns: [], ips: [] } };
        expect(allowsName(role, { type: 'url', value: own }, domain)).toBe(false);
      }),
    );
  });
});

describe('a request that asks for more than its role allows', () => {
  const asked: LeafRequest = {
    names: [{ type: 'dns', value: 'web.example' }],
    keyType: 'p256',
    usages: ['server_auth'],
    commonName: 'web.example',
    ttlMs: 60_000,
  };
  const refusal = (role: Role, request: LeafRequest): unknown => {
    try {
      checkRequest(role, request, domain);
      return null;
    } catch (failure) {
      return failure;
    }
  };
  const agent: LeafRequest = {
    ...asked,
    names: [{ type: 'url', value: own }],
    usages: null,
    commonName: null,
  };
  const server: LeafRequest = { ...asked, commonName: null };

  it('is taken where it does not', () => {
    expect(refusal(webRole, asked)).toBeNull();
    expect(refusal(agentRole, agent)).toBeNull();
    expect(refusal(serverRole, server)).toBeNull();
  });

  it.each([
    ['web', webRole, asked, 'client_auth'],
    ['agent', agentRole, agent, 'server_auth'],
    ['server', serverRole, server, 'client_auth'],
  ] as const)(
    'is refused by %s for a name, a usage, a life, a key and a common name',
    (_name, role, good, usage) => {
      const part = (change: Partial<LeafRequest>) => refusal(role, { ...good, ...change });
      const violation = (which: string) =>
        expect.objectContaining({
          code: 'role_violation',
          details: expect.objectContaining({ part: which }),
        });
      expect(part({ names: [...good.names, { type: 'url', value: `spiffe://${domain}/x` }] })).toEqual(
        violation('name'),
      );
      expect(part({ usages: ['server_auth', 'client_auth'] })).toEqual(violation('usage'));
      expect(part({ usages: [usage] })).toEqual(violation('usage'));
      expect(part({ ttlMs: role.ttlMs + 1 })).toEqual(violation('ttl'));
      expect(part({ keyType: 'p384' })).toEqual(violation('key_type'));
      expect(part({ commonName: 'Wayside Root CA 1' })).toEqual(violation('common_name'));
    },
  );
});

describe('a certificate by a role', () => {
  it('says what was asked for within it, and openssl takes it for that alone', async () => {
    await using installation = await openInstallation();
    const { authorities } = installation;
    const pair = (await webcrypto.subtle.generateKey('Ed25519', true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair;
    expect(KeyObject.from(pair.publicKey).asymmetricKeyType).toBe('ed25519');
    const leaf = await issueLeaf(authorities, webRole, {
      subject: [],
      request: {
        names: [
          { type: 'dns', value: 'a.svc.example' },
          { type: 'ip', value: '10.1.2.3' },
        ],
        keyType: 'ed25519',
        usages: null,
        commonName: null,
        ttlMs: 60_000,
      },
      publicKey: pair.publicKey,
      now: Date.now(),
    });
    const certificate = new X509Certificate(leaf.chain);
    expect(certificate.subjectAltName).toBe('DNS:a.svc.example, IP Address:10.1.2.3');
    expect(certificate.subject).toBeFalsy();
    const [first = '', ...rest] = splitPem(leaf.chain);
    const verify = (purpose: 'sslclient' | 'sslserver') =>
      opensslVerify({ root: authorities.root.pem, chain: rest.join(''), leaf: first, purpose });
    expect(await verify('sslserver')).toMatchObject({ code: 0 });
    expect((await verify('sslclient')).code).not.toBe(0);
  });

  it('reads from a request what it asks for, and refuses what no leaf is', async () => {
    const good = await opensslRequest({
      subject: '/CN=web.example',
      extensions: ['subjectAltName=DNS:web.example,IP:10.0.0.1', 'extendedKeyUsage=serverAuth'],
    });
    expect((await readRequest(good.csr)).asked).toEqual({
      names: [
        { type: 'dns', value: 'web.example' },
        { type: 'ip', value: '10.0.0.1' },
      ],
      keyType: 'p256',
      usages: ['server_auth'],
      commonName: 'web.example',
    });
    for (const extensions of [
      ['basicConstraints=critical,CA:true'],
      ['keyUsage=critical,keyCertSign'],
      ['keyUsage=cRLSign'],
      ['extendedKeyUsage=codeSigning'],
      ['subjectAltName=email:a@b.example'],
    ]) {
      const { csr } = await opensslRequest({ extensions });
      await expect(readRequest(csr)).rejects.toMatchObject({ code: 'role_violation' });
    }
  });
});

describe('changing a role', () => {
  it('keeps the life of agents within an hour and a day, and the built-in ones what they are', async () => {
    await using installation = await openInstallation();
    const { authorities } = installation;
    const change = (role: Role, what: Parameters<typeof changeRole>[1]) => () =>
      changeRole(role, what, authorities);
    expect(change(agentRole, { ttl_ms: 3_600_000 })().ttlMs).toBe(3_600_000);
    for (const refused of [
      change(agentRole, { ttl_ms: 3_599_999 }),
      change(agentRole, { ttl_ms: 24 * 3_600_000 + 1 }),
      change(agentRole, { usages: ['server_auth'] }),
      change(agentRole, { names: { dns: ['*'] } }),
      change(serverRole, { names_max: 1 }),
      change(webRole, { names: { uris: ['spiffe://other.wayside/a'] } }),
      change(webRole, { names_min: 3, names_max: 2 }),
      change(webRole, { authority: authorities.intermediate.id }),
    ]) {
      expect(refused).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    }
    expect(change(webRole, { authority: authorities.dataPlane.id })().authority).toBe(
      authorities.dataPlane.id,
    );
  });
});
