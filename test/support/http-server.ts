// Servers and proxies for tests of HTTP operations: real ones on loopback, each with a record of what it was asked.
import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { ServerOptions } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface Asked {
  readonly method: string;
  readonly url: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** Subject of the client's certificate, where one was verified. */
  readonly client: string | null;
}

export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly asked: Asked[];
}

/** Answers every request with `answer` once its body is complete. */
export async function openServer(
  answer: (asked: Asked, response: Parameters<RequestListener>[1]) => void,
  tls?: ServerOptions,
): Promise<TestServer> {
  const asked: Asked[] = [];
  const listener: RequestListener = (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const entry: Asked = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body,
        client: clientOf(request),
      };
      asked.push(entry);
      answer(entry, response);
    });
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  return listenOn(server, asked);
}

function clientOf({ socket }: IncomingMessage): string | null {
  const secure = socket as Socket & {
    readonly authorized?: boolean;
    getPeerCertificate?: () => { readonly subject?: { readonly CN?: string } };
  };
  return secure.authorized === true ? (secure.getPeerCertificate?.().subject?.CN ?? '') : null;
}

/**
 * A proxy that tunnels (CONNECT) and forwards, to `target` whatever name it is asked for, if the credentials are right.
 */
export async function openProxy({
  credentials,
  target,
}: {
  readonly credentials: string;
  readonly target: number;
}): Promise<TestServer> {
  const asked: Asked[] = [];
  const right = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const note = (request: IncomingMessage): boolean => {
    const { method = '', url = '', headers } = request;
    asked.push({ method, url, headers, body: '', client: null });
    return headers['proxy-authorization'] === right;
  };
  const server = createServer((request, response) => {
    if (!note(request)) {
      response.writeHead(407).end();
      return;
    }
    const { pathname, search } = new URL(request.url ?? '');
    const onward = forward(
      {
        host: '127.0.0.1',
        port: target,
        path: pathname + search,
        method: request.method,
        headers: request.headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(onward);
  });
  server.on('connect', (request, socket: Socket) => {
    socket.on('error', () => undefined);
    if (!note(request)) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const onward = connect(target, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.pipe(socket);
      socket.pipe(onward);
    });
    onward.on('error', () => socket.destroy());
  });
  return listenOn(server, asked);
}

async function listenOn(server: Server, asked: Asked[]): Promise<TestServer> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
