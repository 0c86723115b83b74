// The side of the control plane that agents dial: the channel, enrolment, and the certificate that both show.
import { isIP } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { AgentsDeps } from './agents/contract.ts';
import { openEnrollment } from './agents/enrollment-listener.ts';
import { forgetConnections } from './agents/record-pulse.ts';
import { demandEntitlement } from './authority/entitlements.ts';
import { channelHandlers } from './channel-handlers.ts';
import type { Channel, ChannelReport } from './channel/contract.ts';
import type { systemClock } from './channel/clock.ts';
import { openChannel } from './channel/open-channel.ts';
import { followChanges } from './follow-changes.ts';
import { keepServerCertificate } from './pki/server-certificate.ts';
import type { HeadHandout } from './audit/hand-heads.ts';
import type { Audit } from './audit/audit.ts';
import type { Authority } from './authority/authority.ts';
import type { ServerConfig } from './config.ts';
import type { Pki } from './pki/open-pki.ts';
import type { Runs } from './runs/open.ts';
import type { Store } from './store/store.ts';

/** What is open below it. */
interface Below {
  readonly clock: ReturnType<typeof systemClock>;
  readonly store: Store;
  readonly audit: Audit;
  readonly authority: Authority;
  readonly pki: Pki;
  readonly runs: Runs;
  readonly heads: HeadHandout;
}

/** The listeners that agents dial, and what the routes about agents need of them. */
export interface AgentSide {
  readonly channel: Channel;
  readonly deps: AgentsDeps;
}

/** Listens for agents and for those who want to become one; `closing` gets what ends it again. */
export async function openAgentSide(
  { config, log }: { readonly config: ServerConfig; readonly log: FastifyBaseLogger },
  core: Below,
  closing: (() => Promise<void> | void)[],
): Promise<AgentSide> {
  const { clock, store, audit, pki, runs } = core;
  const { host, port, enrollPort, publicHost } = config.agents;
  const urls = { agent: '', enroll: '' };
  let channel: Channel | null = null;
  const deps: AgentsDeps = {
    store,
    audit,
    clock,
    pki,
    urls,
    connectionOf: (agentId) => channel?.connection(agentId) ?? null,
    countDenial: (reason) => audit.countDenial(reason),
    demandAgent: () => demandEntitlement({ store, authority: core.authority }, 'agents'),
  };
  const report = reportTo(log);
  const certificate = await keepServerCertificate({
    pki,
    clock,
    ...namesOf(publicHost),
    renewed: (renewed) => {
      channel?.replaceTls(renewed.agents);
      enrollment.replaceTls(renewed.enrollment);
    },
    failed: (cause) => log.error({ err: cause }, 'our certificate could not be renewed; it is tried again'),
  });
  closing.push(() => certificate.stop());
  // A crash left rows that say connected; nobody is, before the listener opens.
  await forgetConnections({ store });
  const handlers = channelHandlers({ agents: deps, runs, heads: core.heads });
  const { first } = certificate;
  channel = await openChannel({
    host,
    port,
    trustDomain: store.trustDomain,
    issuerOf: pki.issuerOf,
    tls: first.agents,
    handlers,
    clock,
    report,
  });
  const listening = channel;
  closing.push(() => listening.close());
  const enrollment = await openEnrollment({
    host,
    port: enrollPort,
    tls: first.enrollment,
    deps: () => deps,
    report,
  });
  closing.push(() => enrollment.close());
  urls.agent = `wss://${bracketed(publicHost)}:${channel.port}/agent`;
  urls.enroll = `https://${bracketed(publicHost)}:${enrollment.port}`;
  const changes = followChanges({ log, pki, clock, certificate, online: () => listening.online() });
  closing.push(() => changes.stop());
  return { channel, deps };
}

function reportTo(log: FastifyBaseLogger): (report: ChannelReport) => void {
  return ({ kind, code, message, agentId, remoteAddress, cause }) => {
    const level = kind === 'handler_failed' ? 'error' : 'warn';
    log[level]({ kind, code, agent: agentId, remote: remoteAddress, err: cause }, message);
  };
}

/** Names in our certificate: the public one, and those of this machine for agents that run beside it. */
function namesOf(publicHost: string): { readonly dns: readonly string[]; readonly ips: readonly string[] } {
  const isAddress = isIP(publicHost) !== 0;
  return {
    dns: isAddress ? ['localhost'] : [...new Set([publicHost, 'localhost'])],
    ips: isAddress ? [...new Set([publicHost, '127.0.0.1'])] : ['127.0.0.1'],
  };
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
