// Request and answer bodies of the two listeners that agents use, on plain node:http: JSON in, JSON or a problem
// document (RFC 9457) out.
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { z } from 'zod';
import { Failure, problemTypeOf } from '../../protocol/failures.ts';
import { parseJson, stringifyJson } from '../../protocol/json.ts';

/**
 * Reads a JSON body of a shape. Throws `unsupported_media_type`, `body_too_large`, `invalid_json` or
 * `invalid_request`; messages name members, never their values.
 */
export async function readBody<Shape extends z.ZodType>(
  request: IncomingMessage,
  options: { readonly schema: Shape; readonly bytesMax: number },
): Promise<z.output<Shape>> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new Failure('unsupported_media_type', 'Send the body as application/json.');
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > options.bytesMax) {
      throw new Failure('body_too_large', `A body may have ${options.bytesMax} bytes at the most.`);
    }
    chunks.push(chunk);
  }
  const result = options.schema.safeParse(parseJson(Buffer.concat(chunks).toString('utf8')));
  if (result.success) return result.data;
  const wrong = result.error.issues.map((issue) => `${issue.path.join('.') || 'the body'}: ${issue.message}`);
  throw new Failure('invalid_request', `The request is not valid. ${wrong.slice(0, 5).join('; ')}.`);
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  const text = stringifyJson(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}

/** The failure as a problem document; what is no Failure is told as `internal`, without its message. */
export function answerFailure(response: ServerResponse, cause: unknown): void {
  const failure = asFailure(cause);
  const { text, headers } = problemOf(failure);
  // The rest of a body that we refused is not read, so the connection cannot be used again.
  response.writeHead(failure.status, { ...headers, connection: 'close' });
  response.end(text);
}

/** The same on a socket that asked for an upgrade and gets none. */
export function refuseUpgrade(socket: Duplex, failure: Failure): void {
  const { text, headers } = problemOf(failure);
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const status = `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status] ?? ''}`;
  socket.end(`${status}\r\n${lines.join('\r\n')}\r\n\r\n${text}`);
}

export function asFailure(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  return new Failure('internal', 'Something went wrong on our side; the log of the server says what.', {
    cause,
  });
}

function problemOf(failure: Failure): { text: string; headers: Record<string, string> } {
  const { retry_after_ms: retryAfterMs, ...details } = failure.details;
  const text = stringifyJson({
    ...details,
    ...(retryAfterMs === undefined ? {} : { retry_after_ms: retryAfterMs }),
    type: problemTypeOf(failure.code),
    title: failure.title,
    status: failure.status,
    code: failure.code,
    detail: failure.message,
  });
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(text)),
    'cache-control': 'no-store',
  };
  if (typeof retryAfterMs === 'number') headers['retry-after'] = String(Math.ceil(retryAfterMs / 1_000));
  return { text, headers };
}
