import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approveAgent } from '../../../control-plane/agents/approve.ts';
import type { RunsOfAgent } from '../../../control-plane/agents/contract.ts';
import { drainAgent } from '../../../control-plane/agents/drain.ts';
import { listAgents, readAgent, showAgent } from '../../../control-plane/agents/read.ts';
import { forgetConnections } from '../../../control-plane/agents/record-pulse.ts';
import { openRevocations } from '../../../control-plane/agents/revocations.ts';
import { revokeAgent } from '../../../control-plane/agents/revoke.ts';
import { keyFingerprint } from '../../../control-plane/pki/fingerprint.ts';
import { step } from '../../../control-plane/store/step.ts';
import { closeCodes } from '../../../protocol/frames.ts';
import { opensslVerify, splitPem } from '../../support/openssl.ts';
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
    const before = await revocations.current();
    expect(await revocations.current()).toBe(before);
    const check = async (crl: string) => {
      const [leaf = '', ...chain] = splitPem(agent.identity.certificate_chain);
      const root = agent.identity.root;
      return opensslVerify({ root, chain: chain.join(''), leaf, purpose: 'sslclient', crl });
    };
    expect((await check(before.pem)).code).toBe(0);
    await revoke(agent);
    expect((await check((await revocations.current()).pem)).stderr).toContain('certificate revoked');
  });
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

describe('a journal that goes back', () => {
  it('quarantines by hello and by heartbeat, with an event', async () => {
    const agent = await enrolled(world, 'prod');
    const live = await connected(world, agent, { journal_counter: 5 });
    live.send({ type: 'heartbeat', journal_counter: 7, now: Date.now() });
    await expect.poll(async () => (await row(agent)).journal_counter).toBe(7);
    live.send({ type: 'heartbeat', journal_counter: 6, now: Date.now() });
    expect(await live.closed).toEqual({ code: closeCodes.quarantined, reason: 'quarantined' });
    expect((await world.audit('agent.quarantine')).at(-1)).toMatchObject({
      result: 'denied',
      details: { reason: 'journal_went_back', presented: 6, known: 7 },
    });
  });
});

describe('draining', () => {
  it('is told to the agent, shown, and over with its next process', async () => {
    const agent = await enrolled(world, 'prod');
    const first = await connected(world, agent);
    const drained = await drainAgent(world.deps, world.context('wayside.agent.drain'), await row(agent));
    expect(drained.status).toBe('draining');
    await expect.poll(() => first.frames.at(-1)?.type).toBe('drain');
    const again = await connected(world, agent);
    expect(await status(agent)).toBe('draining');
    again.socket.terminate();
    await expect.poll(() => status(agent)).toBe('offline');
    (
      await connected(world, agent, { incarnation: '01890000-0000-7000-8000-0000000000c9' })
    ).socket.terminate();
    expect((await row(agent)).draining).toBe(0);
    expect((await world.audit('agent.drain')).at(-1)).toMatchObject({ result: 'allowed' });
  });

  it('can be the agent’s own wish, and is refused for one that is not active', async () => {
    const agent = await enrolled(world, 'prod');
    const live = await connected(world, agent);
    live.send({ type: 'drain' });
    await expect.poll(() => status(agent)).toBe('draining');
    await revoke(agent);
    const gone = drainAgent(world.deps, world.context('wayside.agent.drain'), await row(agent));
    await expect(gone).rejects.toMatchObject({ code: 'agent_revoked' });
  });
});

describe('sessions', () => {
  it('grow with each connection, and an older one ends no newer', async () => {
    const agent = await enrolled(world, 'prod');
    const first = await connected(world, agent);
    const second = await connected(world, agent);
    expect(second.welcome.session).toBe(first.welcome.session + 1);
    await first.closed;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await status(agent)).toBe('online');
    second.socket.terminate();
    await expect.poll(() => status(agent)).toBe('offline');
  });

  it('that a crash left open are closed at the next start', async () => {
    const agent = await enrolled(world, 'prod');
    await connected(world, agent);
    expect(await status(agent)).toBe('online');
    await forgetConnections(world.deps);
    expect(await status(agent)).toBe('offline');
  });
});

describe('the list', () => {
  it('pages from the newest to the oldest, without repeating any', async () => {
    const { store } = world.installation;
    const all = (await listAgents(store, world.project.id, { limit: 200 })).items.map((item) => item.id);
    expect(all.length).toBeGreaterThan(5);
    const paged: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listAgents(store, world.project.id, { limit: 3, cursor });
      paged.push(...page.items.map((item) => item.id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(paged).toEqual(all);
    await expect(showAgent(store, world.project.id, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
    await expect(showAgent(store, 'elsewhere', all[0]!)).rejects.toMatchObject({ code: 'not_found' });
  });
});
