import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunsOfAgent } from '../../../control-plane/agents/contract.ts';
import { readAgent, showAgent } from '../../../control-plane/agents/read.ts';
import { revokeAgent } from '../../../control-plane/agents/revoke.ts';
import { openRevocations } from '../../../control-plane/pki/publish-lists.ts';
import { step } from '../../../control-plane/store/step.ts';
import { closeCodes } from '../../../protocol/frames.ts';
import { crlPublishMsMax } from '../../../protocol/limits.ts';
import { opensslVerify, splitPem } from '../../support/openssl.ts';
import { connected, enrolled, knock } from './agent.ts';
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

const noRuns: RunsOfAgent = { revoke: async () => ({ steps: [], committed: () => undefined }) };
const row = (agent: EnrolledAgent) => readAgent(world.installation.store, world.project.id, agent.id);
const status = async (agent: EnrolledAgent) =>
  (await showAgent(world.installation.store, world.project.id, agent.id)).status;
const revoke = async (agent: EnrolledAgent, runs = noRuns) =>
  revokeAgent({ ...world.deps, runs }, world.context('wayside.agent.revoke'), {
    agent: await row(agent),
    reason: 'it left',
  });

describe('revoking', () => {
  it('ends the live socket at once and lets the certificate in never again', async () => {
    const agent = await enrolled(world, 'prod');
    const live = await connected(world, agent);
    expect((await revoke(agent)).status).toBe('revoked');
    expect(await live.closed).toEqual({ code: closeCodes.agent_revoked, reason: 'agent_revoked' });
    await expect(knock(world, agent)).rejects.toThrow('403');
    expect(world.reports.at(-1)).toMatchObject({ code: 'agent_revoked', agentId: agent.id });
    expect((await world.audit('agent.revoke')).at(-1)).toMatchObject({
      result: 'allowed',
      details: { name: agent.name, reason: 'it left' },
    });
    expect((await revoke(agent)).status).toBe('revoked');
    expect(await world.audit('agent.revoke')).toHaveLength(1);
  });

  it('takes the runs along in the same unit, and begins again when they moved meanwhile', async () => {
    const { store } = world.installation;
    const agent = await enrolled(world, 'prod');
    let asked = 0;
    let committed = 0;
    const moving = { name: 'runs', exactly: 1 };
    const runs: RunsOfAgent = {
      async revoke(id) {
        asked += 1;
        const query = store.db
          .selectFrom('agents')
          .select('id')
          .where('id', '=', asked === 1 ? 'nobody' : id);
        return { steps: [step(query, moving)], committed: () => (committed += 1) };
      },
    };
    expect((await revoke(agent, runs)).status).toBe('revoked');
    expect({ asked, committed }).toEqual({ asked: 2, committed: 1 });
    const other = await enrolled(world, 'prod');
    const never: RunsOfAgent = {
      async revoke() {
        return {
          steps: [step(store.db.selectFrom('agents').select('id').where('id', '=', 'nobody'), moving)],
          committed: () => undefined,
        };
      },
    };
    await expect(revoke(other, never)).rejects.toMatchObject({ guard: 'runs' });
    expect(await status(other)).toBe('offline');
  });

  it('makes the name free for another agent, and keeps the old one in the list', async () => {
    const agent = await enrolled(world, 'prod', { name: 'phoenix' });
    await expect(enrolled(world, 'prod', { name: 'phoenix' })).rejects.toThrow('name_taken');
    await revoke(agent);
    const next = await enrolled(world, 'prod', { name: 'phoenix' });
    expect(next.id).not.toBe(agent.id);
    const { store } = world.installation;
    expect((await showAgent(store, world.project.id, 'phoenix')).id).toBe(next.id);
    expect((await showAgent(store, world.project.id, agent.id)).status).toBe('revoked');
  });

  it('puts the certificates on the list that others fetch', async () => {
    const revocations = openRevocations(world.deps);
    const agent = await enrolled(world, 'prod');
    const before = await revocations.pem();
    expect(await revocations.pem()).toEqual(before);
    const check = async (crl: string) => {
      const [leaf = '', ...chain] = splitPem(agent.identity.certificate_chain);
      const root = agent.identity.root;
      return opensslVerify({ root, chain: chain.join(''), leaf, purpose: 'sslclient', crl });
    };
    expect((await check(before.pem)).code).toBe(0);
    await revoke(agent);
    world.advance(crlPublishMsMax);
    expect((await check((await revocations.pem()).pem)).stderr).toContain('certificate revoked');
  });
});
