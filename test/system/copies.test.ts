// A state folder that was copied: two agents with one identity are noticed, and both are held.
import { cpSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../agent/exit-codes.ts';
import { openConnectProxy } from '../support/connect-proxy.ts';
import type { ConnectProxy } from '../support/connect-proxy.ts';
import { System, shell, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';

let system: System;
let elsewhere: ConnectProxy;
beforeAll(async () => {
  system = await System.open({ groups: ['main'] });
  elsewhere = await openConnectProxy({ user: 'copy', password: 'copy', localAddress: '127.0.0.7' });
}, 60_000);
afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await elsewhere[Symbol.asyncDispose]();
});

const hcl = `group "main" {
  action "hello" {
    run { ${shell('echo hello')} }
  }
}`;

/** The agent on another machine, as it seems, with a copy of its state folder. */
async function launchCopy(of: AgentProcess, name: string): Promise<AgentProcess> {
  cpSync(of.stateFolder, system.stateFolder(name), { recursive: true });
  return system.launchAgent(name, { hcl, environment: { WAYSIDE_AGENT_PROXY: elsewhere.url } });
}

interface Event {
  readonly operation: string;
  readonly result: string;
  readonly details: Record<string, unknown>;
}

async function quarantineOf(agent: AgentProcess): Promise<Event> {
  return until(`${agent.name} is quarantined`, async () => {
    if ((await system.agentNamed(agent.name)).status !== 'quarantined') return null;
    const { items } = await system.ask<{ items: Event[] }>('GET', '/v1/audit?limit=200');
    return items.find(({ operation }) => operation === 'agent.quarantine') ?? null;
  });
}

const addresses = ['127.0.0.1', '127.0.0.7'];

describe('two agents with one identity', () => {
  it('that live at once are told from a restart, and both are held', async () => {
    const original = await system.startAgent('original', { hcl });
    // A restart is no copy, however often.
    await original.kill('SIGKILL');
    const restarted = await system.startAgent('original', { hcl });
    expect((await system.agentNamed('original')).status).toBe('online');
    const copy = await launchCopy(restarted, 'copy');
    const event = await quarantineOf(restarted);
    expect(event).toMatchObject({ result: 'denied', details: { reason: 'two_processes' } });
    expect((event.details['addresses'] as string[]).toSorted()).toEqual(addresses);
    for (const agent of [restarted, copy]) {
      expect(await agent.ended).toMatchObject({ code: exitCodes.notPermitted });
      expect(agent.stderr()).toContain('quarantined');
    }

    // A person lets one of them back in, by the fingerprint of its key; the other one is not there any more.
    const { key_fingerprint: fingerprint } = await system.agentNamed('original');
    await system.ask('POST', '/v1/projects/default/agents/original/approve', { fingerprint });
    await system.startAgent('original', { hcl });
    expect((await system.agentNamed('original')).status).toBe('online');
  }, 120_000);

  it('one of which has renewed: the other shows a certificate that goes back', async () => {
    const original = await system.startAgent('renewing', { hcl });
    cpSync(original.stateFolder, system.stateFolder('stale'), { recursive: true });
    await system.ask('POST', '/v1/pki/rotations', { level: 'data_plane' });
    await original.connected(2);
    const stale = await system.launchAgent('stale', {
      hcl,
      environment: { WAYSIDE_AGENT_PROXY: elsewhere.url },
    });
    const event = await quarantineOf(original);
    expect(event.details).toMatchObject({ reason: 'certificate_went_back', presented: 1, known: 2 });
    expect(event.details['addresses']).toEqual(addresses.toReversed());
    for (const agent of [original, stale]) {
      expect(await agent.ended).toMatchObject({ code: exitCodes.notPermitted });
    }
  }, 120_000);
});
