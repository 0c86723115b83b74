// One request and its answer, or the place that the answer redirects to.
import { STATUS_CODES } from 'node:http';
import type { Dispatcher } from 'undici';
import type { HttpPlan } from '../../plan/operation-plan.ts';
import { say } from '../operation.ts';
import type { OperationContext } from '../operation.ts';
import { createOutputWay } from '../output.ts';
import { readBody } from './body.ts';
import { openConnections } from './connect.ts';
import type { ConnectOptions } from './connect.ts';
import { isRedirect } from './redirect.ts';
import type { HttpRequest } from './redirect.ts';
import { withoutIdentity } from './tls.ts';

export interface Answer {
  readonly kind: 'answer';
  readonly status: number;
  /** By lower-case name; several of one name joined as RFC 9110, section 5.3 has it. */
  readonly headers: ReadonlyMap<string, string>;
  /** The beginning of it, unpacked. */
  readonly body: Uint8Array;
}

export interface Redirection {
  readonly kind: 'redirection';
  readonly status: number;
  readonly location: string;
}

export interface SendOptions {
  readonly plan: HttpPlan;
  readonly context: OperationContext;
  readonly signal: AbortSignal;
  readonly connect: ConnectOptions;
}

/**
 * Sends the request, says so in the output, and passes the body on as it comes. A redirection is answered only when
 * the file wants them followed. Throws what the client does, and Failures of the connection and the body.
 */
export async function sendRequest(
  request: HttpRequest,
  { plan, context, signal, connect }: SendOptions,
): Promise<Answer | Redirection> {
  const { url, method, headers, body } = request;
  const tls = request.isFirstOrigin ? connect.tls : withoutIdentity(connect.tls);
  const begun = context.clock.boot();
  await using connections = openConnections(url, { ...connect, tls });
  const response = await connections.dispatcher.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method: method as Dispatcher.HttpMethod,
    headers: headers.flat(),
    ...(body === null ? {} : { body }),
    signal,
    headersTimeout: plan.timeoutMs,
    bodyTimeout: plan.timeoutMs,
  });
  const { statusCode: status } = response;
  const reason = STATUS_CODES[status];
  const ms = context.clock.boot() - begun;
  await say(
    context,
    `wayside: ${method} ${url.href}: ${status}${reason === undefined ? '' : ` ${reason}`} (${ms} ms)`,
  );
  const answered = headersOf(response);
  const location = answered.get('location');
  if (plan.followRedirects > 0 && isRedirect(status, location)) {
    response.body.on('error', () => undefined).destroy();
    return { kind: 'redirection', status, location };
  }
  return {
    kind: 'answer',
    status,
    headers: answered,
    body: await passOn(response, answered, { plan, context }),
  };
}

function headersOf({ headers }: Dispatcher.ResponseData): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(headers).flatMap(([name, value]): readonly (readonly [string, string])[] => {
      if (value === undefined) return [];
      return [[name.toLowerCase(), typeof value === 'string' ? value : value.join(', ')]];
    }),
  );
}

/** Without a body there is nothing to unpack, whatever the header says. */
function isEmpty(method: string, status: number, headers: ReadonlyMap<string, string>): boolean {
  return method === 'HEAD' || status === 204 || status === 304 || headers.get('content-length') === '0';
}

async function passOn(
  { body, statusCode: status }: Dispatcher.ResponseData,
  headers: ReadonlyMap<string, string>,
  { plan, context }: Pick<SendOptions, 'plan' | 'context'>,
): Promise<Uint8Array> {
  const way = createOutputWay(context);
  let complete = false;
  try {
    const kept = await readBody(body, {
      encoding: isEmpty(plan.method, status, headers) ? '' : (headers.get('content-encoding') ?? ''),
      bytesMax: plan.responseBytesMax,
      take: (chunk) => way.write('stdout', chunk),
    });
    complete = true;
    return kept;
  } finally {
    await way.end({ cut: !complete });
  }
}
