import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approveAgent } from '../../../control-plane/agents/approve.ts';
import type { RunsOfAgent } from '../../../control-plane/agents/contract.ts';
import { readAgent, showAgent } from '../../../control-plane/agents/read.ts';
import { revokeAgent } from '../../../control-plane/agents/revoke.ts';
import { keyFingerprint } from '../../../control-plane/pki/fingerprint.ts';
import { closeCodes } from '../../../protocol/frames.ts';
import { hello } from '../channel/harness.ts';
import { connected, enrolled, knock } from './agent.ts';
import type { EnrolledAgent } from './agent.ts';
import { openWorld } from './world.ts';
import type { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.group('prod');
  await world.group('guarded', { production: true });
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const noRuns: RunsOfAgent = { revoke: async () => ({ steps: [], committed: () => undefined }) };
const row = (agent: EnrolledAgent) => readAgent(world.installation.store, world.project.id, agent.id);
const status = async (agent: EnrolledAgent) =>
  (await showAgent(world.installation.store, world.project.id, agent.id)).status;
const revoke = async (agent: EnrolledAgent, runs = noRuns) =>
  revokeAgent({ ...world.deps, runs }, world.context('wayside.agent.revoke'), {
    agent: await row(agent),
    reason: 'it left',
  });

describe('approving', () => {
  const approve = async (agent: EnrolledAgent, fingerprint: string) =>
    approveAgent(world.deps, world.context('wayside.agent.approve'), {
      agent: await row(agent),
      fingerprint,
    });

  it('lets an agent of a production group in, by the fingerprint of its key alone', async () => {
    const agent = await enrolled(world, 'guarded');
    expect(await status(agent)).toBe('pending_approval');
    await expect(approve(agent, '00'.repeat(32))).rejects.toMatchObject({ code: 'precondition_failed' });
    await expect(knock(world, agent)).rejects.toThrow('403');
    const fingerprint = keyFingerprint(new X509Certificate(agent.identity.certificate_chain).publicKey);
    const written = fingerprint.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:');
    expect((await approve(agent, written)).status).toBe('offline');
    (await connected(world, agent)).socket.terminate();
    await expect(approve(agent, fingerprint)).rejects.toMatchObject({ code: 'conflict' });
    await revoke(agent);
    await expect(approve(agent, fingerprint)).rejects.toMatchObject({ code: 'agent_revoked' });
  });

  it('lets an agent back that was put aside', async () => {
    const agent = await enrolled(world, 'prod');
    (await connected(world, agent, { journal_counter: 10 })).socket.terminate();
    const copy = await knock(world, agent);
    copy.send(hello({ journal_counter: 9 }));
    expect(await copy.closed).toEqual({ code: closeCodes.quarantined, reason: 'quarantined' });
    expect(await status(agent)).toBe('quarantined');
    const { key_fingerprint } = await row(agent);
    await approve(agent, key_fingerprint);
    (await connected(world, agent, { journal_counter: 9 })).socket.terminate();
  });
});
