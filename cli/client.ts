// The HTTP client of every command: one request, one answer, and every failure in words that say what to do.
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import { problemSchema } from '../protocol/api/page.ts';
import { Failure, isFailureCode } from '../protocol/failures.ts';
import { parseJson, stringifyJson } from '../protocol/json.ts';
import type { CliConfig } from './config.ts';
import { readEventStream } from './event-stream.ts';
import { renewSignIn, tokenPath } from './sign-in.ts';
import type { ReceivedEvent } from './event-stream.ts';

export interface Call<Schema extends z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly answer: Schema;
}

export interface Client {
  readonly config: CliConfig;
  /** Throws the Failure of the problem document, or `unreachable`. */
  call<Schema extends z.ZodType>(call: Call<Schema>): Promise<z.output<Schema>>;
  /** For answers without a body. */
  send(call: Omit<Call<z.ZodType>, 'answer'>): Promise<void>;
  /** The bytes of an answer as they come; throws `unreachable` when the connection breaks in the middle. */
  download(call: Omit<Call<z.ZodType>, 'answer'>): Promise<AsyncIterable<Uint8Array>>;
  /** Events from the one after `after`; ends when the server ends the stream, throws `unreachable` when it breaks. */
  events(path: string, after: string | null, signal?: AbortSignal): AsyncIterable<ReceivedEvent>;
  /** The token that requests are made with, replaced where it lapses soon. */
  bearer(): Promise<string | null>;
  /** Posts a form to an endpoint of the authorization server, as nobody. */
  form(path: string, form: Readonly<Record<string, string>>): Promise<FormAnswer>;
  close(): Promise<void>;
}

export interface FormAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A token is replaced when it has so long left. */
const renewalMs = 30_000;

export function openClient(config: CliConfig): Client {
  // An event stream has no end that could be timed, hence no body timeout; pings of the server keep it alive.
  const dispatcher = new Agent({
    bodyTimeout: 0,
    ...(config.ca === null ? {} : { connect: { ca: config.ca } }),
  });

  let { token } = config;
  let expiresAt = config.signIn?.expiresAt ?? Infinity;
  /** A token that lapses soon is replaced before it is used; several requests at once wait for the same new one. */
  let renewing: Promise<void> | null = null;
  const renewed = async (): Promise<void> => {
    if (config.signIn === undefined || expiresAt - Date.now() > renewalMs) return;
    const { path } = config.signIn;
    renewing ??= renewSignIn(path, (form) => postForm(config, dispatcher, { path: tokenPath, form }))
      .then((fresh) => {
        ({ token, expiresAt } = fresh);
      })
      .finally(() => {
        renewing = null;
      });
    await renewing;
  };

  const exchange = async (call: Omit<Call<z.ZodType>, 'answer'>, signal?: AbortSignal) => {
    await renewed();
    const answer = await reach(config, () =>
      request(addressOf(config, call), {
        method: call.method,
        dispatcher,
        headers: headersOf(token, call),
        ...(signal === undefined ? {} : { signal }),
        ...(call.body === undefined ? {} : { body: stringifyJson(call.body) }),
      }),
    );
    if (answer.statusCode >= 400) throw await failureOf(answer, config);
    return answer;
  };

  return {
    config,
    async call(call) {
      const answer = await exchange(call);
      return parseAnswer(config, call.answer, await answer.body.text());
    },
    async send(call) {
      const answer = await exchange(call);
      await answer.body.dump();
    },
    async download(call) {
      const answer = await exchange(call);
      return wholeBody(answer.body, config);
    },
    async *events(path, after, signal) {
      const headers = { accept: 'text/event-stream', ...(after === null ? {} : { 'last-event-id': after }) };
      const answer = await exchange({ method: 'GET', path, headers }, signal);
      try {
        yield* readEventStream(answer.body);
      } catch (cause) {
        if (signal?.aborted === true) return;
        throw unreachable(config, cause);
      }
    },
    async bearer() {
      await renewed();
      return token;
    },
    form: (path, form) => postForm(config, dispatcher, { path, form }),
    close: () => dispatcher.destroy(),
  };
}

/** The answer of an endpoint that takes forms, whatever its status (RFC 6749, sections 5.1 and 5.2). */
async function postForm(
  config: CliConfig,
  dispatcher: Dispatcher,
  post: { readonly path: string; readonly form: Readonly<Record<string, string>> },
): Promise<FormAnswer> {
  const answer = await reach(config, () =>
    request(config.url + post.path, {
      method: 'POST',
      dispatcher,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(post.form).toString(),
    }),
  );
  const text = await answer.body.text();
  try {
    return { status: answer.statusCode, body: text === '' ? {} : parseJson(text) };
  } catch (cause) {
    throw new Failure(
      'internal',
      `${config.url} answered ${answer.statusCode}, and not as Wayside does. Is it one?`,
      { cause },
    );
  }
}

/** The parsed body of an answer; throws `internal` where it is not what was expected. */
function parseAnswer<Schema extends z.ZodType>(
  config: CliConfig,
  schema: Schema,
  text: string,
): z.output<Schema> {
  try {
    return schema.parse(parseJson(text));
  } catch (cause) {
    throw new Failure(
      'internal',
      `${config.url} answered, and not as this version of Wayside does. Is it one, and of the same version?`,
      { cause },
    );
  }
}

async function* wholeBody(
  body: AsyncIterable<Uint8Array>,
  config: CliConfig,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } catch (cause) {
    throw unreachable(config, cause);
  }
}

function addressOf(config: CliConfig, call: Pick<Call<z.ZodType>, 'path' | 'query'>): URL {
  const url = new URL(config.url + call.path);
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

function headersOf(
  token: string | null,
  call: Pick<Call<z.ZodType>, 'headers' | 'body'>,
): Record<string, string> {
  return {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...call.headers,
  };
}

async function reach<T>(config: CliConfig, exchange: () => Promise<T>): Promise<T> {
  try {
    return await exchange();
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'AbortError') throw cause;
    throw unreachable(config, cause);
  }
}

function unreachable(config: CliConfig, cause: unknown): Failure {
  const reason = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new Failure(
    'unreachable',
    `The server at ${config.url} cannot be reached (${reason}). Is \`wayside server\` running there? ` +
      'WAYSIDE_URL or --url says where to look.',
    { cause },
  );
}

async function failureOf(answer: Dispatcher.ResponseData, config: CliConfig): Promise<Failure> {
  const text = await answer.body.text();
  try {
    const {
      code,
      detail,
      title,
      type: _type,
      status: _status,
      ...details
    } = problemSchema.parse(parseJson(text));
    return new Failure(isFailureCode(code) ? code : 'internal', detail === '' ? title : detail, { details });
  } catch {
    // A gateway that finds nobody behind it says so in words of its own.
    const isGateway = [502, 503, 504].includes(answer.statusCode);
    return new Failure(
      isGateway ? 'unreachable' : 'internal',
      `${config.url} answered ${answer.statusCode}, and not as Wayside does. Is it one?`,
    );
  }
}
