// Hands a request of fastify's to oidc-provider, which wants Node's own objects: with the name and scheme under which
// the outside knows us, whatever the client wrote, and with what some clients leave out filled in.
import { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from 'oidc-provider';
import { contentSecurityPolicy } from './pages.ts';

export interface Forwarded {
  /** A body to hand over in place of none; already read by fastify. */
  readonly form?: URLSearchParams;
  /** Path and query, where they are not those of the request. */
  readonly url?: string;
  /** Further origins that a form on the answer's page may lead to. */
  readonly formTargets?: readonly string[];
}

/** The request as the library shall see it. */
export function requestFor(request: FastifyRequest, issuer: string, forwarded: Forwarded): IncomingMessage {
  const { raw } = request;
  const body = forwarded.form?.toString();
  const copy = new IncomingMessage(raw.socket);
  const { protocol, host } = new URL(issuer);
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
  asked: { readonly request: FastifyRequest; readonly reply: FastifyReply; readonly issuer: string },
  forwarded: Forwarded = {},
): Promise<void> {
  const { request, reply, issuer } = asked;
  prepareAnswer(reply, forwarded.formTargets);
  await provider.callback()(requestFor(request, issuer, forwarded), reply.raw);
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
