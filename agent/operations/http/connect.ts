// Opens the connections of a request, only to addresses that the agent's settings allow: the literal or every address
// of the name before dialling, and the address that was dialled afterwards, so that a name that changes its answer in
// between gains nothing (rules.md 24; security.md, section 6).
import { connect as connectTcp, isIPv6 } from 'node:net';
import type { Socket } from 'node:net';
import { Agent, buildConnector, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';
import { Failure } from '../../../protocol/failures.ts';
import { httpConnectMsMax } from '../../../protocol/limits.ts';
import { canonicalName, literalAddress, refusal, refusalThroughProxy } from '../../network-policy.ts';
import type { AddressPolicy } from '../../network-policy.ts';
import type { TlsMaterial } from './tls.ts';

export interface ConnectOptions {
  readonly policy: AddressPolicy;
  /** `http://user:password@host:port`, or null. The proxy itself is the agent's own choice and not checked. */
  readonly proxy: string | null;
  readonly tls: TlsMaterial;
  readonly resolve: (name: string) => Promise<readonly string[]>;
}

export interface Connections extends AsyncDisposable {
  readonly dispatcher: Dispatcher;
}

/**
 * Connections for requests to the origin of `url`. Throws `address_denied` for what is refused already; a dial that
 * is refused later fails with that failure as its cause. Closing it ends every connection at once.
 */
export function openConnections(url: URL, options: ConnectOptions): Connections {
  const { proxy, policy, tls } = options;
  if (proxy === null) return direct(options);
  const reason = refusalThroughProxy(policy, { host: url.hostname, port: portOf(url) });
  if (reason !== null) throw new Failure('address_denied', reason);
  const { serverName, ...material } = tls;
  const dispatcher = new ProxyAgent({
    uri: proxy,
    allowH2: false,
    connectTimeout: httpConnectMsMax,
    requestTls: { ...material, ...(serverName === null ? {} : { servername: serverName }) },
    proxyTls: { ...(tls.ca === undefined ? {} : { ca: tls.ca }) },
  });
  return { dispatcher, [Symbol.asyncDispose]: () => dispatcher.destroy() };
}

function direct(options: ConnectOptions): Connections {
  const sockets = new Set<Socket>();
  const dispatcher = new Agent({ connect: guardedConnector(options, sockets), connections: 1 });
  return {
    dispatcher,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await dispatcher.destroy();
    },
  };
}

function guardedConnector(
  { policy, tls, resolve }: ConnectOptions,
  sockets: Set<Socket>,
): buildConnector.connector {
  const { serverName, ...material } = tls;
  const secure = buildConnector({
    ...material,
    allowH2: false,
    maxCachedSessions: 0,
    timeout: httpConnectMsMax,
  });

  async function dial(target: buildConnector.Options): Promise<Socket> {
    const host = canonicalName(target.hostname);
    const port = Number(target.port === '' ? (target.protocol === 'https:' ? 443 : 80) : target.port);
    const check = (addresses: readonly string[]): void => {
      const reason = refusal(policy, { host, port }, addresses);
      if (reason !== null) throw new Failure('address_denied', reason);
    };
    const literal = literalAddress(host);
    const addresses = literal === null ? await resolve(host) : [literal];
    check(addresses);
    const socket = await openSocket(addresses, { port, sockets });
    try {
      check([socket.remoteAddress ?? '']);
      if (target.protocol !== 'https:') return socket;
      return await new Promise<Socket>((done, fail) => {
        const servername = serverName ?? target.servername;
        secure(
          { ...target, httpSocket: socket, ...(servername === undefined ? {} : { servername }) },
          (error, secured) => {
            if (error === null) done(secured as Socket);
            else fail(error);
          },
        );
      });
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  return (target, callback) => {
    dial(target).then(
      (socket) => {
        callback(null, socket);
      },
      (error: unknown) => {
        callback(error as Error, null);
      },
    );
  };
}

/** The addresses are tried side by side as RFC 8305 has it; no name is looked up here. */
function openSocket(
  addresses: readonly string[],
  { port, sockets }: { readonly port: number; readonly sockets: Set<Socket> },
): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connectTcp({
      host: 'checked.invalid',
      port,
      autoSelectFamily: true,
      noDelay: true,
      lookup: (_host, _options, answer) => {
        answer(
          null,
          addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 })),
        );
      },
    });
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.setTimeout(httpConnectMsMax, () => {
      socket.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' }));
    });
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeListener('error', fail);
      // Until the next one listens, an error must not bring the agent down.
      socket.on('error', () => undefined);
      done(socket);
    });
  });
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}
