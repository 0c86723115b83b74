// Under which origins browsers reach us: what the origin of a write must be, where links lead, and the name that
// passkeys are made for.
import { isIP } from 'node:net';

export interface PublicOrigins {
  /** Links that are given out begin with it. */
  readonly canonical: string;
  /** Each of them is us. */
  readonly all: readonly string[];
  /** Whether cookies are for TLS only. */
  readonly secure: boolean;
  /** WebAuthn, section 5.1.2: a name, never an address; null where there is none and passkeys cannot be made. */
  readonly rpId: string | null;
}

/**
 * `publicUrl` where it is configured, else the listener's own. A listener on loopback has all names of this machine,
 * and links lead to `localhost`, because passkeys are not made for addresses.
 */
export function publicOriginsOf(at: {
  readonly publicUrl: string | null;
  readonly listening: string;
}): PublicOrigins {
  const url = new URL(at.publicUrl ?? at.listening);
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (at.publicUrl === null && isLoopbackAddress(host)) {
    const names = [...new Set(['localhost', '127.0.0.1', '[::1]', url.hostname])];
    const all = names.map((name) => `${url.protocol}//${name}${url.port === '' ? '' : `:${url.port}`}`);
    return { canonical: all[0] ?? url.origin, all, secure, rpId: 'localhost' };
  }
  return { canonical: url.origin, all: [url.origin], secure, rpId: isIP(host) === 0 ? host : null };
}

function isLoopbackAddress(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * Whether a request comes from a page of ours. What changes something must say so (`Origin`, Fetch standard, section
 * 3.2); what only reads must not say otherwise, which covers the opening of WebSockets and event streams.
 */
export function comesFromUs(
  origins: PublicOrigins,
  request: {
    readonly method: string;
    readonly origin: string | undefined;
    readonly fetchSite?: string | undefined;
  },
): boolean {
  const { method, origin, fetchSite } = request;
  const reads = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  if (origin === undefined) return reads;
  if (!reads && fetchSite !== undefined && fetchSite !== 'same-origin') return false;
  return origins.all.includes(origin);
}

/** The path of our own origin in `text`, or `otherwise`. */
export function ownPath(text: string | undefined, otherwise: string): string {
  const us = 'https://us.invalid';
  if (text === undefined || !/^\/(?![/\\])/.test(text) || !URL.canParse(text, us)) return otherwise;
  const { origin, pathname, search, hash } = new URL(text, us);
  // A path that begins with two slashes names another host when it is sent as a location.
  return origin === us && !pathname.startsWith('//') ? pathname + search + hash : otherwise;
}
