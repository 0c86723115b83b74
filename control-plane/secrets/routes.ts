// The routes of the keyring: `/v1/keyring`.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { keyringRotatedSchema, keyringSchema } from '../../protocol/api/store.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { KeyProvider } from './key-provider.ts';
import { destroyKeyVersion, keyReferences, rotateKeyring } from './rotate.ts';

type Deps = RouteDeps & ChangeDeps & { readonly provider: KeyProvider; readonly clock: { now(): number } };

const tag = 'keyring';
const versionParams = z.object({ version: z.coerce.number().int().min(1) });

export function keyringRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/keyring',
    permission: 'operations.keyring.rotate',
    summary: 'Versions of the keyring, and what still needs them; no key',
    tag,
    answers: { 200: keyringSchema },
    handler: async () => {
      const [versions, references] = await Promise.all([deps.provider.versions(), keyReferences(deps)]);
      const view = versions.map((version) => ({
        version: version.version,
        state: version.state,
        created_at: version.createdAt,
        retired_at: version.retiredAt,
        references: references.get(version.version) ?? 0,
      }));
      return { status: 200, body: { versions: view } };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/keyring/rotate',
    permission: 'operations.keyring.rotate',
    summary: 'Make a new version of the keyring and put every stored value under it',
    tag,
    answers: { 200: keyringRotatedSchema },
    handler: async (context) => {
      // Written before it is done: a rotation that dies half way has begun all the same.
      await commitChange(deps, context, {
        operation: 'keyring.rotate',
        resource: 'keyring',
        details: { from: await deps.provider.currentVersion() },
        steps: [],
      });
      return { status: 200, body: await rotateKeyring(deps) };
    },
  });
  route(app, deps, {
    method: 'DELETE',
    url: '/v1/keyring/versions/:version',
    permission: 'operations.keyring.rotate',
    summary: 'Destroy a version of the keyring that nothing needs any more, for good',
    tag,
    params: versionParams,
    answers: { 204: null },
    handler: async (context) => {
      const { version } = context.params;
      await destroyKeyVersion(deps, version);
      await commitChange(deps, context, {
        operation: 'keyring.destroy',
        resource: `keyring/versions/${version}`,
        details: { version },
        steps: [],
      });
      return { status: 204 };
    },
  });
}
