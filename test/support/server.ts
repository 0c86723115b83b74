// A whole control plane on free ports and in a folder of its own: in this process, or as a process of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { parseServerConfig } from '../../control-plane/config.ts';
import { startServer } from '../../control-plane/server.ts';
import { engineEnvironment } from './engine.ts';
import type { RegisteredRoute } from '../../control-plane/http/registered-routes.ts';
import type { ServerOptions } from '../../control-plane/server.ts';

export interface TestServerOptions {
  /** `here` (the default) runs it in this process, `process` runs `wayside server`. */
  readonly mode?: 'here' | 'process';
  /** A data folder to use, for instance that of a server before; otherwise a new one, removed by `close`. */
  readonly dataFolder?: string;
  /** Further options of `wayside server` by name, for instance `{ 'requests-per-minute': '5' }`. */
  readonly options?: Readonly<Record<string, string>>;
  /** Further environment of the process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Only in this process. */
  readonly faultPoint?: ServerOptions['faultPoint'];
}

/** Members that tests look at often; name a type where others are needed. */
export interface Seen {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly state: string;
  readonly revision: number;
  readonly code: string;
  readonly detail: string;
  readonly items: readonly Seen[];
  readonly next_cursor: string | null;
  readonly [member: string]: unknown;
}

export interface ApiAnswer<Body = Seen> {
  readonly status: number;
  readonly headers: Headers;
  /** The body as text, digit for digit. */
  readonly text: string;
  /** The body read as JSON where it is JSON, else undefined. */
  readonly body: Body;
}

export interface TestServer {
  readonly url: string;
  /** The first owner's; empty where the data folder was initialized before. */
  readonly token: string;
  readonly agentUrl: string;
  readonly enrollUrl: string;
  readonly dataFolder: string;
  /** The control plane's own process; null where it runs in this one. */
  readonly process: ChildProcess | null;
  /** Every route of the API with its permission; empty for a process of its own. */
  readonly routes: readonly RegisteredRoute[];
  /** Everything logged so far. */
  log(): string;
  /** One request as the first owner; `headers` may say otherwise. A string is sent as it is, all else as JSON. */
  api<Body = Seen>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string | undefined>>,
  ): Promise<ApiAnswer<Body>>;
  /** Ends it in order and removes its folder, unless that was given. Again is harmless. */
  close(): Promise<void>;
}

/** Resolves when all three listeners are open. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const dataFolder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'wayside-server-'));
  const remove = (): void => {
    if (options.dataFolder === undefined) rmSync(dataFolder, { recursive: true, force: true });
  };
  try {
    const started = await (options.mode === 'process' ? startProcess : startHere)(options, dataFolder);
    const { url, token } = started;
    let closing: Promise<void> | null = null;
    return {
      ...started,
      dataFolder,
      api: (method, path, body, headers) => callApi({ url, token, method, path, body, headers }),
      close: () => (closing ??= started.end().finally(remove)),
    };
  } catch (cause) {
    remove();
    throw cause;
  }
}

/** What `TestServer.api` does, as whoever `token` belongs to. */
export async function callApi<Body = Seen>(call: {
  readonly url: string;
  readonly token: string;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
}): Promise<ApiAnswer<Body>> {
  const { body } = call;
  const headers = new Headers(call.token === '' ? {} : { authorization: `Bearer ${call.token}` });
  if (body !== undefined) headers.set('content-type', 'application/json');
  for (const [name, value] of Object.entries(call.headers ?? {})) {
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
  const answer = await fetch(call.url + call.path, {
    method: call.method,
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const isJson = /[/+]json\b/.test(answer.headers.get('content-type') ?? '');
  const read = (isJson ? JSON.parse(text) : undefined) as Body;
  return { status: answer.status, headers: answer.headers, text, body: read };
}

type Started = Pick<TestServer, 'url' | 'token' | 'agentUrl' | 'enrollUrl' | 'process' | 'routes' | 'log'> & {
  end(): Promise<void>;
};

function optionsOf(options: TestServerOptions, dataFolder: string): Record<string, string> {
  const ports = { port: '0', 'agent-port': '0', 'enroll-port': '0' };
  return { data: dataFolder, ...ports, ...options.options };
}

async function startHere(options: TestServerOptions, dataFolder: string): Promise<Started> {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const config = parseServerConfig(optionsOf(options, dataFolder), await engineEnvironment(dataFolder));
  const { faultPoint } = options;
  const routes: RegisteredRoute[] = [];
  const server = await startServer({
    config,
    onRoute: (route) => routes.push(route),
    log: pino({ level: config.logLevel }, stream),
    onFatal: (cause) => {
      throw cause;
    },
    ...(faultPoint === undefined ? {} : { faultPoint }),
  });
  const { url, agentUrl, enrollUrl, ownerToken } = server;
  return {
    url,
    agentUrl,
    enrollUrl,
    token: ownerToken ?? '',
    process: null,
    routes,
    log: () => lines.join(''),
    end: () => server.close(),
  };
}

const cli = join(import.meta.dirname, '../../cli/main.ts');

async function startProcess(options: TestServerOptions, dataFolder: string): Promise<Started> {
  const flags = Object.entries(optionsOf(options, dataFolder)).flatMap(([name, value]) => [
    `--${name}`,
    value,
  ]);
  const child = spawn(process.execPath, [cli, '--json', 'server', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: dataFolder,
      ...(await engineEnvironment(dataFolder)),
      ...options.environment,
    },
  });
  const lines: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => lines.push(String(chunk)));
  const closed = once(child, 'close');
  const ready = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line)),
    closed.then(() => null),
  ]);
  if (ready === null) throw new Error(`the control plane did not start: ${lines.join('')}`);
  const { url, agent_url, enroll_url, token } = JSON.parse(ready) as Record<string, string | null>;
  return {
    url: url ?? '',
    agentUrl: agent_url ?? '',
    enrollUrl: enroll_url ?? '',
    token: token ?? '',
    process: child,
    routes: [],
    log: () => lines.join(''),
    async end() {
      child.kill('SIGTERM');
      await closed;
    },
  };
}
