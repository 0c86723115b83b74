// The side of the control plane that agents dial: the channel, enrolment, and the certificate that both show.
import { isIP } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { AgentsDeps } from './agents/contract.ts';
import { openEnrollment } from './agents/enrollment-listener.ts';
import { followAgents } from './agents/follow-agents.ts';
import type { AgentFollower } from './agents/follow-agents.ts';
import type { ServerRow } from './agents/server-row.ts';
import { demandEntitlement } from './authority/entitlements.ts';
import { channelHandlers } from './channel-handlers.ts';
import type { Channel, ChannelReport, ListenerTls } from './channel/contract.ts';
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
import { agentRevoked } from './runs/revoke.ts';
import { topicOf } from './store/hints.ts';
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
  readonly servers: ServerRow;
}

/** The listeners that agents dial, and what the routes about agents need of them. */
export interface AgentSide {
  readonly channel: Channel;
  /** Of both listeners, as it is now. */
  readonly certificate: () => Pick<ListenerTls, 'cert'>;
  readonly deps: AgentsDeps;
}

/** Listens for agents and for those who want to become one; `closing` gets what ends it again. */
export async function openAgentSide(
  { config, log }: { readonly config: ServerConfig; readonly log: FastifyBaseLogger },
  core: Below,
  closing: (() => Promise<void> | void)[],
): Promise<AgentSide> {
  const { clock, store, pki, runs } = core;
  const { host, port, enrollPort, publicHost } = config.agents;
  const urls = { agent: '', enroll: '' };
  let channel: Channel | null = null;
  let follower: AgentFollower | null = null;
  const deps = agentsDeps(core, {
    urls,
    connectionOf: (agentId) => channel?.connection(agentId) ?? null,
    look: (agentId) => void follower?.look(agentId),
  });
  const report = reportTo(log);
  let current: Pick<ListenerTls, 'cert'> = { cert: '' };
  const certificate = await keepServerCertificate({
    pki,
    clock,
    ...namesOf(publicHost),
    renewed: (renewed) => {
      current = renewed.agents;
      channel?.replaceTls(renewed.agents);
      enrollment.replaceTls(renewed.enrollment);
    },
    failed: (cause) => log.error({ err: cause }, 'our certificate could not be renewed; it is tried again'),
  });
  closing.push(() => certificate.stop());
  const handlers = channelHandlers({ agents: deps, runs, heads: core.heads, servers: core.servers });
  const { first } = certificate;
  current = first.agents;
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
  core.servers.holds(() => listening.online());
  const followed = followRows({ log, core, listening });
  follower = followed;
  closing.push(() => followed.stop());
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
  const changes = followChanges({
    log,
    hints: store,
    pki,
    clock,
    certificate,
    online: () => listening.online(),
  });
  closing.push(() => changes.stop());
  return { channel, certificate: () => current, deps };
}

/** What the verbs of agents work with. */
function agentsDeps(
  { clock, store, audit, pki, authority, servers }: Below,
  of: Pick<AgentsDeps, 'urls' | 'connectionOf'> & { readonly look: (agentId: string) => void },
): AgentsDeps {
  const { urls, connectionOf, look } = of;
  return {
    store,
    server: servers.id,
    audit,
    clock,
    pki,
    urls,
    connectionOf,
    changed: (agentId) => {
      store.hint(topicOf('agent', agentId));
      look(agentId);
    },
    countDenial: (reason) => audit.countDenial(reason),
    demandAgent: () => demandEntitlement({ store, authority }, 'agents'),
  };
}

/** What other processes change of the agents that are connected here. */
function followRows(of: {
  readonly log: FastifyBaseLogger;
  readonly core: Below;
  readonly listening: Channel;
}): AgentFollower {
  const { log, core, listening } = of;
  const { parts } = core.runs;
  return followAgents({
    store: core.store,
    online: () => listening.online(),
    connectionOf: (agent) => listening.connection(agent),
    revoked: (agent) => agentRevoked(parts, agent),
    renamed: (agent, name) => {
      const seat = parts.seats.ofAgent(agent);
      if (seat !== null) seat.agent = { id: agent, name };
    },
    failed: (cause) =>
      log.warn({ err: cause }, 'the rows of agents could not be read; guarded writes tell later'),
  });
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
