// Every error leaves as a problem document (RFC 9457) with a stable code and a sentence that says what to do.
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Failure, problemTypeOf } from '../../protocol/failures.ts';
import { requestBodyBytesMax } from '../../protocol/limits.ts';

const problemType = 'application/problem+json';

/** Answers with the failure that an error is; what is not a failure is a bug, logged whole and told as `internal`. */
export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const failure = failureOf(error);
  if (failure.code === 'internal') request.log.error({ err: error }, 'a request failed by a bug');
  return reply
    .status(failure.status)
    .headers(withMetadata(headersOf(failure), metadataOf.get(request.server.server)?.() ?? null))
    .type(problemType)
    .serializer((body: unknown) => JSON.stringify(body))
    .send(documentOf(failure, { request_id: request.id }));
}

/** By the listener that all scopes of an application share. */
const metadataOf = new WeakMap<FastifyInstance['server'], () => string | null>();

/** Lets every challenge of the application name the address of its metadata as a protected resource. */
export function pointToMetadata(app: FastifyInstance, address: () => string | null): void {
  metadataOf.set(app.server, address);
}

/** RFC 9728, section 5.1: a client that knows nothing of us but our address finds from there how to get a token. */
function withMetadata(headers: Record<string, string>, address: string | null): Record<string, string> {
  const challenge = headers['www-authenticate'];
  if (challenge === undefined || address === null) return headers;
  const separator = challenge.includes(' ') ? ', ' : ' ';
  return { ...headers, 'www-authenticate': `${challenge}${separator}resource_metadata="${address}"` };
}

/** Answers what is not even HTTP: nothing of it is known but the socket. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy(error);
    return;
  }
  const failure =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? new Failure('request_timeout', 'The request took too long to arrive.')
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? new Failure('headers_too_large', 'The request line and headers are too long.')
        : new Failure('invalid_request', 'This is not a request that HTTP/1.1 allows.');
  const text = JSON.stringify(documentOf(failure, {}));
  const head = [
    `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status] ?? ''}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}

function documentOf(
  failure: Failure,
  more: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return {
    ...failure.details,
    type: problemTypeOf(failure.code),
    title: failure.title,
    status: failure.status,
    code: failure.code,
    detail: failure.message,
    ...more,
  };
}

function headersOf(failure: Failure): Record<string, string> {
  const { retry_after_ms: retryAfterMs } = failure.details;
  if (typeof retryAfterMs === 'number') return { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) };
  switch (failure.code) {
    case 'elevation_needed':
      return { 'www-authenticate': stepUpChallenge(failure.details) };
    case 'forbidden':
      return failure.details['reason'] === 'token_scope'
        ? { 'www-authenticate': scopeChallenge(failure.details) }
        : {};
    case 'not_signed_in':
      return { 'www-authenticate': 'Bearer' };
    case 'invalid_token':
    case 'run_token_ended':
      return { 'www-authenticate': 'Bearer error="invalid_token"' };
    case 'unavailable':
    case 'store_failed':
    case 'store_unavailable':
      return { 'retry-after': '1' };
    default:
      return {};
  }
}

/** RFC 9470, section 3: how strongly and how lately somebody has to have signed in. */
function stepUpChallenge({ acr_values, max_age }: Failure['details']): string {
  return (
    'Bearer error="insufficient_user_authentication", ' +
    'error_description="Show again who you are", ' +
    `acr_values="${String(acr_values)}", max_age=${String(max_age)}`
  );
}

/** RFC 6750, section 3.1: the role would do, the token does not. */
function scopeChallenge({ permission }: Failure['details']): string {
  return `Bearer error="insufficient_scope", scope="${String(permission)}"`;
}

function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (hasZodFastifySchemaValidationErrors(error)) return invalidRequest(error);
  const { code, statusCode, message } = error as FastifyError;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Failure('body_too_large', `A body may have ${requestBodyBytesMax} bytes at the most.`);
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Failure('unsupported_media_type', 'Send the body as application/json.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Failure('invalid_json', 'The length of the body is not what was announced.');
    case 'FST_ERR_BAD_URL':
      return new Failure('invalid_request', 'The path is not percent-encoded as RFC 3986 asks for.');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new Failure('not_found', 'A part of the path is longer than any id or name.');
  }
  if (statusCode === 503)
    return new Failure('unavailable', 'The server is overloaded. Try again in a moment.');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Failure('invalid_request', message);
  }
  return new Failure('internal', 'Something went wrong on our side. The request id finds it in the log.', {
    cause: error,
  });
}

interface Mistake {
  readonly instancePath: string;
  readonly message?: string;
  readonly params?: { readonly errors?: readonly (readonly Issue[])[] };
}

/** Of zod: what is wrong, and with which member. */
interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly errors?: readonly (readonly Issue[])[];
}

function invalidRequest(error: { readonly validation: readonly Mistake[] }): Failure {
  const where = (error as unknown as { validationContext?: string }).validationContext ?? 'request';
  const errors = error.validation.flatMap(({ instancePath, message = 'is not valid', params }) =>
    nearest({ path: [], message, ...params }).map(({ path, message }) => ({
      path: [`${where}${instancePath}`.replace(/\/$/, ''), ...path].join('/'),
      message,
    })),
  );
  const first = errors[0];
  const detail = first === undefined ? 'The request is not valid.' : `${first.path}: ${first.message}.`;
  return new Failure('invalid_request', detail, { details: { errors } });
}

/** Where several shapes are allowed, the mistakes of the one that has the fewest: probably it was meant. */
function nearest(issue: Issue): readonly Issue[] {
  const shapes = (issue.errors ?? []).map((issues) => issues.flatMap(nearest));
  const [fewest] = shapes.filter(({ length }) => length > 0).sort((a, b) => a.length - b.length);
  if (fewest === undefined) return [issue];
  return fewest.map(({ path, message }) => ({ path: [...issue.path, ...path], message }));
}
