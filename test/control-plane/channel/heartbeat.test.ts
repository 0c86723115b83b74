import { Agent } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { openConnectProxy } from '../../support/connect-proxy.ts';
import { openTcpProxy } from '../../support/tcp-proxy.ts';
import { openInstallation } from '../pki/installation.ts';
import type { Installation } from '../pki/installation.ts';
import { agentId, dial, hello, openHarness, until } from './harness.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await openInstallation();
});
afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

describe('the network between', () => {
  it('is noticed when it goes half-open, after two silent intervals', async () => {
    await using harness = await openHarness({ installation, limits: { heartbeatMs: 200 } });
    await using proxy = await openTcpProxy({ port: harness.channel.port });
    const id = agentId();
    const agent = await dial(harness, await harness.agent(id), { port: proxy.port });
    agent.send(hello());
    await until('the hello is heard', () => harness.heard.hello.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(harness.channel.connection(id)).not.toBeNull();
    proxy.halfOpen();
    await until('the agent is given up', () => harness.channel.connection(id) === null);
    expect(harness.heard.reports.map((report) => report.kind)).toContain('heartbeat_missed');
    expect(agent.socket.readyState).toBe(WebSocket.OPEN);
    await until('gone is said', () => harness.heard.gone.length === 1);
  });

  it('may be slow, narrow and cut without harm to what comes after', async () => {
    await using harness = await openHarness({ installation });
    await using proxy = await openTcpProxy({ port: harness.channel.port });
    proxy.setDelay(20);
    proxy.setBandwidth(200_000);
    const id = agentId();
    const credentials = await harness.agent(id);
    const slow = await dial(harness, credentials, { port: proxy.port });
    slow.send(hello());
    await until('the hello is heard', () => harness.heard.hello.length === 1);
    proxy.cut();
    await slow.closed;
    await until('gone is said', () => harness.heard.gone.length === 1);
    const again = await dial(harness, credentials, { port: proxy.port });
    again.send(hello());
    await until('the second hello is heard', () => harness.heard.hello.length === 2);
    again.socket.terminate();
  });

  it('is left half-open by the old connection while the new one takes over', async () => {
    await using harness = await openHarness({ installation });
    await using proxy = await openTcpProxy({ port: harness.channel.port });
    const id = agentId();
    const credentials = await harness.agent(id);
    const old = await dial(harness, credentials, { port: proxy.port });
    old.send(hello());
    await until('the hello is heard', () => harness.heard.hello.length === 1);
    proxy.halfOpen();
    const next = await dial(harness, credentials);
    next.send(hello());
    await until('the second hello is heard', () => harness.heard.hello.length === 2);
    expect(harness.channel.connection(id)?.session).toBe(harness.heard.hello[1]?.session);
    await until('the old one is gone', () => harness.heard.gone.length === 1);
    expect(harness.heard.gone[0]).toBe(harness.heard.hello[0]);
  });

  it('goes through an HTTP proxy with credentials, with mutual TLS end to end', async () => {
    await using harness = await openHarness({ installation });
    await using proxy = await openConnectProxy();
    const id = agentId();
    const credentials = await harness.agent(id);
    const through = (url: string) =>
      new Agent({
        proxyEnv: { HTTPS_PROXY: url },
        ca: harness.serverTls.ca,
        ...credentials,
      });
    const agent = await dial(harness, credentials, { agent: through(proxy.url) });
    agent.send(hello());
    await until('the hello is heard', () => harness.heard.hello.some((one) => one.agentId === id));
    expect(proxy.log).toEqual([{ target: `127.0.0.1:${harness.channel.port}`, status: 200 }]);
    await expect(
      dial(harness, credentials, { agent: through(`http://agent:wrong@127.0.0.1:${proxy.port}`) }),
    ).rejects.toThrow(/407/);
    proxy.cut();
    await agent.closed;
  });
});
