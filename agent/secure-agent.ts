// How the agent connects: TLS 1.3 to the pinned root, with its certificate where it has one, and through an HTTP
// proxy where the network asks for one (CONNECT, RFC 9110, section 9.3.6).
import { Agent } from 'node:https';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { readFileSync } from 'node:fs';
import { Failure } from '../protocol/failures.ts';

/** Hybrid post-quantum where both ends know it, then the usual curves. */
const curves = 'X25519MLKEM768:X25519:P-256';

/** Where the proxy is; the names are those of the environment, and `no_proxy` is honoured. */
export interface ProxyEnv {
  readonly https_proxy?: string;
  readonly no_proxy?: string;
}

export interface TlsTrust {
  /** The only root that counts, PEM. */
  readonly root: string;
  /** Certificate chain and key, PEM; absent while the agent has none. */
  readonly client?: { readonly chain: string; readonly key: string };
}

/** A new context each time, so that a renewed certificate is used at once and no session is ever resumed. */
export function secureAgent(trust: TlsTrust, proxyEnv: ProxyEnv): Agent {
  return new Agent({
    ca: trust.root,
    ...(trust.client === undefined ? {} : { cert: trust.client.chain, key: trust.client.key }),
    minVersion: 'TLSv1.3',
    ecdhCurve: curves,
    rejectUnauthorized: true,
    keepAlive: false,
    maxCachedSessions: 0,
    proxyEnv: { ...proxyEnv },
  });
}

/**
 * Shows the chain of a server before anything is believed: nothing secret may be sent over it. Only for reading the
 * root that a join token pins, and for a diagnosis, which may show its own certificate.
 */
export function unverifiedAgent(proxyEnv: ProxyEnv, client?: TlsTrust['client']): Agent {
  return new Agent({
    ...(client === undefined ? {} : { cert: client.chain, key: client.key }),
    minVersion: 'TLSv1.3',
    ecdhCurve: curves,
    rejectUnauthorized: false,
    keepAlive: false,
    maxCachedSessions: 0,
    proxyEnv: { ...proxyEnv },
  });
}

/**
 * Lets a private CA vouch for TLS proxies (and for nothing of ours: those connections know their one root). Throws
 * `invalid_configuration` for a file that is not PEM.
 */
export function trustPrivateCa(caFile: string): void {
  try {
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(caFile, 'utf8')]);
  } catch (cause) {
    throw new Failure(
      'invalid_configuration',
      `The CA file ${caFile} cannot be read as PEM certificates: check the path and its content.`,
      { cause },
    );
  }
}

/** The proxy for this URL, without its credentials, for people; null where the connection is direct. */
export function proxyFor(url: URL, proxyEnv: ProxyEnv): URL | null {
  if (proxyEnv.https_proxy === undefined || proxyEnv.https_proxy === '') return null;
  if (bypasses(url, proxyEnv.no_proxy ?? '')) return null;
  try {
    const proxy = new URL(proxyEnv.https_proxy);
    proxy.username = '';
    proxy.password = '';
    return proxy;
  } catch {
    return null;
  }
}

/** As Node's own agent reads `no_proxy`, except for ranges of addresses, which only a diagnosis would miss. */
function bypasses(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*' || entry === host || entry === `${host}:${url.port}`) return true;
      const suffix = entry.replace(/^\*?\./, '.');
      return suffix.startsWith('.') && (host.endsWith(suffix) || `.${host}` === suffix);
    });
}
