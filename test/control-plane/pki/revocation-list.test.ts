import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueServerCertificate } from '../../../control-plane/pki/issue-leaf.ts';
import { issueList } from '../../../control-plane/pki/revocation-list.ts';
import { opensslVerify, splitPem } from '../../support/openssl.ts';
import { openInstallation } from './installation.ts';
import type { Installation } from './installation.ts';
import { listsOf } from './lists.ts';

describe('the revocation lists', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await openInstallation();
  });
  afterAll(async () => {
    await installation[Symbol.asyncDispose]();
  });

  it('are three, and openssl refuses what is on them and takes what is not', async () => {
    const { authorities } = installation;
    const now = Date.now();
    const issue = () => issueServerCertificate(authorities, { dns: ['localhost'], ips: [], now });
    const [bad, good] = await Promise.all([issue(), issue()]);
    const revokedList = [{ serial: bad.serial, revokedAt: now - 1_000 }];
    const lists = listsOf(authorities, { revoked: revokedList, now }).join('');
    const verify = (chain: string, crl: string) => {
      const [leaf = '', ...rest] = splitPem(chain);
      const root = authorities.root.pem;
      return opensslVerify({ root, chain: rest.join(''), leaf, purpose: 'sslserver', crl });
    };
    const revoked = await verify(bad.chain, lists);
    expect(revoked.code).not.toBe(0);
    expect(revoked.stderr).toContain('certificate revoked');
    expect(await verify(good.chain, lists)).toMatchObject({ code: 0 });
    const empty = listsOf(authorities, { revoked: [], now }).join('');
    expect(await verify(bad.chain, empty)).toMatchObject({ code: 0 });
  });

  it('take no worker thread for ten thousand entries', () => {
    const now = Date.now();
    const revoked = Array.from({ length: 10_000 }, (_, index) => ({
      serial: (0x4000_0000_0000n + BigInt(index)).toString(16),
      revokedAt: now,
    }));
    const before = performance.now();
    const { der } = issueList(installation.authorities.dataPlane, { revoked, now });
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(der.length).toBeGreaterThan(10_000 * 20);
  });
});
