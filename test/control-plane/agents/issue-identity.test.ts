import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enroll, recoverIdentity } from '../../../agent/enroll.ts';
import { noFaults } from '../../../agent/fault.ts';
import { readIdentity } from '../../../agent/identity.ts';
import type { StoredIdentity } from '../../../agent/identity.ts';
import { readIntentKeys } from '../../../agent/intent-keys.ts';
import { renewIdentity } from '../../../agent/renew.ts';
import { createRecoveryToken } from '../../../control-plane/agents/create-join-token.ts';
import { groupsOfAgent, readAgent } from '../../../control-plane/agents/read.ts';
import { leafCertificateMs } from '../../../protocol/limits.ts';
import { openConnectProxy } from '../../support/connect-proxy.ts';
import { openFolder } from '../../support/folder.ts';
import { connected } from './agent.ts';
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

const optionsOf = (stateFolder: string, token: string, now = Date.now()) => ({
  server: new URL(world.enrollment.url),
  token,
  stateFolder,
  proxyEnv: {},
  now,
  faultPoint: noFaults,
});

describe("the agent's own code", () => {
  it('enrols, connects, renews, and recovers after its certificate expired', async () => {
    using folder = openFolder();
    const { token } = await world.token('prod');
    const { identity, pendingApproval } = await enroll({
      ...optionsOf(folder.path, token),
      name: 'real',
      replace: false,
    });
    expect(pendingApproval).toBe(false);
    const dialAs = (stored: StoredIdentity) =>
      connected(world, {
        identity: { groups: [...stored.groups] },
        credentials: { key: stored.key, cert: stored.certificate_chain },
      });
    const first = await dialAs(identity);
    expect(await readIntentKeys(first.welcome.intent_keys, identity)).toHaveLength(2);
    const renewed = await renewIdentity(identity, {
      stateFolder: folder.path,
      proxyEnv: {},
      faultPoint: noFaults,
      now: Date.now(),
    });
    expect(renewed.generation).toBe(2);
    expect(readIdentity(folder.path)?.generation).toBe(2);
    const second = await dialAs(renewed);
    await first.closed;
    second.socket.terminate();
    world.advance(leafCertificateMs + 1_000);
    const { store } = world.installation;
    const agent = await readAgent(store, world.project.id, 'real');
    const recovery = await createRecoveryToken(world.deps, world.context(), {
      agent,
      groups: await groupsOfAgent(store, agent.id),
      networks: [],
    });
    const back = await recoverIdentity(optionsOf(folder.path, recovery.token));
    expect(back.identity.agent).toEqual(identity.agent);
    expect(back.identity.generation).toBe(3);
    expect(new X509Certificate(back.identity.certificate_chain).subject).toContain('serialNumber=3');
  });

  it('enrols through an HTTP proxy with credentials, and refuses a root that its token does not name', async () => {
    using folder = openFolder();
    await using proxy = await openConnectProxy();
    await using other = await openWorld();
    await other.group('prod');
    const { token } = await world.token('prod');
    const foreign = await other.token('prod');
    const through = { ...optionsOf(folder.path, token), proxyEnv: { https_proxy: proxy.url } };
    await expect(
      enroll({ ...through, token: foreign.token, name: 'behind', replace: false }),
    ).rejects.toMatchObject({ code: 'certificate_rejected' });
    const { identity } = await enroll({ ...through, name: 'behind', replace: false });
    expect(identity.agent.name).toBe('behind');
    expect(proxy.log.every((entry) => entry.status === 200)).toBe(true);
  });
});
