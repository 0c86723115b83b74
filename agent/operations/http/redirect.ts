// What a redirect asks for, and what of the request may follow it (RFC 9110, section 15.4; the Fetch standard's
// rules for methods). Nothing secret goes to another origin: of the file's headers only harmless ones do.
import { Failure } from '../../../protocol/failures.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | null;
  readonly bodyIsSensitive: boolean;
  /** False once another origin was visited: client certificates stay at the first. */
  readonly isFirstOrigin: boolean;
}

const harmlessHeaders: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'user-agent',
]);
const bodyHeaders = /^content-/i;

/** True for an answer that names another place. */
export function isRedirect(status: number, location: string | undefined): location is string {
  return [301, 302, 303, 307, 308].includes(status) && location !== undefined;
}

/**
 * The request that follows. Throws `http_failed` for a place that is no http URL, for one that gives up TLS, and where
 * a sensitive body would have to be sent to another origin.
 */
export function followRedirect(
  request: HttpRequest,
  { status, location }: { readonly status: number; readonly location: string },
): HttpRequest {
  const url = URL.parse(location, request.url);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Failure('http_failed', 'The answer redirects to something that is no http address.');
  }
  if (request.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new Failure('http_failed', `The answer redirects from TLS to ${url.host} without it.`);
  }
  url.username = '';
  url.password = '';
  const isSame = url.origin === request.url.origin;
  const dropsBody = status === 303 ? request.method !== 'HEAD' : status < 303 && request.method === 'POST';
  const method = dropsBody ? 'GET' : request.method;
  const body = dropsBody ? null : request.body;
  if (!isSame && body !== null && request.bodyIsSensitive) {
    throw new Failure('http_failed', `The answer would have a sensitive body sent on to ${url.host}.`);
  }
  const headers = request.headers
    .filter(([name]) => isSame || harmlessHeaders.has(name.toLowerCase()))
    .filter(([name]) => body !== null || !bodyHeaders.test(name));
  return { ...request, method, url, headers, body, isFirstOrigin: request.isFirstOrigin && isSame };
}
