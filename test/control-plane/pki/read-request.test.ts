import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyFingerprint } from '../../../control-plane/pki/fingerprint.ts';
import { issueAgentCertificate } from '../../../control-plane/pki/issue-leaf.ts';
import { readRequestKey } from '../../../control-plane/pki/read-request.ts';
import { opensslRequest } from '../../support/openssl.ts';
import { openInstallation } from './installation.ts';
import type { Installation } from './installation.ts';

describe('a certificate request', () => {
  let installation: Installation;
  let csr: string;
  beforeAll(async () => {
    installation = await openInstallation();
    ({ csr } = await opensslRequest());
  });
  afterAll(async () => {
    await installation[Symbol.asyncDispose]();
  });

  it('gives its key and nothing else, whatever names, usages and authority it asks for', async () => {
    const greedy = await opensslRequest({
      subject: '/O=Wayside/CN=Wayside Root CA/serialNumber=99',
      extensions: [
        'subjectAltName=URI:spiffe://test.wayside/org/x/project/y/agent/z,DNS:control-plane.example',
        'basicConstraints=critical,CA:true',
        'keyUsage=critical,keyCertSign',
        'extendedKeyUsage=serverAuth',
      ],
    });
    const identity = {
      organization: '01890000-0000-7000-8000-000000000001',
      project: '01890000-0000-7000-8000-000000000002',
      agent: '01890000-0000-7000-8000-000000000003',
    };
    const publicKey = await readRequestKey(greedy.csr);
    const leaf = await issueAgentCertificate(installation.authorities, {
      publicKey,
      identity,
      generation: 1,
      now: Date.now(),
    });
    const certificate = new X509Certificate(leaf.chain);
    expect(certificate.subjectAltName).toBe(
      `URI:spiffe://test.wayside/org/${identity.organization}/project/${identity.project}/agent/${identity.agent}`,
    );
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.subject).toBe(`CN=${identity.agent}\nserialNumber=1`);
    expect(leaf.fingerprint).toBe(keyFingerprint(publicKey));
  });

  it('is refused for another curve, another key type, and text of any other kind', async () => {
    const other = await opensslRequest({ curve: 'P-384' });
    for (const text of [
      other.csr,
      '',
      'x',
      csr.slice(0, 200),
      csr.replaceAll('REQUEST', 'CERTIFICATE').slice(30),
    ]) {
      await expect(readRequestKey(text)).rejects.toMatchObject({ code: 'invalid_csr' });
    }
  });

  it('is refused with any one bit flipped', async () => {
    const der = Buffer.from(csr.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
    const key = await readRequestKey(csr);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: der.length * 8 - 1 }), async (bit) => {
        const flipped = Buffer.from(der);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${flipped.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
        const result = await readRequestKey(pem).then(
          keyFingerprint,
          (cause: { code: string }) => cause.code,
        );
        // A flip in the encoding around what is signed may leave key and signature as they were.
        expect(['invalid_csr', keyFingerprint(key)]).toContain(result);
      }),
      { numRuns: 200 },
    );
  });
});
