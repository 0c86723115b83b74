// The cookies of sign-in. Over TLS they carry the prefix `__Host-` (RFC 6265bis, section 4.1.3.2), so that no
// neighbour under the same domain can set one. On plain HTTP, which is this machine alone, they have another name and
// no `Secure`: not every browser keeps such a cookie there, and the name of the one is never taken for the other.
import type { FastifyReply } from 'fastify';

export type CookieName = 'session' | 'attempt' | 'device';

const names: Readonly<Record<CookieName, string>> = {
  session: 'wayside',
  attempt: 'wayside-attempt',
  device: 'wayside-device',
};

export function cookieName(name: CookieName, secure: boolean): string {
  return secure ? `__Host-${names[name]}` : `${names[name]}-loopback`;
}

/** The value of a cookie of ours in a `Cookie` header, or null. Only what we would have set ourselves is heard. */
export function readCookie(header: string | undefined, name: CookieName, secure: boolean): string | null {
  const wanted = `${cookieName(name, secure)}=`;
  const values = (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(wanted))
    .map((pair) => pair.slice(wanted.length));
  const [value] = values;
  // Two cookies of one name come from somebody who plants them.
  return value !== undefined && values.length === 1 && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : null;
}

export function setCookie(
  reply: FastifyReply,
  cookie: {
    readonly name: CookieName;
    readonly value: string;
    readonly secure: boolean;
    readonly maxAgeMs?: number;
  },
): void {
  const { name, value, secure, maxAgeMs } = cookie;
  const parts = [`${cookieName(name, secure)}=${value}`, 'Path=/', 'HttpOnly', 'SameSite=Lax'];
  if (secure) parts.push('Secure');
  if (maxAgeMs !== undefined) parts.push(`Max-Age=${Math.floor(maxAgeMs / 1_000)}`);
  reply.header('set-cookie', parts.join('; '));
}

export function clearCookie(reply: FastifyReply, name: CookieName, secure: boolean): void {
  setCookie(reply, { name, value: '', secure, maxAgeMs: 0 });
}
