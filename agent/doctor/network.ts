// What the doctor looks at on the way to the control plane, hop by hop: proxy, name, port, certificates on both sides,
// and the clocks at the ends.
import { lookup } from 'node:dns/promises';
import { request } from 'node:https';
import { connect } from 'node:net';
import { clockSkewMsMax, connectMsMax } from '../../protocol/limits.ts';
import { connectionFailure } from '../explain-connection.ts';
import { presentedChain } from '../enroll.ts';
import { certificatePin, isChain, readCertificates } from '../identity.ts';
import type { StoredIdentity } from '../identity.ts';
import { proxyFor, secureAgent } from '../secure-agent.ts';
import type { ProxyEnv, TlsTrust } from '../secure-agent.ts';
import { failed, ok, skipped, warning } from './check.ts';
import type { Check } from './check.ts';

export interface Way {
  readonly url: URL;
  readonly proxyEnv: ProxyEnv;
  /** Null while the agent is not enrolled: then only the way itself is looked at. */
  readonly identity: StoredIdentity | null;
  /** Epoch ms. */
  readonly now: () => number;
}

/** Each hop once; what lies behind a hop that fails is skipped. */
export async function checkWay(way: Way): Promise<readonly Check[]> {
  const proxy = proxyFor(way.url, way.proxyEnv);
  const checks: Check[] = [
    proxy === null
      ? ok('proxy', `None: the agent connects to ${way.url.host} itself.`)
      : await checkHop('proxy', proxy),
  ];
  // Through a proxy it is the proxy that resolves and connects; the tunnel below shows whether it does.
  if (proxy === null) checks.push(await checkHop('server', way.url));
  if (checks.some(({ state }) => state === 'failed')) {
    return [...checks, skipped('presented chain', 'Not reached.'), skipped('connection', 'Not reached.')];
  }
  return [...checks, await checkPresented(way), ...(await checkConnection(way))];
}

async function checkHop(name: string, url: URL): Promise<Check> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (url.protocol === 'http:' ? 80 : 443);
  try {
    const { address } = await lookup(host);
    await reach(address, port);
    const resolved = address === host ? '' : ` (${address})`;
    return ok(name, `${host}:${port}${resolved} accepts connections.`);
  } catch (cause) {
    return failed(name, `${host}:${port} is not reached.`, connectionFailure(cause, url).message);
  }
}

function reach(address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, timeout: connectMsMax });
    socket.on('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.on('timeout', () => socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    socket.on('error', reject);
  });
}

async function checkPresented({ url, proxyEnv, identity }: Way): Promise<Check> {
  const name = 'presented chain';
  try {
    const chain = await presentedChain(url, proxyEnv, clientOf(identity));
    const details = chain.map(
      (certificate) =>
        `${certificate.subject.replaceAll('\n', ', ')} issued by ${certificate.issuer.replaceAll('\n', ', ')}, sha256 ${certificatePin(certificate)}`,
    );
    const found = `${url.host} presents ${chain.length} certificates.`;
    if (identity === null) return ok(name, found, details);
    const anchors = readCertificates(identity.root);
    const leads = chain.some(
      (certificate) =>
        anchors.some((anchor) => certificatePin(certificate) === certificatePin(anchor)) ||
        isChain([certificate], anchors),
    );
    return leads
      ? ok(name, found, details)
      : failed(
          name,
          `${url.host} presents a chain that does not lead to the root of this agent.`,
          'Something in between reads TLS, or this is another installation: let the connection to the control plane pass as it is.',
          details,
        );
  } catch (cause) {
    return presentedFailure(cause, url);
  }
}

function clientOf(identity: StoredIdentity | null): Pick<TlsTrust, 'client'> {
  return identity === null ? {} : { client: { chain: identity.certificate_chain, key: identity.key } };
}

/** A server that wants a client certificate may end the handshake that shows none; the connection itself will tell. */
function presentedFailure(cause: unknown, url: URL): Check {
  const failure = connectionFailure(cause, url);
  return failure.code === 'certificate_rejected'
    ? skipped('presented chain', 'The server shows its chain only to clients with a certificate.')
    : failed('presented chain', `No TLS with ${url.host}.`, failure.message);
}

async function checkConnection(way: Way): Promise<readonly Check[]> {
  const { identity, url } = way;
  if (identity === null) return [skipped('connection', 'Not enrolled.'), skipped('clock', 'Not enrolled.')];
  try {
    const before = way.now();
    const answered = await ask(url, identity, way.proxyEnv);
    const middle = (before + way.now()) / 2;
    return [
      ok('connection', `${url.host} accepts the certificate of this agent (HTTP ${answered.status}).`),
      checkClock(answered.date, middle),
    ];
  } catch (cause) {
    const { message } = connectionFailure(cause, url);
    return [
      failed('connection', `${url.host} does not accept this agent.`, message),
      skipped('clock', 'Not reached.'),
    ];
  }
}

interface Answered {
  readonly status: number;
  /** Epoch ms, to the second; null where the server does not say. */
  readonly date: number | null;
}

/** Any HTTP answer shows that both certificates were accepted. */
function ask(url: URL, identity: StoredIdentity, proxyEnv: ProxyEnv): Promise<Answered> {
  const trust = { root: identity.root, ...clientOf(identity) };
  return new Promise((resolve, reject) => {
    const exchange = request(url, { agent: secureAgent(trust, proxyEnv), timeout: connectMsMax });
    exchange.on('timeout', () =>
      exchange.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    );
    exchange.on('error', reject);
    exchange.on('response', (response) => {
      const date = Date.parse(response.headers.date ?? '');
      response.destroy();
      resolve({ status: response.statusCode ?? 0, date: Number.isNaN(date) ? null : date });
    });
    exchange.end();
  });
}

function checkClock(server: number | null, here: number): Check {
  if (server === null) return skipped('clock', 'The server does not tell its time.');
  const seconds = Math.round((here - server) / 1_000);
  const found = `This machine is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} the control plane.`;
  if (Math.abs(here - server) > clockSkewMsMax) {
    return failed('clock', found, 'Set the clock (NTP): runs are refused while it is off by a minute.');
  }
  return Math.abs(seconds) > 5 ? warning('clock', found, 'Let NTP keep the clock.') : ok('clock', found);
}
