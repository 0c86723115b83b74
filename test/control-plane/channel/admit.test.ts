import { KeyObject, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crlMs } from '../../../protocol/limits.ts';
import { openAuthority } from '../../support/openssl.ts';
import type { OpensslAuthority } from '../../support/openssl.ts';
import { openInstallation } from '../pki/installation.ts';
import { listsOf } from '../pki/lists.ts';
import {
  agentId,
  dial,
  hello,
  newServerTls,
  openHarness,
  opensslWithOurCa,
  spiffe,
  until,
} from './harness.ts';
import type { Credentials, Harness } from './harness.ts';

let harness: Harness;
let ours: OpensslAuthority;

beforeAll(async () => {
  harness = await openHarness();
  ours = await opensslWithOurCa(harness.installation.authorities);
});
afterAll(async () => {
  await ours[Symbol.asyncDispose]();
  await harness[Symbol.asyncDispose]();
});

const subject = '/CN=agent/serialNumber=1';
const identifiers = ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid'];
const client = ['extendedKeyUsage=clientAuth', 'keyUsage=critical,digitalSignature', ...identifiers];
const named = (domain?: string) => `subjectAltName=URI:${spiffe(agentId(), domain)}`;

/** What openssl signed with the key of our data-plane CA, with the chain behind it. */
async function signedByUs(extensions: readonly string[], more: object = {}): Promise<Credentials> {
  const { authorities } = harness.installation;
  const leaf = await ours.issue({ subject, extensions, ...more });
  return { key: leaf.key, cert: leaf.cert + authorities.chain };
}

describe('the agent listener', () => {
  it('lets in an agent whose certificate openssl made to the same rules', async () => {
    const id = agentId();
    const agent = await dial(harness, await signedByUs([`subjectAltName=URI:${spiffe(id)}`, ...client]));
    agent.send(hello());
    await until('the hello is heard', () => harness.heard.hello.some((one) => one.agentId === id));
    expect(harness.channel.connection(id)?.agentId).toBe(id);
    agent.socket.close();
    await until('it is gone', () => harness.channel.connection(id) === null);
  });

  it('takes the identity from the certificate', async () => {
    const id = agentId();
    const agent = await dial(harness, await harness.agent(id, { generation: 12 }));
    agent.send(hello());
    await until('the hello is heard', () => harness.heard.hello.some((one) => one.agentId === id));
    const connection = harness.channel.connection(id);
    expect(connection?.certificate.generation).toBe(12);
    expect(connection?.certificate.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    agent.socket.terminate();
  });

  it('refuses in the handshake: no certificate, a foreign root of the same name, expired, not yet valid', async () => {
    await using foreign = await openAuthority({ commonName: 'Wayside Root CA' });
    const { authorities } = harness.installation;
    const stranger = await foreign.issue({ subject, extensions: [named(), ...client] });
    const refused: Partial<Credentials>[] = [
      {},
      { key: stranger.key, cert: stranger.cert + foreign.chain },
      { key: stranger.key, cert: stranger.cert + authorities.chain },
      await signedByUs([named(), ...client], { days: -1 }),
      await harness.agent(agentId(), { now: Date.now() - 25 * 3_600_000 }),
      await harness.agent(agentId(), { now: Date.now() + 3_600_000 }),
    ];
    const before = harness.heard.reports.length;
    for (const credentials of refused) {
      await expect(dial(harness, credentials)).rejects.toThrow(/alert|socket hang up|ECONNRESET/);
    }
    await until('all are reported', () => harness.heard.reports.length >= before + refused.length);
    expect(harness.heard.reports.slice(before).map((report) => report.kind)).toEqual(
      refused.map(() => 'handshake_refused'),
    );
  });

  it('refuses in the handshake: server-only usage, another trust domain, a leaf used as an authority', async () => {
    const usage = await signedByUs([named(), 'extendedKeyUsage=serverAuth', ...identifiers]);
    const domain = await signedByUs([named('other.wayside'), ...client]);
    const { authorities } = harness.installation;
    const leaf = await ours.issue({ subject, extensions: [named(), ...client] });
    const chain = leaf.cert + authorities.chain;
    await using below = await openAuthority({ signer: { ...leaf, root: authorities.root.pem, chain } });
    const lower = await below.issue({ subject, extensions: [named(), ...client] });
    for (const credentials of [usage, domain, { key: lower.key, cert: lower.cert + chain }]) {
      await expect(dial(harness, credentials)).rejects.toThrow(/alert|socket hang up|ECONNRESET/);
    }
  });

  it('refuses at the upgrade what the chain allows: an authority, another name, no generation', async () => {
    const { authorities } = harness.installation;
    const { intermediate } = authorities;
    await using higher = await openAuthority({
      signer: {
        key: KeyObject.from(intermediate.privateKey).export({
          type: 'pkcs8',
          format: 'pem',
        }),
        cert: intermediate.pem,
        root: authorities.root.pem,
        chain: intermediate.pem,
      },
    });
    const authority = await higher.issue({
      subject,
      extensions: [
        named(),
        'basicConstraints=critical,CA:true,pathlen:0',
        'keyUsage=critical,keyCertSign,digitalSignature',
        'extendedKeyUsage=clientAuth',
        ...identifiers,
      ],
    });
    const refused: Credentials[] = [
      { key: authority.key, cert: authority.cert + intermediate.pem },
      await signedByUs(['subjectAltName=DNS:agent.example', ...client]),
      await signedByUs([`${named()},DNS:agent.example`, ...client]),
      await signedByUs([`${named()},URI:${spiffe(agentId())}`, ...client]),
      await signedByUs(['subjectAltName=URI:spiffe://test.wayside/other', ...client]),
      await signedByUs([named(), ...client], { subject: '/CN=agent' }),
      await signedByUs([named(), ...identifiers]),
    ];
    const before = harness.heard.reports.length;
    for (const credentials of refused) {
      await expect(dial(harness, credentials)).rejects.toThrow('Unexpected server response: 403');
    }
    expect(harness.heard.reports.slice(before).map((report) => report.kind)).toEqual(
      refused.map(() => 'certificate_refused'),
    );
  });

  it('refuses a server certificate of ours as a client', async () => {
    const { key, cert } = harness.serverTls;
    await expect(dial(harness, { key, cert })).rejects.toThrow(/alert|socket hang up|ECONNRESET/);
  });

  it('speaks TLS 1.3 and nothing older', async () => {
    const credentials = await harness.agent(agentId());
    await expect(dial(harness, credentials, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/alert|protocol/i);
  });

  it('lets nobody in by the ticket of an earlier connection, with no certificate or with another', async () => {
    const address = { port: harness.channel.port, host: '127.0.0.1', ca: harness.serverTls.ca };
    const ask = (path: string) => `GET ${path} HTTP/1.1\r\nhost: wayside\r\n\r\n`;
    const tickets: Buffer[] = [];
    const first = connect({ ...address, ...(await harness.agent(agentId())) });
    first.on('session', (ticket) => tickets.push(ticket));
    await once(first, 'secureConnect');
    first.write(ask('/nothing'));
    expect(String(await once(first, 'data'))).toContain('404');
    await until('a ticket was offered', () => tickets.length > 0);
    first.destroy();
    for (const session of tickets) {
      const replay = connect({ ...address, session });
      let answer = '';
      replay.on('data', (data: Buffer) => (answer += data.toString()));
      replay.on('error', () => undefined);
      const ended = new Promise((resolve) => replay.on('close', resolve));
      let isReused = false;
      replay.on('secureConnect', () => {
        isReused = replay.isSessionReused();
        replay.write(ask('/nothing'));
      });
      await ended;
      expect({ answer, isReused }).toEqual({ answer: '', isReused: false });
    }
    const otherId = agentId();
    const withTicket = { session: tickets[0] } as object;
    const other = await dial(harness, await harness.agent(otherId), withTicket);
    other.send(hello());
    await until('it is who its own certificate says', () =>
      harness.heard.hello.some((one) => one.agentId === otherId),
    );
    other.socket.terminate();
  });
});

describe('revocation lists in the listener', () => {
  it('refuse the revoked in the handshake, and everybody once they have run out', async () => {
    await using fresh = await openHarness({ installation: harness.installation });
    const { authorities } = fresh.installation;
    const [bad, good] = [await fresh.agent(agentId()), await fresh.agent(agentId())];
    const { serialNumber: serial } = new X509Certificate(bad.cert);
    const withLists = (now: number) => {
      const crl = listsOf(authorities, { revoked: [{ serial, revokedAt: now }], now });
      fresh.channel.replaceTls({ ...fresh.serverTls, crl });
    };
    (await dial(fresh, bad)).socket.terminate();
    withLists(Date.now());
    await expect(dial(fresh, bad)).rejects.toThrow(/alert|socket hang up|ECONNRESET/);
    (await dial(fresh, good)).socket.terminate();
    withLists(Date.now() - crlMs - 60_000);
    await expect(dial(fresh, good)).rejects.toThrow(/alert|socket hang up|ECONNRESET/);
  });
});

describe('a new server certificate', () => {
  it('serves new connections while the open ones go on', async () => {
    await using fresh = await openHarness({ installation: harness.installation });
    const [oldId, newId] = [agentId(), agentId()];
    const before = await dial(fresh, await fresh.agent(oldId));
    before.send(hello());
    await until('the old one is heard', () => fresh.heard.hello.length === 1);
    const serialOf = async (): Promise<string> => {
      const credentials = await fresh.agent(agentId());
      const socket = connect({
        port: fresh.channel.port,
        host: '127.0.0.1',
        ca: fresh.serverTls.ca,
        ...credentials,
      });
      await once(socket, 'secureConnect');
      const serial = socket.getPeerCertificate().serialNumber;
      socket.destroy();
      return serial;
    };
    const first = await serialOf();
    fresh.channel.replaceTls(await newServerTls(fresh.installation.authorities));
    expect(await serialOf()).not.toBe(first);
    await expect(dial(fresh, {})).rejects.toThrow();
    const after = await dial(fresh, await fresh.agent(newId));
    after.send(hello());
    before.send({ type: 'poll', slots: 1 });
    await until('both are heard', () => fresh.heard.hello.length === 2 && fresh.heard.frames.length === 1);
    expect([...fresh.channel.online()].map((one) => one.agentId).toSorted()).toEqual(
      [oldId, newId].toSorted(),
    );
  });

  it('of another installation is not trusted by agents, nor are its agents by us', async () => {
    await using other = await openInstallation();
    await using theirs = await openHarness({ installation: other });
    const ourAgent = await harness.agent(agentId());
    await expect(dial(theirs, ourAgent)).rejects.toThrow();
    await expect(
      dial({ ...theirs, serverTls: harness.serverTls }, await theirs.agent(agentId())),
    ).rejects.toThrow(/certificate/);
  });
});
