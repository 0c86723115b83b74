import { importPKCS8 } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRecoveryToken } from '../../../control-plane/agents/create-join-token.ts';
import { groupsOfAgent, readAgent, showAgent } from '../../../control-plane/agents/read.ts';
import { proveRecovery } from '../../../protocol/key-statements.ts';
import { leafCertificateMs } from '../../../protocol/limits.ts';
import { splitPem } from '../../support/openssl.ts';
import { opensslWithOurCa } from '../channel/harness.ts';
import { connected, enrolled, renew, withIdentity } from './agent.ts';
import type { EnrolledAgent } from './agent.ts';
import { newKeys } from './keys.ts';
import type { AgentKeys } from './keys.ts';
import { openWorld } from './world.ts';
import type { Posted, World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld();
  await world.group('prod');
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

const show = (agent: EnrolledAgent) => showAgent(world.installation.store, world.project.id, agent.id);

describe('recovery', () => {
  const recoveryToken = async (agent: EnrolledAgent): Promise<string> => {
    const { store } = world.installation;
    const made = await createRecoveryToken(world.deps, world.context(), {
      agent: await readAgent(store, world.project.id, agent.id),
      groups: await groupsOfAgent(store, agent.id),
      networks: [],
    });
    expect(made.command).toContain(made.token);
    return made.token;
  };
  const recover = async (
    of: Pick<EnrolledAgent, 'keys' | 'credentials'>,
    token: string,
    changes: { readonly certificate?: string; readonly provenBy?: string; readonly keys?: AgentKeys } = {},
  ): Promise<{ readonly answer: Posted; readonly keys: AgentKeys }> => {
    const keys = changes.keys ?? (await newKeys());
    const { csr, sealing_key } = keys;
    const oldKey = await importPKCS8(changes.provenBy ?? of.keys.key, 'ES256');
    const proof = await proveRecovery({ token, csr }, oldKey);
    const certificate = changes.certificate ?? splitPem(of.credentials.cert)[0]!;
    return { answer: await world.post('/recover', { token, csr, sealing_key, certificate, proof }), keys };
  };

  it('brings the same identity back after its certificate expired', async () => {
    await using later = await openWorld();
    await later.group('prod');
    const agent = await enrolled(later, 'prod');
    later.advance(leafCertificateMs + 1_000);
    const { store } = later.installation;
    const { token } = await createRecoveryToken(later.deps, later.context(), {
      agent: await readAgent(store, later.project.id, agent.id),
      groups: await groupsOfAgent(store, agent.id),
      networks: [],
    });
    const keys = await newKeys();
    const proof = await proveRecovery({ token, csr: keys.csr }, await importPKCS8(agent.keys.key, 'ES256'));
    const certificate = splitPem(agent.credentials.cert)[0];
    const { csr, sealing_key } = keys;
    const answer = await later.post('/recover', { token, csr, sealing_key, certificate, proof });
    const back = withIdentity(answer, keys);
    expect(back.id).toBe(agent.id);
    expect(back.identity.generation).toBe(2);
    expect((await later.audit('agent.recover')).at(-1)).toMatchObject({
      result: 'allowed',
      details: { generation: 2 },
    });
  });

  it('is refused without the old key, with another certificate, and with a token of another agent', async () => {
    const agent = await enrolled(world, 'prod');
    const other = await enrolled(world, 'prod');
    const token = await recoveryToken(agent);
    await using ca = await opensslWithOurCa(world.deps.pki.authorities());
    const forged = await ca.issue({
      subject: '/CN=x/serialNumber=9',
      extensions: ['extendedKeyUsage=clientAuth'],
    });
    const attempts = [
      await recover(agent, token, { provenBy: other.keys.key }),
      await recover(other, token),
      await recover(agent, token, { certificate: splitPem(other.credentials.cert)[0]! }),
      await recover(agent, token, { certificate: forged.cert, provenBy: forged.key }),
      await recover(agent, token, { certificate: world.deps.pki.authorities().root.pem }),
      await recover(agent, token, { certificate: 'nonsense' }),
    ];
    for (const { answer } of attempts) {
      expect(answer).toMatchObject({ status: 403, body: { code: 'certificate_rejected' } });
    }
    const { answer, keys } = await recover(agent, token);
    expect(withIdentity(answer, keys).id).toBe(agent.id);
    expect((await recover(agent, token)).answer).toMatchObject({
      status: 401,
      body: { code: 'join_token_spent' },
    });
    expect((await world.audit('agent.recover')).at(-1)).toMatchObject({
      result: 'denied',
      details: { reason: 'join_token_spent', spent_by: { agent: agent.id } },
    });
  });

  it('takes no join token, and enrolment no recovery token', async () => {
    const agent = await enrolled(world, 'prod');
    const join = await world.token('prod');
    expect((await recover(agent, join.token)).answer.body['code']).toBe('invalid_join_token');
    const { csr, sealing_key } = await newKeys();
    const token = await recoveryToken(agent);
    const answer = await world.post('/enroll', { token, name: 'thief', csr, sealing_key });
    expect(answer.body['code']).toBe('invalid_join_token');
  });

  it('with a certificate that a newer one has replaced quarantines the agent', async () => {
    const first = await enrolled(world, 'prod');
    const { answer, keys } = await renew(world, first);
    (await connected(world, withIdentity(answer, keys))).socket.terminate();
    const result = await recover(first, await recoveryToken(first));
    expect(result.answer).toMatchObject({ status: 403, body: { code: 'quarantined' } });
    expect((await show(first)).status).toBe('quarantined');
  });
});
