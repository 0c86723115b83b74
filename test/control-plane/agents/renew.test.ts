import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAgent, showAgent } from '../../../control-plane/agents/read.ts';
import { revokeAgent } from '../../../control-plane/agents/revoke.ts';
import { closeCodes } from '../../../protocol/frames.ts';
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

const show = (agent: EnrolledAgent) => showAgent(world.installation.store, world.project.id, agent.id);

describe('renewal', () => {
  it('gives the same identity a new key, and both certificates work until the new one is used', async () => {
    const first = await enrolled(world, 'prod');
    const { answer, keys } = await renew(world, first);
    const second = withIdentity(answer, keys);
    expect(second.id).toBe(first.id);
    expect(second.identity.generation).toBe(2);
    const [before, after] = [first, second].map((one) => new X509Certificate(one.identity.certificate_chain));
    expect(after!.subjectAltName).toBe(before!.subjectAltName);
    expect(after!.publicKey.equals(before!.publicKey)).toBe(false);
    const old = await connected(world, first);
    const fresh = await connected(world, second);
    expect(fresh.welcome.session).toBe(old.welcome.session + 1);
    expect((await old.closed).code).toBe(closeCodes.session_replaced);
    fresh.socket.terminate();
    expect((await world.audit('agent.renew')).at(-1)).toMatchObject({ details: { generation: 2 } });
  });

  it('whose answer was lost is answered again, for the same key and no other', async () => {
    const first = await enrolled(world, 'prod');
    const { keys } = await renew(world, first);
    const again = withIdentity((await renew(world, first, { keys })).answer, keys);
    expect(again.identity.generation).toBe(2);
    const third = await renew(world, again);
    expect(withIdentity(third.answer, third.keys).identity.generation).toBe(3);
  });

  it('by another key with an old generation quarantines the agent, for it is a copy', async () => {
    const original = await enrolled(world, 'prod');
    const { answer, keys } = await renew(world, original);
    const live = await connected(world, withIdentity(answer, keys));
    const copy = await renew(world, original);
    expect(copy.answer).toMatchObject({ status: 403, body: { code: 'quarantined' } });
    expect(await live.closed).toEqual({ code: closeCodes.quarantined, reason: 'quarantined' });
    expect((await show(original)).status).toBe('quarantined');
    expect((await world.audit('agent.quarantine')).at(-1)).toMatchObject({
      result: 'denied',
      resource: `projects/${world.project.id}/agents/${original.id}`,
      details: { reason: 'certificate_went_back', presented: 1, known: 2 },
    });
    await expect(knock(world, withIdentity(answer, keys))).rejects.toThrow('403');
    expect((await renew(world, withIdentity(answer, keys))).answer.body['code']).toBe('quarantined');
  });

  it('of two at once with two keys lets one through and finds the copy', async () => {
    const agent = await enrolled(world, 'prod');
    const results = await Promise.all([renew(world, agent), renew(world, agent)]);
    expect(results.map(({ answer }) => answer.status).toSorted()).toEqual([200, 403]);
    expect((await show(agent)).status).toBe('quarantined');
  });

  it('is refused with a generation that is not the certificate’s, and to a revoked agent', async () => {
    const agent = await enrolled(world, 'prod');
    const { answer } = await renew(world, agent, { generation: 2 });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    const { store } = world.installation;
    const runs = { revoke: async () => ({ steps: [], committed: () => undefined }) };
    await revokeAgent({ ...world.deps, runs }, world.context('wayside.agent.revoke'), {
      agent: await readAgent(store, world.project.id, agent.id),
    });
    expect((await renew(world, agent)).answer).toMatchObject({
      status: 403,
      body: { code: 'agent_revoked' },
    });
  });

  it('is refused without a certificate, and with a body of another shape', async () => {
    const url = `https://127.0.0.1:${world.channel.port}`;
    await expect(world.post('/renew', {}, { url })).rejects.toThrow();
    const agent = await enrolled(world, 'prod');
    const answer = await world.post('/renew', { csr: 1 }, { ...agent.credentials, url });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect((await world.post('/other', {}, { ...agent.credentials, url })).status).toBe(404);
  });
});

describe('a certificate that goes back', () => {
  it('is taken until a newer one was used, and quarantines the agent from then on', async () => {
    const first = await enrolled(world, 'prod');
    const { answer, keys } = await renew(world, first);
    (await connected(world, first)).socket.terminate();
    (await connected(world, withIdentity(answer, keys))).socket.terminate();
    await expect(knock(world, first)).rejects.toThrow('403');
    expect((await show(first)).status).toBe('quarantined');
    expect((await world.audit('agent.quarantine')).at(-1)?.details).toEqual({
      reason: 'certificate_went_back',
      presented: 1,
      known: 2,
      addresses: ['127.0.0.1', '127.0.0.1'],
    });
  });
});
