// An HTTP proxy that speaks CONNECT (RFC 9110, section 9.3.6) and nothing else, and asks for credentials.
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface ConnectProxy extends AsyncDisposable {
  readonly port: number;
  /** `http://user:password@127.0.0.1:port`. */
  readonly url: string;
  /** Every CONNECT that came, with its answer. */
  readonly log: readonly { readonly target: string; readonly status: number }[];
  cut(): void;
}

export async function openConnectProxy(
  options: {
    readonly user: string;
    readonly password: string;
    /** The address that what is behind it seems to come from. */
    readonly localAddress?: string;
  } = { user: 'agent', password: 'p:a ss' },
): Promise<ConnectProxy> {
  const { user, password, localAddress } = options;
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const log: { target: string; status: number }[] = [];
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((_request, response) => {
    response.writeHead(405).end();
  });
  server.on('connection', track);
  server.on('connect', (request, socket, head: Buffer) => {
    const target = request.url ?? '';
    if (request.headers['proxy-authorization'] !== expected) {
      log.push({ target, status: 407 });
      socket.end(
        'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="proxy"\r\n\r\n',
      );
      return;
    }
    const { hostname, port } = new URL(`http://${target}`);
    const from = localAddress === undefined ? {} : { localAddress };
    const upstream = connect({ host: hostname, port: Number(port), ...from }, () => {
      log.push({ target, status: 200 });
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    track(upstream);
    upstream.on('close', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    url: `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    log,
    cut,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
    },
  };
}
