// An agent whose certificate is newer than the database: after a restore it is let in by what it presents, or waits
// with it; without one it is put aside (rules.md 12).
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approveAgent } from '../../../control-plane/agents/approve.ts';
import { isUnknownCertificate } from '../../../control-plane/agents/catch-up.ts';
import { readAgent } from '../../../control-plane/agents/read.ts';
import { keyFingerprint } from '../../../control-plane/pki/fingerprint.ts';
import { readPeerCertificate } from '../../../control-plane/pki/peer-certificate.ts';
import { step } from '../../../control-plane/store/step.ts';
import { connected, enrolled, knock, renew, withIdentity } from './agent.ts';
import type { EnrolledAgent } from './agent.ts';
import { openWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.group('prod');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const row = (agent: EnrolledAgent) => readAgent(world.installation.store, world.project.id, agent.id);
const fingerprintOf = (agent: EnrolledAgent) =>
  keyFingerprint(new X509Certificate(agent.identity.certificate_chain).publicKey);
const approve = async (agent: EnrolledAgent, fingerprint: string) =>
  approveAgent(world.deps, world.context('wayside.agent.approve'), { agent: await row(agent), fingerprint });

/** An agent that has renewed, over data of before that. */
async function ahead(after: { mayBeAhead: 0 | 1; status?: 'pending_approval' }): Promise<EnrolledAgent> {
  const { store } = world.installation;
  const first = await enrolled(world, 'prod');
  const before = await row(first);
  const { answer, keys } = await renew(world, first);
  const { generation, key_fingerprint, sealing_key, certificate_serial, certificate_not_after } = before;
  const back = { generation, key_fingerprint, sealing_key, certificate_serial, certificate_not_after };
  await store.write([
    step(
      store.db
        .updateTable('agents')
        .set({ ...back, may_be_ahead: after.mayBeAhead, status: after.status ?? 'active' })
        .where('id', '=', first.id),
    ),
    step(
      store.db
        .deleteFrom('pki_leaves')
        .where('subject', '=', first.id)
        .where('generation', '=', generation + 1),
    ),
  ]);
  return withIdentity(answer, keys);
}

describe('an agent with a certificate that the database has lost', () => {
  it('comes back after a restore that vouches for it, and its key is the one that people see', async () => {
    const agent = await ahead({ mayBeAhead: 1 });
    (await connected(world, agent)).socket.terminate();
    expect(await row(agent)).toMatchObject({ generation: 2, key_fingerprint: fingerprintOf(agent) });
    expect((await world.audit('agent.catch_up')).at(-1)).toMatchObject({
      details: { generation: 2, known: 1, fingerprint: fingerprintOf(agent) },
    });
    const read = readPeerCertificate(
      new X509Certificate(agent.identity.certificate_chain),
      world.installation.store.trustDomain,
    );
    if ('refused' in read) throw new Error(read.refused);
    expect(await isUnknownCertificate(world.deps, read), 'so it is asked to renew').toBe(true);
    const { answer, keys } = await renew(world, agent);
    expect(withIdentity(answer, keys).identity.generation).toBe(3);
    expect(await row(agent)).toMatchObject({ generation: 3, may_be_ahead: 0 });
  });

  it('waits for a person otherwise, who compares the key that it has now', async () => {
    const agent = await ahead({ mayBeAhead: 1, status: 'pending_approval' });
    const stale = (await row(agent)).key_fingerprint;
    await expect(knock(world, agent)).rejects.toThrow('403');
    await expect(approve(agent, stale)).rejects.toMatchObject({ code: 'precondition_failed' });
    expect((await approve(agent, fingerprintOf(agent))).status).toBe('offline');
    expect(await row(agent)).toMatchObject({ may_be_ahead: 0 });
    (await connected(world, agent)).socket.terminate();
  });

  it('is put aside where no restore explains it, on either way in', async () => {
    const dialling = await ahead({ mayBeAhead: 0 });
    await expect(knock(world, dialling)).rejects.toThrow('403');
    const renewing = await ahead({ mayBeAhead: 0 });
    expect((await renew(world, renewing)).answer).toMatchObject({
      status: 403,
      body: { code: 'quarantined' },
    });
    for (const agent of [dialling, renewing]) expect((await row(agent)).status).toBe('quarantined');
    expect((await world.audit('agent.quarantine')).at(-1)).toMatchObject({
      details: { reason: 'certificate_ahead', presented: 2, known: 1 },
    });
    await approve(dialling, fingerprintOf(dialling));
    (await connected(world, dialling)).socket.terminate();
  });
});
