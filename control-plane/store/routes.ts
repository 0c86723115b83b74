// The route of backups: `/v1/store/backup` streams an encrypted copy of the running store.
import type { FastifyInstance } from 'fastify';
import { Readable } from 'node:stream';
import { backupCreateSchema } from '../../protocol/api/store.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { BackupSecret } from './backup-format.ts';
import { readBackup } from './backup.ts';

type Deps = RouteDeps & ChangeDeps & { readonly dataFolder: string; readonly clock: { now(): number } };

export function storeRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/store/backup',
    permission: 'operations.store.backup',
    summary:
      'A copy of the store, encrypted to the passphrase or key of the request; the keyring is not in it',
    tag: 'store',
    body: backupCreateSchema,
    answers: { 200: null },
    streams: { 200: 'application/octet-stream' },
    handler: async (context) => {
      const secret: BackupSecret =
        'key' in context.body
          ? { kind: 'key', key: Buffer.from(context.body.key, 'base64url') }
          : { kind: 'passphrase', passphrase: context.body.passphrase };
      await commitChange(deps, context, {
        operation: 'store.backup',
        resource: 'store',
        details: { protection: secret.kind },
        steps: [],
      });
      const bytes = readBackup(deps, secret);
      // The first piece is taken here, so that what fails before it is answered as a problem.
      const first = await bytes.next();
      return {
        status: 200,
        headers: {
          'content-type': 'application/octet-stream',
          'content-disposition': `attachment; filename="wayside-${deps.clock.now()}.backup"`,
        },
        body: Readable.from(continued(first, bytes)),
      };
    },
  });
}

async function* continued(
  first: IteratorResult<Uint8Array, void>,
  rest: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    if (first.done !== true) yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
