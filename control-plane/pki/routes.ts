// The routes of pki: authorities, roles, what anybody may fetch, and the rotation of the key that signs intents.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { idSchema } from '../../protocol/ids.ts';
import { Failure } from '../../protocol/failures.ts';
import { commitChange } from '../authority/change.ts';
import { route } from '../http/route.ts';
import { authorityRoutes } from './authority-routes.ts';
import type { PkiRouteDeps } from './contract.ts';
import { rotateIntentKey } from './intent-keys.ts';
import { offlineRoutes } from './offline-routes.ts';
import type { Pki } from './open-pki.ts';
import { roleRoutes } from './role-routes.ts';

const tag = 'pki';
const authorityViewSchema = z.object({
  trust_domain: z.string(),
  /** PEM. */
  root: z.string(),
  /** SHA-256 of the root (DER), hex; join tokens carry it. */
  root_pin: z.string(),
  /** Data-plane CA, then intermediate, then a cross-signed root while two roots count; PEM. */
  chain: z.string(),
  /** Key id of the active intent key. */
  intent_key: z.string(),
});
const revocationListsSchema = z.object({ pem: z.string(), next_update: z.int() });

export function pkiRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  chainRoutes(app, deps);
  authorityRoutes(app, deps);
  offlineRoutes(app, deps);
  roleRoutes(app, deps);
  publishLists(app, deps);
}

function chainRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/authority',
    permission: 'pki.authority.read',
    summary: 'The root certificate that agents pin, and the chain below it',
    tag,
    answers: { 200: authorityViewSchema },
    handler: async () => ({ status: 200, body: authorityView(deps.pki) }),
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/revocation-lists',
    permission: 'pki.authority.read',
    summary: 'The revocation lists of all authorities (RFC 5280, section 5)',
    tag,
    answers: { 200: revocationListsSchema },
    handler: async () => {
      const { pem, nextUpdate } = await deps.revocations.pem();
      return { status: 200, body: { pem, next_update: nextUpdate } };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/intent-keys/rotate',
    permission: 'operations.keyring.rotate',
    summary: 'Make the next intent key the active one; the former verifies until its last intent has expired',
    tag,
    answers: { 200: authorityViewSchema },
    handler: async (context) => {
      const before = deps.pki.intentKey().kid;
      await rotateIntentKey(deps.signingKeys, (steps) =>
        commitChange(deps, context, {
          operation: 'pki.rotate_intent_key',
          resource: 'pki/intent-keys',
          details: { before },
          steps,
        }),
      );
      await deps.pki.refresh();
      return { status: 200, body: authorityView(deps.pki) };
    },
  });
}

const fileSchema = z.object({ file: z.string().regex(/\.crl$/) });

/**
 * `GET /pki/crl/<id>.crl`, DER (RFC 5280, section 5; RFC 2585, section 4.2), for everybody: a list says nothing that
 * the certificates themselves do not, and who checks them has no token.
 */
function publishLists(app: FastifyInstance, { revocations, clock }: PkiRouteDeps): void {
  app.get(
    '/pki/crl/:file',
    { config: { permission: 'public' }, schema: { hide: true } as never },
    async (request, reply) => {
      const { file = '' } = request.params as { readonly file?: string };
      const id = idSchema.safeParse(file.replace(/\.crl$/, ''));
      const isList = fileSchema.safeParse({ file }).success && id.success;
      const list = isList ? await revocations.of(id.data) : null;
      if (list === null) throw new Failure('not_found', 'There is no authority with this list.');
      const seconds = Math.max(0, Math.floor((list.nextUpdate - clock.now()) / 1_000));
      return (
        reply
          .header('content-type', 'application/pkix-crl')
          // Never longer than a revocation may take to be seen (authority.md, F19).
          .header('cache-control', `public, max-age=${Math.min(seconds, listAgeSecondsMax)}`)
          .send(list.der)
      );
    },
  );
}

const listAgeSecondsMax = 60;

function authorityView(pki: Pki): z.input<typeof authorityViewSchema> {
  const { trustDomain, anchor, rootPin, chain } = pki.authorities();
  return {
    trust_domain: trustDomain,
    root: anchor.pem,
    root_pin: rootPin,
    chain,
    intent_key: pki.intentKey().kid,
  };
}
