// Both listeners for agents over a real store, and a person with every right, for tests of the noun agents.
import { randomUUIDv7 } from 'node:crypto';
import { request as httpsRequest } from 'node:https';
import type { FastifyRequest } from 'fastify';
import { onBehalfOf } from '../../../control-plane/authority/caller.ts';
import { authenticateAgent } from '../../../control-plane/agents/authenticate.ts';
import type { AgentsDeps } from '../../../control-plane/agents/contract.ts';
import { createJoinToken } from '../../../control-plane/agents/create-join-token.ts';
import type { JoinToken } from '../../../control-plane/agents/create-join-token.ts';
import { openEnrollment } from '../../../control-plane/agents/enrollment-listener.ts';
import type { EnrollmentListener } from '../../../control-plane/agents/enrollment-listener.ts';
import { recordDefinitions, recordHello, welcomeOf } from '../../../control-plane/agents/record-hello.ts';
import { recordDrain, recordGone, recordHeartbeat } from '../../../control-plane/agents/record-pulse.ts';
import { renewAgent } from '../../../control-plane/agents/renew.ts';
import { openServerRow } from '../../../control-plane/agents/server-row.ts';
import type { ServerRow } from '../../../control-plane/agents/server-row.ts';
import { openTrail } from '../../../control-plane/audit/trail.ts';
import { openAuthority } from '../../../control-plane/authority/authority.ts';
import type { ChangeContext } from '../../../control-plane/authority/change.ts';
import { systemClock } from '../../../control-plane/channel/clock.ts';
import type { Channel, ChannelReport, HelloFrame } from '../../../control-plane/channel/contract.ts';
import { openChannel } from '../../../control-plane/channel/open-channel.ts';
import { readGroup } from '../../../control-plane/groups/read.ts';
import { insertGroup } from '../../../control-plane/groups/store.ts';
import { initialize } from '../../../control-plane/organizations/initialize.ts';
import { openPki } from '../../../control-plane/pki/open-pki.ts';
import { keepServerCertificate } from '../../../control-plane/pki/server-certificate.ts';
import type { ServerCertificate } from '../../../control-plane/pki/server-certificate.ts';
import type { Permission } from '../../../protocol/permissions.ts';
import { Failure } from '../../../protocol/failures.ts';
import { parseJson, stringifyJson } from '../../../protocol/json.ts';
import { heartbeatMs, joinTokenMsDefault } from '../../../protocol/limits.ts';
import { openInstallation, untold } from '../pki/installation.ts';
import type { Installation } from '../pki/installation.ts';

export interface AuditRow {
  readonly operation: string;
  readonly result: string;
  readonly resource: string;
  readonly principal: string | null;
  readonly details: Record<string, unknown>;
}

export interface World extends AsyncDisposable {
  readonly installation: Installation;
  readonly deps: AgentsDeps;
  /** The row of the process that the agents are connected to. */
  readonly server: ServerRow;
  readonly project: { readonly id: string; readonly organization: string; readonly name: string };
  readonly channel: Channel;
  readonly enrollment: EnrollmentListener;
  readonly certificate: ServerCertificate;
  readonly denials: string[];
  readonly reports: ChannelReport[];
  readonly hellos: HelloFrame[];
  /** Moves the database's clock and the control plane's. */
  advance(ms: number): void;
  group(
    name: string,
    options?: { readonly production?: boolean; readonly pinned?: boolean },
  ): Promise<string>;
  context(permission?: Permission): ChangeContext & { readonly project: World['project'] };
  token(
    group: string,
    options?: { readonly groups?: string[]; readonly networks?: string[]; readonly lifeMs?: number },
  ): Promise<JoinToken>;
  audit(operation?: string): Promise<readonly AuditRow[]>;
  post(path: string, body: unknown, tls?: PostTls): Promise<Posted>;
}

export interface PostTls {
  readonly key?: string;
  readonly cert?: string;
  readonly url?: string;
}

export interface Posted {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Record<string, unknown>;
}

export async function openWorld(options: { readonly requestsPerMinuteMax?: number } = {}): Promise<World> {
  let skew = 0;
  const clock = { ...systemClock(), now: () => Date.now() + skew };
  const installation = await openInstallation({ clock: clock.now });
  const { store, secrets } = installation;
  const trail = openTrail({ store, mac: secrets.auditMac, clock });
  await initialize({ store, audit: trail });
  const authority = await openAuthority(store, clock);
  const policy = authority.policy();
  const project = policy.projectsByName.get('default')!;
  const owner = [...policy.principals.values()][0]!;
  const pki = await openPki({ store, keys: secrets.signingKeys, clock, rotations: untold });
  const keeper = await keepServerCertificate({
    pki,
    dns: ['localhost'],
    ips: ['127.0.0.1'],
    clock,
    renewed: () => undefined,
    failed: () => undefined,
  });
  const denials: string[] = [];
  const reports: ChannelReport[] = [];
  const hellos: HelloFrame[] = [];
  const urls = { agent: '', enroll: '' };
  let channel: Channel | null = null;
  const server = await openServerRow({
    ...{ store, clock, id: 'server-1', address: 'here' },
    report: () => undefined,
  });
  server.holds(() => channel?.online() ?? []);
  const deps: AgentsDeps = {
    store,
    server: server.id,
    audit: trail,
    clock,
    pki,
    urls,
    connectionOf: (id) => channel?.connection(id) ?? null,
    countDenial: (reason) => denials.push(reason),
  };
  channel = await openChannel({
    host: '127.0.0.1',
    port: 0,
    trustDomain: store.trustDomain,
    issuerOf: pki.issuerOf,
    tls: keeper.first.agents,
    clock,
    report: (report) => reports.push(report),
    handlers: {
      authenticate: (...args) => authenticateAgent(deps, ...args),
      async hello(connection, frame) {
        hellos.push(frame);
        const hello = await recordHello(deps, connection, frame);
        connection.send(welcomeOf(deps, connection, { hello, heartbeatMs, runs: [] }));
      },
      async frame(connection, frame) {
        if (frame.type === 'heartbeat') await recordHeartbeat(deps, connection, frame);
        if (frame.type === 'definitions') await recordDefinitions(deps, connection, frame);
        if (frame.type === 'drain') await recordDrain(deps, connection);
      },
      gone: (connection) => recordGone(deps, connection),
      renew: (identity, certificate, request, remoteAddress) =>
        renewAgent(deps, { identity, certificate, request, remoteAddress }).catch((cause: unknown) => {
          if (cause instanceof Failure) return cause;
          throw cause;
        }),
    },
  });
  const enrollment = await openEnrollment({
    host: '127.0.0.1',
    port: 0,
    tls: keeper.first.enrollment,
    deps: () => deps,
    report: (report) => reports.push(report),
    ...options,
  });
  urls.agent = channel.url;
  urls.enroll = enrollment.url;

  const context: World['context'] = (permission = 'wayside.group.enroll') => {
    const caller = onBehalfOf(owner);
    const resource = { organization: owner.organization, project: project.id, thing: null };
    const decision = authority.decide(caller, permission, resource);
    const request = {
      id: randomUUIDv7(),
      method: 'POST',
      url: '/v1/test',
      headers: {},
      ip: '127.0.0.1',
    } as FastifyRequest;
    return { caller, decision, guard: authority.guard(decision), request, project };
  };
  const opened = channel;
  return {
    installation,
    deps,
    server,
    project,
    channel: opened,
    enrollment,
    certificate: keeper.first,
    denials,
    reports,
    hellos,
    context,
    advance(ms) {
      skew += ms;
    },
    async group(name, { production = false, pinned = false } = {}) {
      const id = randomUUIDv7();
      await store.write([
        insertGroup(store, {
          id,
          project: project.id,
          name,
          description: '',
          production: production ? 1 : 0,
          pinned: pinned ? 1 : 0,
        }),
      ]);
      return (await readGroup(store, project.id, id)).id;
    },
    token: (group, { groups = [], networks = [], lifeMs = joinTokenMsDefault } = {}) =>
      createJoinToken(deps, context(), { group, groups, networks, expires_in_ms: lifeMs }),
    async audit(operation) {
      const rows = await store.read(store.db.selectFrom('audit_events').selectAll().orderBy('id').compile());
      return rows
        .map((row) => ({ ...row, details: parseJson(row.details) as Record<string, unknown> }))
        .filter((row) => operation === undefined || row.operation === operation);
    },
    post: (path, body, tls = {}) =>
      post(new URL(path, tls.url ?? enrollment.url), body, { ca: keeper.first.agents.ca, ...tls }),
    async [Symbol.asyncDispose]() {
      keeper.stop();
      await Promise.all([opened.close(), enrollment.close()]);
      await installation[Symbol.asyncDispose]();
    },
  };
}

function post(url: URL, body: unknown, tls: PostTls & { readonly ca: string }): Promise<Posted> {
  const { ca, key, cert } = tls;
  return new Promise((resolve, reject) => {
    const exchange = httpsRequest(url, {
      method: 'POST',
      ca,
      ...(key === undefined ? {} : { key }),
      ...(cert === undefined ? {} : { cert }),
      agent: false,
      headers: { 'content-type': 'application/json' },
    });
    exchange.on('error', reject);
    exchange.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: JSON.parse(text) as Record<string, unknown>,
        }),
      );
    });
    exchange.end(typeof body === 'string' ? body : stringifyJson(body));
  });
}
