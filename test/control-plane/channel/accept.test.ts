import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

describe('a reconnect storm', () => {
  it('is let in at the stated rate, and nobody is turned away', async () => {
    await using harness = await openHarness({ installation, limits: { acceptsPerSecondMax: 50 } });
    const credentials = await Promise.all(Array.from({ length: 40 }, () => harness.agent(agentId())));
    const began = performance.now();
    const agents = await Promise.all(credentials.map((one) => dial(harness, one)));
    // 5 at once and 35 at 50 a second.
    expect(performance.now() - began).toBeGreaterThan(600);
    for (const agent of agents) agent.send(hello());
    await until('all are heard', () => harness.heard.hello.length === 40);
    for (const agent of agents) agent.socket.terminate();
  });

  it('beyond the queue is turned away and reported, and the listener goes on', async () => {
    await using harness = await openHarness({
      installation,
      limits: { acceptsPerSecondMax: 20, acceptQueueMax: 5 },
    });
    const credentials = await harness.agent(agentId());
    const attempts = await Promise.allSettled(Array.from({ length: 30 }, () => dial(harness, credentials)));
    expect(attempts.some((attempt) => attempt.status === 'rejected')).toBe(true);
    expect(attempts.some((attempt) => attempt.status === 'fulfilled')).toBe(true);
    expect(harness.heard.reports.map((report) => report.kind)).toContain('accept_dropped');
    (await dial(harness, credentials)).socket.terminate();
  });
});
