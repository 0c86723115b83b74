// One JSON request to the control plane outside the WebSocket: enrolment, renewal, recovery.
import { request } from 'node:https';
import type { Agent } from 'node:https';
import { Failure, isFailureCode } from '../protocol/failures.ts';
import { parseJson, stringifyJson } from '../protocol/json.ts';
import { enrollMsMax, requestBodyBytesMax } from '../protocol/limits.ts';
import { connectionFailure } from './explain-connection.ts';

/**
 * The parsed body of a 2xx answer. Any other answer becomes the Failure that its problem document names (RFC 9457);
 * no answer becomes `unreachable` or `certificate_rejected`.
 */
export async function postJson(
  url: URL,
  body: unknown,
  { agent, signal }: { readonly agent: Agent; readonly signal?: AbortSignal },
): Promise<unknown> {
  const { status, text } = await send(url, stringifyJson(body), { agent, ...(signal ? { signal } : {}) });
  const answer = readAnswer(text);
  if (status >= 200 && status < 300) return answer;
  throw problemOf(status, answer, url);
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function send(
  url: URL,
  body: string,
  { agent, signal }: { readonly agent: Agent; readonly signal?: AbortSignal },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      reject(connectionFailure(cause, url));
    };
    const exchange = request(url, {
      method: 'POST',
      agent,
      timeout: enrollMsMax,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      ...(signal === undefined ? {} : { signal }),
    });
    exchange.on('timeout', () =>
      exchange.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    );
    exchange.on('error', fail);
    exchange.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > requestBodyBytesMax) exchange.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('error', fail);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    exchange.end(body);
  });
}

function readAnswer(text: string): unknown {
  try {
    return text === '' ? null : parseJson(text);
  } catch {
    return null;
  }
}

function problemOf(status: number, answer: unknown, url: URL): Failure {
  const problem: Readonly<Record<string, unknown>> =
    typeof answer === 'object' && answer !== null ? { ...answer } : {};
  const code = String(problem['code'] ?? '');
  const detail = problem['detail'] ?? problem['title'];
  if (isFailureCode(code)) {
    return new Failure(code, typeof detail === 'string' ? detail : code, { details: problem });
  }
  return new Failure(
    'unreachable',
    `${url.host} answered ${status}: this is not the port of a control plane.`,
  );
}
