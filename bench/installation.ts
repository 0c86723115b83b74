// A data folder as the control plane makes it at its first start, opened in this process: for certificates of the
// product's own shape without a running server, and for more agents than anybody would enrol by hand.
import { randomBytes, randomUUIDv7, webcrypto } from 'node:crypto';
import { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { insertAgent } from '../control-plane/agents/store.ts';
import { openTrail } from '../control-plane/audit/trail.ts';
import { openAuthority } from '../control-plane/authority/authority.ts';
import { systemClock } from '../control-plane/channel/clock.ts';
import type { ListenerTls } from '../control-plane/channel/contract.ts';
import { insertGroup } from '../control-plane/groups/store.ts';
import { initialize, isEmpty } from '../control-plane/organizations/initialize.ts';
import { issueAgentCertificate } from '../control-plane/pki/issue-leaf.ts';
import { openPki } from '../control-plane/pki/open-pki.ts';
import { keepServerCertificate } from '../control-plane/pki/server-certificate.ts';
import { openKeyring } from '../control-plane/secrets/keyring.ts';
import { openSecrets } from '../control-plane/secrets/secrets.ts';
import { openSqliteStore } from '../control-plane/store/sqlite.ts';

/** What one agent connects with. */
export interface ClientTls {
  readonly key: string;
  readonly cert: string;
}

export interface Prepared {
  /** For a listener on 127.0.0.1 that asks for client certificates. */
  readonly listener: ListenerTls;
  readonly clients: readonly ClientTls[];
}

/**
 * Initializes the folder and puts `agents` enrolled agents into it, in one group `bench`. Their sealing keys are good,
 * their private halves are forgotten: no run is sealed to them.
 */
export async function prepareInstallation(folder: string, agents: number): Promise<Prepared> {
  const clock = systemClock();
  const store = await openSqliteStore({ dataFolder: join(folder, 'data') });
  try {
    const keyring = join(folder, 'data', 'keyring.json');
    const secrets = await openSecrets(store, await openKeyring({ path: keyring, clock }));
    const audit = openTrail({ store, mac: secrets.auditMac, clock });
    if (await isEmpty(store)) await initialize({ store, audit });
    const policy = (await openAuthority(store, clock)).policy();
    const project = policy.projectsByName.get('default');
    if (project === undefined) throw new Error('a new installation has the project default');
    const pki = await openPki({
      store,
      keys: secrets.signingKeys,
      clock,
      rotations: { record: () => [], done: () => undefined },
    });
    const group = randomUUIDv7();
    const { id, organization } = project;
    const made = { id: group, project: id, name: 'bench', description: '', production: 0, pinned: 0 };
    await store.write([insertGroup(store, made)]);
    const sealing_key = await newSealingKey();
    const enrol = async (index: number): Promise<ClientTls> => {
      const agent = randomUUIDv7();
      const pair = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
      const leaf = await issueAgentCertificate(pki.authorities(), {
        publicKey: pair.publicKey,
        identity: { organization, project: id, agent },
        generation: 1,
        now: clock.now(),
      });
      const steps = insertAgent(store, {
        id: agent,
        name: `agent-${index}`,
        organization,
        project: id,
        status: 'active',
        key_fingerprint: leaf.fingerprint,
        sealing_key,
        certificate_serial: leaf.serial,
        certificate_not_after: leaf.notAfter,
        groups: [group],
      });
      await store.write(steps);
      const key = KeyObject.from(pair.privateKey).export({ type: 'pkcs8', format: 'pem' });
      return { key, cert: leaf.chain };
    };
    const clients: ClientTls[] = [];
    // Side by side, so that they share commits.
    for (let index = 0; index < agents; index += enrolledAtOnce) {
      const some = Array.from({ length: Math.min(enrolledAtOnce, agents - index) }, (_, at) => index + at);
      clients.push(...(await Promise.all(some.map(enrol))));
    }
    const certificate = await keepServerCertificate({
      pki,
      dns: ['localhost'],
      ips: ['127.0.0.1'],
      clock,
      renewed: () => undefined,
      failed: () => undefined,
    });
    certificate.stop();
    return { listener: certificate.first.agents, clients };
  } finally {
    await store.close();
  }
}

const enrolledAtOnce = 50;
const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;

async function newSealingKey(): Promise<string> {
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, [
    'deriveBits',
  ]);
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', pair.publicKey);
  return JSON.stringify({ kty, crv, x, y, kid: randomBytes(32).toString('base64url') });
}
