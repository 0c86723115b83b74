// A listener with recording handlers, and agents that dial it over real TLS.
import { KeyObject, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { openChannel } from '../../../control-plane/channel/open-channel.ts';
import { systemClock } from '../../../control-plane/channel/clock.ts';
import type {
  AgentConnection,
  Channel,
  ChannelHandlers,
  ChannelLimits,
  ChannelReport,
  ListenerTls,
} from '../../../control-plane/channel/contract.ts';
import type { Authorities } from '../../../control-plane/pki/authorities.ts';
import { issueAgentCertificate, issueServerCertificate } from '../../../control-plane/pki/issue-leaf.ts';
import { Failure } from '../../../protocol/failures.ts';
import { encodeFrame, parseServerFrame, subprotocol } from '../../../protocol/frames.ts';
import type { AgentFrame, ServerFrame } from '../../../protocol/frames.ts';
import { openAuthority } from '../../support/openssl.ts';
import type { OpensslAuthority } from '../../support/openssl.ts';
import { openInstallation } from '../pki/installation.ts';
import type { Installation } from '../pki/installation.ts';

export const organization = '01890000-0000-7000-8000-0000000000a1';
export const project = '01890000-0000-7000-8000-0000000000b1';

export interface Credentials {
  readonly key: string;
  readonly cert: string;
}

export interface Heard {
  readonly hello: AgentConnection[];
  readonly frames: { readonly connection: AgentConnection; readonly frame: AgentFrame }[];
  readonly gone: AgentConnection[];
  readonly reports: ChannelReport[];
}

export interface Harness extends AsyncDisposable {
  readonly installation: Installation;
  readonly channel: Channel;
  readonly heard: Heard;
  /** Replaceable while it runs. */
  readonly handlers: { -readonly [Name in keyof ChannelHandlers]: ChannelHandlers[Name] };
  readonly serverTls: ListenerTls;
  agent(id: string, options?: { readonly now?: number; readonly generation?: number }): Promise<Credentials>;
}

export async function openHarness(
  options: { readonly limits?: Partial<ChannelLimits>; readonly installation?: Installation } = {},
): Promise<Harness> {
  const installation = options.installation ?? (await openInstallation());
  const { authorities } = installation;
  const heard: Heard = { hello: [], frames: [], gone: [], reports: [] };
  let session = 0;
  const handlers: Harness['handlers'] = {
    authenticate: async () => ({ session: (session += 1) }),
    hello: async (connection) => {
      heard.hello.push(connection);
    },
    frame: async (connection, frame) => {
      heard.frames.push({ connection, frame });
    },
    gone: async (connection) => {
      heard.gone.push(connection);
    },
    renew: async () => new Failure('unavailable', 'Nobody renews here.'),
  };
  const serverTls = await newServerTls(authorities);
  const channel = await openChannel({
    host: '127.0.0.1',
    port: 0,
    trustDomain: authorities.trustDomain,
    issuerOf: async (certificate) =>
      certificate.verify(authorities.dataPlane.certificate.publicKey) ? authorities.dataPlane.id : null,
    tls: serverTls,
    handlers: {
      authenticate: (...args) => handlers.authenticate(...args),
      hello: (...args) => handlers.hello(...args),
      frame: (...args) => handlers.frame(...args),
      gone: (...args) => handlers.gone(...args),
      renew: (...args) => handlers.renew(...args),
    },
    clock: systemClock(),
    limits: options.limits ?? {},
    report: (report) => heard.reports.push(report),
  });
  return {
    installation,
    channel,
    heard,
    handlers,
    serverTls,
    agent: (id, { now = Date.now(), generation = 1 } = {}) => newAgent(authorities, { id, now, generation }),
    async [Symbol.asyncDispose]() {
      await channel.close();
      if (options.installation === undefined) await installation[Symbol.asyncDispose]();
    },
  };
}

export async function newServerTls(authorities: Authorities): Promise<ListenerTls> {
  const leaf = await issueServerCertificate(authorities, {
    dns: ['localhost'],
    ips: ['127.0.0.1'],
    now: Date.now(),
  });
  return { key: leaf.key, cert: leaf.chain, ca: authorities.root.pem };
}

export async function newAgent(
  authorities: Authorities,
  options: { readonly id: string; readonly now: number; readonly generation: number },
): Promise<Credentials> {
  const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
  const pair = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  const leaf = await issueAgentCertificate(authorities, {
    publicKey: pair.publicKey,
    identity: { organization, project, agent: options.id },
    generation: options.generation,
    now: options.now,
  });
  return { key: KeyObject.from(pair.privateKey).export({ type: 'pkcs8', format: 'pem' }), cert: leaf.chain };
}

/** An openssl that holds the key of our data-plane CA: it signs what our own code never would. */
export function opensslWithOurCa(authorities: Authorities): Promise<OpensslAuthority> {
  const { dataPlane, root, chain } = authorities;
  const key = KeyObject.from(dataPlane.privateKey).export({ type: 'pkcs8', format: 'pem' });
  return openAuthority({ signer: { key, cert: dataPlane.pem, root: root.pem, chain } });
}

export function spiffe(agentId: string, trustDomain = 'test.wayside'): string {
  return `spiffe://${trustDomain}/org/${organization}/project/${project}/agent/${agentId}`;
}

export interface Dialled {
  readonly socket: WebSocket;
  readonly frames: ServerFrame[];
  send(frame: AgentFrame): void;
  /** Resolves with what ended it. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** Dials and waits for the WebSocket; rejects with what refused it. */
export async function dial(
  harness: Pick<Harness, 'channel' | 'serverTls'>,
  credentials: Partial<Credentials>,
  options: Omit<ClientOptions, 'protocol'> & {
    readonly port?: number;
    readonly protocol?: string | null;
  } = {},
): Promise<Dialled> {
  const { port = harness.channel.port, protocol = subprotocol, ...rest } = options;
  const socket = new WebSocket(`wss://127.0.0.1:${port}/agent`, protocol === null ? [] : [protocol], {
    ca: harness.serverTls.ca,
    ...credentials,
    ...rest,
  });
  const frames: ServerFrame[] = [];
  socket.on('message', (data: Buffer) => frames.push(parseServerFrame(data.toString())));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await once(socket, 'open');
  // Nobody listens any more to what fails after the opening, which `closed` tells.
  socket.on('error', () => undefined);
  return { socket, frames, closed, send: (frame) => socket.send(encodeFrame(frame)) };
}

const incarnation = '01890000-0000-7000-8000-0000000000c1';

export function hello(fields: Partial<Extract<AgentFrame, { type: 'hello' }>> = {}): AgentFrame {
  return {
    type: 'hello',
    protocol: 1,
    version: '0.1.0',
    incarnation,
    journal_counter: 1,
    concurrency: 4,
    now: Date.now(),
    shares_user: true,
    runs: [],
    groups: ['prod'],
    definitions: [],
    load_errors: [],
    ...fields,
  };
}

/** Waits until something holds; fails after `ms` with what was asked. */
export async function until(what: string, holds: () => boolean, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`did not come true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

let ids = 0;

/** A fresh agent id. */
export function agentId(): string {
  ids += 1;
  return `01890000-0000-7000-9000-${ids.toString(16).padStart(12, '0')}`;
}
