// Hands a request of fastify's to oidc-provider, which wants Node's own objects: with the name and scheme under which
// the outside knows us, whatever the client wrote, and with what some clients leave out filled in.
import { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from 'oidc-provider';
import type { OauthParts } from './contract.ts';
import { contentSecurityPolicy } from './pages.ts';

export interface Forwarded {
  /** A body to hand over in place of none; already read by fastify. */
  readonly form?: URLSearchParams;
  /** Path and query, where they are not those of the request. */
  readonly url?: string;
  /** Further origins that a form on the answer's page may lead to. */
  readonly formTargets?: readonly string[];
}

/** Where we are: the issuer, and other origins that lead here too. */
export type Us = Pick<OauthParts, 'issuer' | 'origins'>;

/** The origin that was asked, where it is one of ours: a browser must not be led to another one in the middle. */
function originOf(request: FastifyRequest, us: Us): string {
  const issuer = us.issuer();
  const asked = `${new URL(issuer).protocol}//${request.headers.host ?? ''}`;
  return us.origins().all.includes(asked) ? asked : issuer;
}

/** The request as the library shall see it. */
export function requestFor(request: FastifyRequest, us: Us, forwarded: Forwarded = {}): IncomingMessage {
  const { raw } = request;
  const body = forwarded.form?.toString();
  const copy = new IncomingMessage(raw.socket);
  const { protocol, host } = new URL(originOf(request, us));
  copy.method = raw.method ?? 'GET';
  copy.url = forwarded.url ?? raw.url ?? '/';
  copy.httpVersion = raw.httpVersion;
  copy.httpVersionMajor = raw.httpVersionMajor;
  copy.httpVersionMinor = raw.httpVersionMinor;
  const { 'transfer-encoding': _encoding, 'content-length': _length, ...headers } = raw.headers;
  copy.headers = {
    ...headers,
    host,
    'x-forwarded-host': host,
    'x-forwarded-proto': protocol.replace(':', ''),
    // For the audit event of what the library gives out (issue.ts).
    'x-request-id': request.id,
    'x-peer-address': request.ip,
    ...(body === undefined
      ? {}
      : {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': String(Buffer.byteLength(body)),
        }),
  };
  if (body !== undefined) copy.push(body);
  copy.push(null);
  copy.complete = true;
  return copy;
}

/** Resolves when the library has answered. */
export async function forward(
  provider: Provider,
  asked: { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly us: Us },
  forwarded: Forwarded = {},
): Promise<void> {
  const { request, reply, us } = asked;
  prepareAnswer(reply, forwarded.formTargets);
  await provider.callback()(requestFor(request, us, forwarded), reply.raw);
}

/** Takes the answer out of fastify's hands, with the headers that every answer of ours has. */
export function prepareAnswer(reply: FastifyReply, formTargets: readonly string[] = []): void {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  reply.raw.setHeader('content-security-policy', contentSecurityPolicy(formTargets));
  reply.raw.setHeader('cache-control', 'no-store');
  // Codes and tokens are in addresses for a moment; no page that follows shall learn them.
  reply.raw.setHeader('referrer-policy', 'no-referrer');
}
