// Opens the listener of the API, with errors that say what to do.
import type { FastifyInstance } from 'fastify';
import { Failure } from '../../protocol/failures.ts';

/** Resolves to the URL. Throws `port_in_use` or `invalid_configuration`. */
export async function listenApi(
  app: FastifyInstance,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    switch (code) {
      case 'EADDRINUSE':
        throw new Failure(
          'port_in_use',
          `The port ${port} on ${host} for the API is in use. Is a control plane running already? --port chooses another one.`,
          { cause },
        );
      case 'EACCES':
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        throw new Failure(
          'invalid_configuration',
          `${host}:${port} for the API cannot be opened: ${message}. --host and --port choose another address.`,
          { cause },
        );
      default:
        throw cause;
    }
  }
}
