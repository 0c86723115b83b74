// Enrolment, renewal and recovery over real TLS: the pin is checked before anything secret is said, answers are
// checked before they are kept, and keys never leave the machine or lie open on it.
import { createServer } from 'node:https';
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { enroll, recoverIdentity } from '../../agent/enroll.ts';
import type { EnrollOptions } from '../../agent/enroll.ts';
import { noFaults } from '../../agent/fault.ts';
import {
  certificateLife,
  checkIssued,
  readCertificates,
  readIdentity,
  readPending,
} from '../../agent/identity.ts';
import { readIntentKeys } from '../../agent/intent-keys.ts';
import { renewalTime, renewIdentity } from '../../agent/renew.ts';
import { recoverSchema } from '../../protocol/api/enrollment.ts';
import { openConnectProxy } from '../support/connect-proxy.ts';
import { openFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';
import { createAuthority } from './other-side/authority.ts';
import { openOtherSide } from './other-side/server.ts';
import type { OtherSide } from './other-side/server.ts';

let side: OtherSide;
let folder: Folder;
beforeEach(async () => {
  side = await openOtherSide();
  folder = openFolder();
});
afterEach(async () => {
  await side[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

function options(more: Partial<EnrollOptions> = {}): EnrollOptions & { name: string; replace: boolean } {
  return {
    server: side.enrollUrl,
    token: `${side.token()}\n`,
    stateFolder: folder.path,
    proxyEnv: {},
    now: Date.now(),
    faultPoint: noFaults,
    name: 'build-1',
    replace: false,
    ...more,
  };
}

describe('enrolment', () => {
  test('gives an identity whose keys only its user can read', async () => {
    const { identity, pendingApproval } = await enroll(options());
    expect(pendingApproval).toBe(false);
    expect(identity.agent).toEqual({ id: side.agent.id, name: 'build-1' });
    expect(readIdentity(folder.path)).toEqual(identity);
    expect(statSync(join(folder.path, 'identity.json')).mode & 0o777).toBe(0o600);
    expect(readCertificates(identity.certificate_chain)).toHaveLength(3);
    expect(identity.agent_url).toBe(side.agentUrl);
    expect(readPending(folder.path)).toBe(null);
  });

  test('says nothing to a server that does not show the pinned root', async () => {
    const stranger = await createAuthority();
    const tls = await stranger.issueServer();
    let heard = '';
    const server = createServer(tls, (request, response) => {
      request.on('data', (chunk: Buffer) => (heard += chunk.toString()));
      heard += `${request.method} `;
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const rejected = enroll(options({ server: new URL(`https://localhost:${port}`) }));
    await expect(rejected).rejects.toMatchObject({ code: 'certificate_rejected' });
    expect(heard).toBe('HEAD ');
    expect(readIdentity(folder.path)).toBe(null);
    server.close();
  });

  test('does not accept the pinned root for a server with another name', async () => {
    const url = new URL(side.enrollUrl.href.replace('localhost', '127.0.0.2'));
    await expect(enroll(options({ server: url }))).rejects.toMatchObject({
      code: expect.stringMatching(/certificate_rejected|unreachable/) as string,
    });
  });

  test('refuses what is not a token without repeating it, and passes on what the server says of one', async () => {
    const wrong = enroll(options({ token: 'wsj_secret-but-wrong' }));
    await expect(wrong).rejects.toMatchObject({ code: 'invalid_join_token' });
    await expect(wrong).rejects.not.toThrow(/secret-but-wrong/);
    const spent = side.token().replace(/\.[^.]+\./, `.${randomBytes(32).toString('base64url')}.`);
    await expect(enroll(options({ token: spent }))).rejects.toMatchObject({ code: 'join_token_spent' });
  });

  test('keeps an identity that is there, unless it is given up on purpose', async () => {
    const { identity } = await enroll(options());
    await expect(enroll(options())).rejects.toMatchObject({ code: 'conflict' });
    expect(readIdentity(folder.path)).toEqual(identity);
    const { identity: next } = await enroll({ ...options(), replace: true });
    expect(next.key).not.toBe(identity.key);
  });

  test('goes through a proxy with credentials, and says what is wrong without them', async () => {
    await using proxy = await openConnectProxy({ user: 'agent', password: 'p:a ss' });
    await enroll(options({ proxyEnv: { https_proxy: proxy.url } }));
    expect(proxy.log.map(({ status }) => status)).toEqual([200, 200]);
    const bare = proxy.url.replace(/\/\/.*@/, '//');
    const refused = enroll({ ...options({ proxyEnv: { https_proxy: bare } }), replace: true });
    await expect(refused).rejects.toThrow(/credentials \(407\)/);
  });

  test('names what keeps it from the server', async () => {
    const closed = enroll(options({ server: new URL('https://localhost:1') }));
    await expect(closed).rejects.toMatchObject({ code: 'unreachable' });
    await expect(closed).rejects.toThrow(/Nothing listens on localhost:1/);
    const nowhere = enroll(options({ server: new URL('https://no-such-host.invalid:7402') }));
    await expect(nowhere).rejects.toThrow(/does not resolve|No connection/);
  });

  test('takes no certificate that is for another key, another identity or another root', async () => {
    const { identity } = await enroll(options());
    const issued = {
      ...identity,
      not_after: 0,
      pending_approval: false,
    };
    const pin = side.authority.rootPin;
    const trusted = { key: identity.key, rootPin: pin };
    expect(() => checkIssued(issued, trusted)).not.toThrow();
    const { identity: stranger } = await enroll({ ...options(), replace: true });
    expect(() => checkIssued(issued, { key: stranger.key, rootPin: pin })).toThrow(/another key/);
    expect(() => checkIssued({ ...issued, organization: issued.project }, trusted)).toThrow(/its name/);
    expect(() => checkIssued(issued, { ...trusted, rootPin: '0'.repeat(64) })).toThrow(/root is not the one/);
    const [leaf = ''] = issued.certificate_chain.split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(() => checkIssued({ ...issued, certificate_chain: leaf }, trusted)).toThrow(
      /does not end in the root/,
    );
    const foreign = await createAuthority();
    await expect(readIntentKeys(await foreign.signIntentKeys(), identity)).rejects.toMatchObject({
      code: 'invalid_intent',
    });
  });
});

describe('renewal', () => {
  test('brings a new key and generation, and keeps the sealing key and its predecessors', async () => {
    const { identity } = await enroll(options());
    const renewed = await renewIdentity(identity, { ...options(), now: Date.now() });
    expect(renewed.generation).toBe(identity.generation + 1);
    expect(renewed.key).not.toBe(identity.key);
    expect(renewed.sealing_keys).toEqual(identity.sealing_keys);
    expect(readIdentity(folder.path)).toEqual(renewed);
    const monthLater = await renewIdentity(renewed, { ...options(), now: Date.now() + 40 * 86_400_000 });
    expect(monthLater.sealing_keys).toHaveLength(2);
    expect(monthLater.sealing_keys[1]).toEqual(identity.sealing_keys[0]);
  });

  test('asks again with the same key when the answer was lost, so that the server can tell it from a copy', async () => {
    const { identity } = await enroll(options());
    const dies = (name: string): void => {
      if (name === 'identity.written') throw new Error('killed');
    };
    // The answer comes, and the process dies before it has let go of the request.
    await expect(
      renewIdentity(identity, { ...options(), faultPoint: dies, now: Date.now() }),
    ).rejects.toThrow('killed');
    const lost = renewIdentity(identity, { ...options(), now: Date.now() });
    await lost;
    const [first, second] = side.renewals as { csr: string; generation: number }[];
    expect(second?.csr).toBe(first?.csr);
    expect(second?.generation).toBe(first?.generation);
  });

  test('takes no certificate that is older than the one it has', async () => {
    const { identity } = await enroll(options());
    const ahead = { ...identity, generation: 50 };
    await expect(renewIdentity(ahead, { ...options(), now: Date.now() })).rejects.toThrow(/older than ours/);
  });

  test('comes at two thirds of the life, give or take a tenth of it', () => {
    const life = { notBefore: 1_000_000, notAfter: 4_000_000 };
    expect(renewalTime(life, () => 0.5)).toBe(3_000_000);
    expect(renewalTime(life, () => 0)).toBe(2_700_000);
    expect(renewalTime(life, () => 1)).toBe(3_300_000);
  });
});

describe('recovery', () => {
  test('gives the same identity back for a token and the proof of the old key, also when it has expired', async () => {
    side.manners.leafMs = 1_000;
    const { identity } = await enroll(options());
    const recovered = await recoverIdentity(options({ now: Date.now() + 10_000 }));
    expect(recovered.identity.agent).toEqual(identity.agent);
    expect(recovered.identity.generation).toBe(2);
    const request = recoverSchema.parse(side.renewals[0]);
    expect(request.certificate).toContain('BEGIN CERTIFICATE');
    expect(request.proof.split('.')).toHaveLength(3);
  });

  test('needs an identity to give back', async () => {
    await expect(recoverIdentity(options())).rejects.toMatchObject({ code: 'not_enrolled' });
  });
});

describe('an identity on the disk', () => {
  test('that is damaged is told, never guessed', async () => {
    await enroll(options());
    const path = join(folder.path, 'identity.json');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 200));
    expect(() => readIdentity(folder.path)).toThrow(/damaged/);
  });

  test('knows how long its certificate is good', async () => {
    const { identity } = await enroll(options());
    const { notAfter, notBefore } = certificateLife(identity);
    expect(notAfter).toBeGreaterThan(Date.now());
    expect(notBefore).toBeLessThan(Date.now());
  });
});
