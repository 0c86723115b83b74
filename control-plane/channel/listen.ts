// Opens an HTTPS server on an address with what both listeners for agents share: timeouts, and errors that say what
// to do.
import type { Server } from 'node:https';
import { Failure } from '../../protocol/failures.ts';

/** Resolves to the port. Throws `port_in_use` or `invalid_configuration`. */
export async function listen(
  server: Server,
  options: { readonly host: string; readonly port: number; readonly purpose: string },
): Promise<number> {
  const { host, port, purpose } = options;
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      const isTaken = cause.code === 'EADDRINUSE';
      const message = isTaken
        ? `The port ${port} on ${host} for ${purpose} is in use. Stop the other program, or choose another port.`
        : `${host}:${port} for ${purpose} cannot be opened: ${cause.message}.`;
      reject(new Failure(isTaken ? 'port_in_use' : 'invalid_configuration', message, { cause }));
    };
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('a TCP server has an address and a port');
  return address.port;
}

/** The host as a URL writes it: IPv6 in brackets (RFC 3986, section 3.2.2). */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
