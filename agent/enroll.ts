// From a one-time token to an identity: see the pinned root, make keys, ask, check the answer, keep it (rules.md 20, 33).
import { importPKCS8 } from 'jose';
import { request } from 'node:https';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { identitySchema, parseJoinToken } from '../protocol/api/enrollment.ts';
import type { Identity } from '../protocol/api/enrollment.ts';
import { Failure } from '../protocol/failures.ts';
import { proveRecovery } from '../protocol/key-statements.ts';
import { enrollMsMax, sealingKeysKeptMax } from '../protocol/limits.ts';
import { connectionFailure } from './explain-connection.ts';
import type { FaultPoint } from './fault.ts';
import {
  certificatePin,
  checkIssued,
  readCertificates,
  readIdentity,
  readPending,
  writeIdentity,
  writePending,
} from './identity.ts';
import type { PendingRequest, StoredIdentity } from './identity.ts';
import { readIntentKeys } from './intent-keys.ts';
import { postJson } from './post-json.ts';
import type { makeRequest, statementOf } from './request-keys.ts';
import { secureAgent, unverifiedAgent } from './secure-agent.ts';
import { nextAnchors } from './trust-anchors.ts';
import type { ProxyEnv, TlsTrust } from './secure-agent.ts';

export interface EnrollOptions {
  /** `https://host:7402`. */
  readonly server: URL;
  readonly token: string;
  readonly stateFolder: string;
  readonly proxyEnv: ProxyEnv;
  /** Epoch ms. */
  readonly now: number;
  readonly faultPoint: FaultPoint;
}

export interface Enrolled {
  readonly identity: StoredIdentity;
  readonly pendingApproval: boolean;
}

/** Enrols under `name`. Throws `conflict` where the folder already holds an identity and `replace` is not set. */
export async function enroll(
  options: EnrollOptions & { readonly name: string; readonly replace: boolean },
): Promise<Enrolled> {
  const { server, stateFolder, name, now } = options;
  const token = readToken(options.token);
  const current = readIdentity(stateFolder);
  if (current !== null && !options.replace) throw alreadyEnrolled(current);
  const root = await fetchRoot(server, token.rootPin, options.proxyEnv);
  const { makeRequest, statementOf } = await requestKeys();
  const pending = await makeRequest({ purpose: 'enroll', generation: 0, name, current: null, now });
  writePending(stateFolder, pending);
  options.faultPoint('enroll.pending');
  const answer = await postJson(
    new URL('/enroll', server),
    { token: options.token.trim(), name, csr: pending.csr, sealing_key: await statementOf(pending) },
    { agent: secureAgent({ root }, options.proxyEnv) },
  );
  return keep(answer, { ...options, pending, rootPins: [token.rootPin], current: null });
}

/** Gets the same identity back after its certificate expired: a recovery token and the proof of the old key (rule 11). */
export async function recoverIdentity(options: EnrollOptions): Promise<Enrolled> {
  const { server, stateFolder, now } = options;
  const token = readToken(options.token);
  const current = readIdentity(stateFolder);
  if (current === null) {
    throw new Failure(
      'not_enrolled',
      'There is no identity to recover here: enrol with a join token instead.',
    );
  }
  const root = await fetchRoot(server, token.rootPin, options.proxyEnv);
  const { makeRequest, statementOf } = await requestKeys();
  const kept = readPending(stateFolder);
  const pending =
    kept?.purpose === 'recover'
      ? kept
      : await makeRequest({
          purpose: 'recover',
          generation: current.generation,
          name: current.agent.name,
          current,
          now,
        });
  writePending(stateFolder, pending);
  const request = { token: options.token.trim(), csr: pending.csr };
  const answer = await postJson(
    new URL('/recover', server),
    {
      ...request,
      sealing_key: await statementOf(pending),
      certificate: readCertificates(current.certificate_chain)[0]?.toString() ?? '',
      proof: await proveRecovery(request, await importPKCS8(current.key, 'ES256')),
    },
    { agent: secureAgent({ root }, options.proxyEnv) },
  );
  return keep(answer, { ...options, pending, rootPins: [token.rootPin], current });
}

/** Certificate requests need a large library, which an agent that only runs loads once a day. */
export async function requestKeys(): Promise<RequestKeys> {
  return import('./request-keys.ts');
}

export interface RequestKeys {
  readonly makeRequest: typeof makeRequest;
  readonly statementOf: typeof statementOf;
}

function readToken(text: string): { readonly rootPin: string } {
  const token = parseJoinToken(text.trim());
  if (token !== null) return token;
  throw new Failure(
    'invalid_join_token',
    'This is not a join token. Copy it whole: it begins with wsj_ and has three parts with full stops between them.',
  );
}

function alreadyEnrolled({ agent }: StoredIdentity): Failure {
  return new Failure(
    'conflict',
    `This state folder belongs to the agent ${agent.name} (${agent.id}). Use another with --state-dir, or --replace to give that identity up.`,
  );
}

/** Checks what was issued and makes it the identity of this agent. */
export async function keep(
  answer: unknown,
  options: {
    readonly pending: PendingRequest;
    /** Of the roots that the agent trusts. */
    readonly rootPins: readonly string[];
    readonly current: StoredIdentity | null;
    readonly server: URL;
    /** Epoch ms. */
    readonly now: number;
    readonly stateFolder: string;
    readonly faultPoint: FaultPoint;
  },
): Promise<Enrolled> {
  const { pending, current, rootPins } = options;
  const parsed = identitySchema.safeParse(answer);
  if (!parsed.success) {
    throw new Failure('protocol_error', 'The server answered something that is not an identity.', {
      cause: parsed.error,
    });
  }
  const issued = parsed.data;
  checkIssued(issued, { key: pending.key, rootPin: pinAmong(issued.root, rootPins) });
  checkSame(issued, current);
  const identity = storedIdentity(issued, options);
  await readIntentKeys(identity.intent_keys, identity);
  writeIdentity(options.stateFolder, identity, options.faultPoint);
  return { identity, pendingApproval: issued.pending_approval };
}

/** The pin of the root that came, where it is one of ours; otherwise one that it cannot have. */
function pinAmong(root: string, pins: readonly string[]): string {
  const [certificate] = readCertificates(root);
  const pin = certificate === undefined ? '' : certificatePin(certificate);
  return pins.includes(pin) ? pin : (pins[0] ?? '');
}

/** What was held, if it holds the root that came, else that root; and what follows from the anchors beside it. */
function anchorsOf(issued: Identity, current: StoredIdentity | null, now: number): string {
  const pins = (pem: string): string[] => readCertificates(pem).map(certificatePin);
  const [pin = ''] = pins(issued.root);
  const held = current !== null && pins(current.root).includes(pin) ? current.root : issued.root;
  const offered = issued.trust_anchors ?? [];
  return (offered.length === 0 ? null : nextAnchors(held, offered, now)) ?? held;
}

function checkSame(issued: Identity, current: StoredIdentity | null): void {
  if (current === null) return;
  if (issued.agent.id !== current.agent.id) {
    throw new Failure('certificate_rejected', 'The server issued the identity of another agent.');
  }
  if (issued.generation <= current.generation) {
    throw new Failure('certificate_rejected', 'The server issued a certificate that is older than ours.');
  }
}

function storedIdentity(
  issued: Identity,
  {
    pending,
    current,
    server,
    now,
  }: Pick<Parameters<typeof keep>[1], 'pending' | 'current' | 'server' | 'now'>,
): StoredIdentity {
  const older = (current?.sealing_keys ?? []).filter(({ jwk }) => jwk.kid !== pending.sealing_key.jwk.kid);
  return {
    agent: issued.agent,
    organization: issued.organization,
    project: issued.project,
    groups: issued.groups,
    agent_url: issued.agent_url,
    enroll_url: server.origin,
    generation: issued.generation,
    certificate_chain: issued.certificate_chain,
    root: anchorsOf(issued, current, now),
    key: pending.key,
    intent_keys: issued.intent_keys,
    sealing_keys: [pending.sealing_key, ...older].slice(0, sealingKeysKeptMax),
  };
}

/**
 * The root that the server presents at the end of its chain, if it is the pinned one. Nothing but a handshake is sent
 * before: whoever sits in between learns nothing (security.md, section 1).
 */
export async function fetchRoot(server: URL, rootPin: string, proxyEnv: ProxyEnv): Promise<string> {
  const presented = await presentedChain(server, proxyEnv);
  const root = presented.find((certificate) => certificatePin(certificate) === rootPin);
  if (root !== undefined) return `${root.toString().trim()}\n`;
  throw new Failure(
    'certificate_rejected',
    `${server.host} does not present the root certificate that the token names: the token is of another installation, or something in between reads TLS.`,
  );
}

/** What the server shows of its chain in a handshake that believes nothing, leaf first. */
export function presentedChain(
  server: URL,
  proxyEnv: ProxyEnv,
  { client }: Pick<TlsTrust, 'client'> = {},
): Promise<readonly X509Certificate[]> {
  return new Promise((resolve, reject) => {
    const exchange = request(server, {
      method: 'HEAD',
      path: '/',
      agent: unverifiedAgent(proxyEnv, client),
      timeout: enrollMsMax,
    });
    exchange.on('timeout', () =>
      exchange.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    );
    exchange.on('error', (cause) => {
      reject(connectionFailure(cause, server));
    });
    exchange.on('response', (response) => {
      resolve(chainOf(response.socket as TLSSocket));
      response.destroy();
    });
    exchange.end();
  });
}

function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  const seen = new Set<string>();
  while (certificate?.raw !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    chain.push(new X509Certificate(certificate.raw));
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
