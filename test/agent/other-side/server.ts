// The other side of the published protocol, for the agent's tests: real TLS listeners and WebSockets that speak
// protocol/frames.ts, obedient unless a test tells it otherwise, and that keeps everything it hears.
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { enrollSchema, recoverSchema, renewSchema } from '../../../protocol/api/enrollment.ts';
import type { Identity } from '../../../protocol/api/enrollment.ts';
import { encodeFrame, parseAgentFrame, subprotocol } from '../../../protocol/frames.ts';
import type { AgentFrame, ServerFrame } from '../../../protocol/frames.ts';
import { inputsDigest, signIntent } from '../../../protocol/intent.ts';
import type { Intent, IntentInput } from '../../../protocol/intent.ts';
import { parseJson } from '../../../protocol/json.ts';
import { clearInputs, sealInputs } from '../../../protocol/seal.ts';
import { createAuthority, newId } from './authority.ts';
import type { Authority } from './authority.ts';

export type Heard<Type extends AgentFrame['type'] = AgentFrame['type']> = Extract<AgentFrame, { type: Type }>;

export interface Peer {
  readonly session: number;
  readonly socket: WebSocket;
  readonly frames: AgentFrame[];
  readonly generation: number;
  open: boolean;
}

export interface OfferOptions {
  readonly group?: string;
  readonly operation: string;
  readonly run?: string;
  readonly attempt?: number;
  readonly inputs?: Readonly<Record<string, IntentInput>>;
  /** What the intent says instead of the truth. */
  readonly intent?: Partial<Intent>;
  readonly digest?: string;
}

/** What the server does by itself; a test switches parts of it off. */
export interface Manners {
  welcome: boolean;
  go: boolean;
  acknowledge: boolean;
  acknowledgeEnds: boolean;
  pong: boolean;
  unknownGroups: string[];
  knownGroups: string[];
  /** Told to a hello about runs that it names. */
  known: boolean;
  /** Status of the answer to an upgrade; null = let it in. */
  refuseUpgrade: { readonly status: number; readonly code: string; readonly retryAfter?: number } | null;
  pendingApproval: boolean;
  leafMs: number;
}

export interface OtherSide extends AsyncDisposable {
  readonly authority: Authority;
  readonly agentUrl: string;
  readonly enrollUrl: URL;
  readonly agentPort: number;
  readonly manners: Manners;
  readonly agent: { id: string; name: string; organization: string; project: string };
  readonly peers: Peer[];
  /** Every frame of every connection, in the order in which it came. */
  readonly heard: AgentFrame[];
  readonly renewals: unknown[];
  token(): string;
  current(): Peer;
  send(frame: ServerFrame): void;
  offer(options: OfferOptions): Promise<{ readonly run: string; readonly attempt: number }>;
  /** The first frame of that type (about that run) that was or will be heard; throws after `ms`. */
  hear<Type extends AgentFrame['type']>(
    type: Type,
    matching?: (frame: Heard<Type>) => boolean,
    ms?: number,
  ): Promise<Heard<Type>>;
  until(what: string, condition: () => boolean, ms?: number): Promise<void>;
  /** Breaks every connection, as a network does. */
  cut(): void;
  output(run: string): string;
}

export async function openOtherSide(more: Partial<Manners> = {}): Promise<OtherSide> {
  const authority = await createAuthority();
  const tls = await authority.issueServer();
  const agent = { id: newId(), name: '', organization: newId(), project: newId() };
  const manners: Manners = {
    welcome: true,
    go: true,
    acknowledge: true,
    acknowledgeEnds: true,
    pong: true,
    unknownGroups: [],
    knownGroups: ['prod'],
    known: true,
    refuseUpgrade: null,
    pendingApproval: false,
    leafMs: 3_600_000,
    ...more,
  };
  const peers: Peer[] = [];
  const heard: AgentFrame[] = [];
  const renewals: unknown[] = [];
  const have = new Map<string, number>();
  const sockets = new Set<Socket>();
  let sessions = 0;
  let generation = 0;
  let sealingKey: JWK | null = null;
  let port = 0;

  const identityFor = async (csr: string): Promise<Identity> => {
    generation += 1;
    const notAfter = Date.now() + manners.leafMs;
    return {
      agent: { id: agent.id, name: agent.name },
      organization: agent.organization,
      project: agent.project,
      groups: manners.knownGroups,
      certificate_chain: await authority.issueAgent({
        csr,
        organization: agent.organization,
        project: agent.project,
        agent: agent.id,
        generation,
        notBefore: Date.now() - Math.min(60_000, manners.leafMs),
        notAfter,
      }),
      root: authority.root,
      intent_keys: await authority.signIntentKeys(),
      agent_url: `wss://localhost:${port}/agent`,
      not_after: notAfter,
      generation,
      pending_approval: manners.pendingApproval,
    };
  };

  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const answer = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (request.method !== 'POST') return answer(426, { code: 'invalid_request', detail: 'upgrade' });
    const value = parseJson(body);
    if (request.url === '/enroll') {
      const enrolling = enrollSchema.parse(value);
      if (enrolling.token !== token)
        return answer(401, { code: 'join_token_spent', detail: 'The join token was used before.' });
      agent.name = enrolling.name;
      sealingKey = enrolling.sealing_key.jwk;
      return answer(200, await identityFor(enrolling.csr));
    }
    if (request.url === '/recover') {
      const recovering = recoverSchema.parse(value);
      sealingKey = recovering.sealing_key.jwk;
      renewals.push(recovering);
      return answer(200, await identityFor(recovering.csr));
    }
    const renewing = renewSchema.parse(value);
    sealingKey = renewing.sealing_key.jwk;
    renewals.push(renewing);
    return answer(200, await identityFor(renewing.csr));
  };
  const token = `wsj_${newId()}.${randomBytes(32).toString('base64url')}.${authority.rootPin}`;
  const listener = createServer(
    { ...tls, ca: authority.root, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' },
    (request, response) => void onRequest(request, response),
  );
  const enrolment = createServer(
    { ...tls, minVersion: 'TLSv1.3' },
    (request, response) => void onRequest(request, response),
  );
  const webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    autoPong: false,
  });

  listener.on('upgrade', (request, socket, head) => {
    const { refuseUpgrade } = manners;
    if (refuseUpgrade !== null) {
      const body = JSON.stringify({ code: refuseUpgrade.code, detail: `refused: ${refuseUpgrade.code}` });
      const retry =
        refuseUpgrade.retryAfter === undefined ? '' : `retry-after: ${refuseUpgrade.retryAfter}\r\n`;
      socket.end(
        `HTTP/1.1 ${refuseUpgrade.status} No\r\n${retry}content-type: application/problem+json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      );
      return;
    }
    const subject = (socket as TLSSocket).getPeerCertificate().subject as unknown as Record<string, string>;
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      sessions += 1;
      greet({
        session: sessions,
        socket: webSocket,
        frames: [],
        generation: Number(subject['serialNumber'] ?? 0),
        open: true,
      });
    });
  });

  const greet = (peer: Peer): void => {
    peers.push(peer);
    peer.socket.on('error', () => undefined);
    peer.socket.on('ping', (data) => {
      if (manners.pong) peer.socket.pong(data);
    });
    peer.socket.on('close', () => (peer.open = false));
    peer.socket.on('message', (data) => {
      const frame = parseAgentFrame((data as Buffer).toString('utf8'));
      peer.frames.push(frame);
      heard.push(frame);
      void obey(peer, frame);
    });
  };
  const sendTo = (peer: Peer, frame: ServerFrame): void => {
    peer.socket.send(encodeFrame(frame));
  };

  const obey = async (peer: Peer, frame: AgentFrame): Promise<void> => {
    switch (frame.type) {
      case 'hello':
        if (!manners.welcome) return;
        return sendTo(peer, {
          type: 'welcome',
          session: peer.session,
          agent: { id: agent.id, name: agent.name },
          organization: agent.organization,
          project: agent.project,
          now: Date.now(),
          heartbeat_ms: 200,
          unknown_groups: manners.unknownGroups,
          known_groups: manners.knownGroups,
          intent_keys: await authority.signIntentKeys(),
          runs: frame.runs.map(({ run, attempt }) => ({
            run,
            attempt,
            have_seq: have.get(`${run}/${attempt}`) ?? 0,
            known: manners.known,
          })),
        });
      case 'accept':
        if (manners.go)
          sendTo(peer, {
            type: 'go',
            run: frame.run,
            attempt: frame.attempt,
            incarnation: frame.incarnation,
          });
        return;
      case 'output':
      case 'status':
      case 'progress': {
        const key = `${frame.run}/${frame.attempt}`;
        if (!manners.acknowledge) return;
        if (frame.seq === (have.get(key) ?? 0) + 1) have.set(key, frame.seq);
        return sendTo(peer, ackOf(frame, have.get(key) ?? 0, false));
      }
      case 'end':
        if (manners.acknowledgeEnds) sendTo(peer, ackOf(frame, frame.last_seq, true));
        return;
      default:
    }
  };

  for (const server of [listener, enrolment]) {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    server.on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  port = (listener.address() as AddressInfo).port;
  const enrollPort = (enrolment.address() as AddressInfo).port;

  const until = async (what: string, condition: () => boolean, ms = 10_000): Promise<void> => {
    const deadline = Date.now() + ms;
    while (!condition()) {
      if (Date.now() > deadline)
        throw new Error(`waited ${ms} ms for ${what}; heard ${heard.map(({ type }) => type).join(' ')}`);
      await delay(5);
    }
  };
  const current = (): Peer => {
    const peer = peers.at(-1);
    if (peer === undefined) throw new Error('no agent is connected');
    return peer;
  };

  return {
    authority,
    agentUrl: `wss://localhost:${port}/agent`,
    enrollUrl: new URL(`https://localhost:${enrollPort}`),
    agentPort: port,
    manners,
    agent,
    peers,
    heard,
    renewals,
    token: () => token,
    current,
    until,
    send: (frame) => {
      sendTo(current(), frame);
    },
    async offer({ group = 'prod', operation, run = newId(), attempt = 1, inputs = {}, intent = {}, digest }) {
      const definition = lastDefinitions(heard).find((each) => each.operation === operation);
      const now = Date.now();
      const full: Intent = {
        run,
        attempt,
        agent: agent.id,
        organization: agent.organization,
        project: agent.project,
        group,
        operation,
        action: { id: newId(), name: operation },
        definition_digest: digest ?? definition?.digest ?? `sha256:${'0'.repeat(64)}`,
        inputs_digest: await inputsDigest(inputs),
        requested_by: { id: 'u', name: 'somebody' },
        approvals: [],
        store_incarnation: agent.id,
        issued_at: now,
        not_after: now + 60_000,
        ...intent,
      };
      const content = { inputs, context: {} };
      const secret = Object.values(inputs).some(({ salt }) => salt !== undefined);
      if (sealingKey === null) throw new Error('no sealing key');
      const sealed = secret
        ? await sealInputs(
            content,
            {
              kid: String(sealingKey.kid),
              publicKey: (await importJWK(sealingKey, 'ECDH-ES+A256KW')) as CryptoKey,
            },
            { run, attempt, agent: agent.id, digest: full.definition_digest, notAfter: full.not_after },
          )
        : clearInputs(content);
      const signed = await signIntent(full, authority.intentKey);
      sendTo(current(), { type: 'offer', run, attempt, intent: signed, inputs: { ...sealed } });
      return { run, attempt };
    },
    async hear(type, matching = () => true, ms = 10_000) {
      const find = () => heard.find((frame) => frame.type === type && matching(frame as Heard<typeof type>));
      await until(`a frame ${type}`, () => find() !== undefined, ms);
      return find() as Heard<typeof type>;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    output(run) {
      const frames = heard.filter(
        (frame): frame is Heard<'output'> => frame.type === 'output' && frame.run === run,
      );
      const bySeq = new Map(
        frames.map((frame) => [frame.seq, Buffer.from(frame.bytes, 'base64').toString('utf8')]),
      );
      return [...bySeq]
        .sort(([a], [b]) => a - b)
        .map(([, text]) => text)
        .join('');
    },
    async [Symbol.asyncDispose]() {
      for (const peer of peers) peer.socket.terminate();
      for (const socket of sockets) socket.destroy();
      await Promise.all(
        [listener, enrolment].map((server) => new Promise((resolve) => server.close(resolve))),
      );
    },
  };
}

function ackOf(
  frame: { readonly run: string; readonly attempt: number },
  seq: number,
  ended: boolean,
): ServerFrame {
  return { type: 'ack', run: frame.run, attempt: frame.attempt, seq, ended, pruned: false };
}

function lastDefinitions(
  heard: readonly AgentFrame[],
): readonly { readonly operation: string; readonly digest: string }[] {
  const frame = heard.findLast((each) => each.type === 'hello' || each.type === 'definitions');
  return frame?.type === 'hello' || frame?.type === 'definitions' ? frame.definitions : [];
}
