import { X509Certificate, KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAuthorities } from '../../../control-plane/pki/authorities.ts';
import { notAfterOf } from '../../../control-plane/pki/certify.ts';
import { ensureAuthorities } from '../../../control-plane/pki/ensure-authorities.ts';
import { issueAgentCertificate, issueServerCertificate } from '../../../control-plane/pki/issue-leaf.ts';
import { readRequestKey } from '../../../control-plane/pki/read-request.ts';
import { step } from '../../../control-plane/store/step.ts';
import { dataPlaneCertificateMs, intermediateCertificateMs } from '../../../protocol/limits.ts';
import { openAuthority, opensslRequest, opensslVerify, splitPem } from '../../support/openssl.ts';
import { openInstallation, untold } from './installation.ts';
import type { Installation } from './installation.ts';

const identity = {
  organization: '01890000-0000-7000-8000-000000000001',
  project: '01890000-0000-7000-8000-000000000002',
  agent: '01890000-0000-7000-8000-000000000003',
};

describe('the authorities', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await openInstallation();
  });
  afterAll(async () => {
    await installation[Symbol.asyncDispose]();
  });

  it('issue leaves that openssl verifies strictly, each for its own purpose alone', async () => {
    const { authorities } = installation;
    const server = await issueServerCertificate(authorities, {
      dns: ['localhost'],
      ips: ['127.0.0.1', '::1'],
      now: Date.now(),
    });
    const { csr } = await opensslRequest();
    const agent = await issueAgentCertificate(authorities, {
      publicKey: await readRequestKey(csr),
      identity,
      generation: 7,
      now: Date.now(),
    });
    const verify = (chain: string, purpose: 'sslclient' | 'sslserver') => {
      const [leaf = '', ...rest] = splitPem(chain);
      return opensslVerify({ root: authorities.root.pem, chain: rest.join(''), leaf, purpose });
    };
    const results = await Promise.all([
      verify(server.chain, 'sslserver'),
      verify(agent.chain, 'sslclient'),
      verify(server.chain, 'sslclient'),
      verify(agent.chain, 'sslserver'),
    ]);
    expect(results.map((result) => result.code)).toEqual([0, 0, 2, 2]);
    const leaf = new X509Certificate(agent.chain);
    expect(leaf.subjectAltName).toBe(
      `URI:spiffe://test.wayside/org/${identity.organization}/project/${identity.project}/agent/${identity.agent}`,
    );
    expect(leaf.serialNumber).toBe(agent.serial);
    expect(leaf.validToDate.getTime() - leaf.validFromDate.getTime()).toBe(24 * 3_600_000 + 60_000);
    expect(leaf.subject).toContain('serialNumber=7');
  });

  it('sign one another in a line of three', () => {
    const { root, intermediate, dataPlane } = installation.authorities;
    expect(root.certificate.verify(root.certificate.publicKey)).toBe(true);
    expect(intermediate.certificate.verify(root.certificate.publicKey)).toBe(true);
    expect(dataPlane.certificate.verify(intermediate.certificate.publicKey)).toBe(true);
    expect(dataPlane.certificate.verify(root.certificate.publicKey)).toBe(false);
  });

  it('cannot vouch for another trust domain, nor for an authority below', async () => {
    const { authorities } = installation;
    const { dataPlane } = authorities;
    await using rogue = await openAuthority({
      signer: {
        key: KeyObject.from(dataPlane.privateKey).export({ type: 'pkcs8', format: 'pem' }) as string,
        cert: dataPlane.pem,
        root: authorities.root.pem,
        chain: authorities.chain,
      },
    });
    const names = (domain: string) => [
      `subjectAltName=URI:spiffe://${domain}/org/${identity.organization}`,
      'extendedKeyUsage=clientAuth',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
      'keyUsage=critical,digitalSignature',
    ];
    const verify = (leaf: string, chain = authorities.chain) =>
      opensslVerify({ root: authorities.root.pem, chain, leaf, purpose: 'sslclient' });
    const own = await rogue.issue({ extensions: names('test.wayside') });
    expect((await verify(own.cert)).code).toBe(0);
    const foreign = await verify((await rogue.issue({ extensions: names('other.wayside') })).cert);
    expect(foreign.code).not.toBe(0);
    expect(foreign.stderr).toContain('permitted subtree violation');

    const below = await rogue.issue({
      extensions: [
        'basicConstraints=critical,CA:true',
        'keyUsage=critical,keyCertSign',
        'subjectKeyIdentifier=hash',
        'authorityKeyIdentifier=keyid',
      ],
    });
    await using second = await openAuthority({
      signer: { ...below, root: authorities.root.pem, chain: below.cert + authorities.chain },
    });
    const leaf = await second.issue({ extensions: names('test.wayside') });
    const tooLong = await verify(leaf.cert, second.chain);
    expect(tooLong.code).not.toBe(0);
    expect(tooLong.stderr).toContain('path length constraint exceeded');
  });

  it('are the same after a restart', async () => {
    const { secrets, store, authorities } = installation;
    const again = await ensureAuthorities({
      store,
      keys: secrets.signingKeys,
      now: Date.now(),
      rotations: untold,
    });
    expect(again.rootPin).toBe(authorities.rootPin);
    expect(again.chain).toBe(authorities.chain);
    expect(again.rootPin).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('authorities in time', () => {
  it('are replaced below the root before they would cut a leaf short', async () => {
    await using installation = await openInstallation();
    const { secrets, store, authorities } = installation;
    const open = (now: number) =>
      ensureAuthorities({ store, keys: secrets.signingKeys, now, rotations: untold });
    const late = Date.now() + (dataPlaneCertificateMs / 3) * 2 + 86_400_000;
    const second = await open(late);
    expect(second.rootPin).toBe(authorities.rootPin);
    expect(second.intermediate.pem).toBe(authorities.intermediate.pem);
    expect(second.dataPlane.pem).not.toBe(authorities.dataPlane.pem);
    const later = Date.now() + intermediateCertificateMs - dataPlaneCertificateMs + 86_400_000;
    const third = await open(later);
    expect(third.rootPin).toBe(authorities.rootPin);
    expect(third.intermediate.pem).not.toBe(authorities.intermediate.pem);
    expect(third.dataPlane.certificate.checkIssued(third.intermediate.certificate)).toBe(true);
    expect(notAfterOf(third.dataPlane.certificate)).toBeGreaterThan(later + dataPlaneCertificateMs - 1_000);
    const fourth = await open(later + 1_000);
    expect(fourth.chain).toBe(third.chain);
  });

  it('never let a certificate outlive its issuer', async () => {
    await using installation = await openInstallation();
    const { authorities } = installation;
    const end = notAfterOf(authorities.dataPlane.certificate);
    const leaf = await issueServerCertificate(authorities, { dns: ['a.example'], ips: [], now: end - 5_000 });
    expect(leaf.notAfter).toBe(end);
  });

  it('are refused when somebody swapped a certificate in the database', async () => {
    await using installation = await openInstallation();
    await using other = await openInstallation();
    const { store, secrets } = installation;
    await store.write([
      step(
        store.db
          .updateTable('pki_authorities')
          .set({ certificate: other.authorities.dataPlane.pem })
          .where('level', '=', 'data_plane'),
        { name: 'swapped', exactly: 1 },
      ),
    ]);
    await expect(
      ensureAuthorities({ store, keys: secrets.signingKeys, now: Date.now(), rotations: untold }),
    ).rejects.toMatchObject({ code: 'envelope_rejected' });
  });

  it('are the same for processes that start at once on a new store', async () => {
    await using installation = await openInstallation();
    const { store, secrets } = installation;
    const { db } = store;
    await store.write([step(db.deleteFrom('pki_authorities')), step(db.deleteFrom('signing_keys'))]);
    const open = () =>
      ensureAuthorities({ store, keys: secrets.signingKeys, now: Date.now(), rotations: untold });
    const opened = await Promise.all([open(), open(), open()]);
    expect(new Set(opened.map(({ rootPin }) => rootPin)).size).toBe(1);
    expect(new Set(opened.map(({ chain }) => chain)).size).toBe(1);
    const all = await openAuthorities({ store, keys: secrets.signingKeys, now: Date.now() });
    expect(all?.all.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'root-1 active',
      'intermediate-1 active',
      'data-plane-1 active',
    ]);
  });
});
